"""KINETRACE_SIMD and KINETRACE_NUM_THREADS: obeyed, and a bad value is an error that names the variable."""

from __future__ import annotations

import pytest

from kinetrace import _cpu
from programs import output, run

LEVELS = ["baseline", "avx2", "avx512"]
HERE = LEVELS[: LEVELS.index(_cpu.best_simd_level()) + 1]


@pytest.mark.parametrize("level", HERE)
def test_simd_level_is_forced(level: str) -> None:
    assert output("print(kt._cpu.simd_level(), digest(2))", KINETRACE_SIMD=level).split()[0] == level


def test_the_bits_do_not_depend_on_the_simd_level() -> None:
    assert len({output("print(digest(2))", KINETRACE_SIMD=level) for level in [*HERE, ""]}) == 1


@pytest.mark.parametrize("level", ["sse9", "AVX2", " avx2", "avx512,avx2"])
def test_an_unknown_simd_level_is_an_error(level: str) -> None:
    done = run("digest(1)", check=False, KINETRACE_SIMD=level)
    assert done.returncode == 1
    assert f"ValueError: KINETRACE_SIMD: expected baseline, avx2 or avx512, got {level}" in done.stderr


@pytest.mark.parametrize("count", ["1", "2", "3", "64"])
def test_thread_count_is_obeyed_and_changes_no_bits(count: str) -> None:
    program = "print(kt._cpu.num_threads(), digest(None), len(__import__('os').listdir('/proc/self/task')))"
    number, bits, threads = output(program, KINETRACE_NUM_THREADS=count, OPENBLAS_NUM_THREADS="1").split()
    assert number == count
    assert bits == output("print(digest(1))")
    assert int(threads) <= int(count)


@pytest.mark.parametrize("count", ["0", "-1", "two", "2.5", "3x", "99999999999", "4097"])
def test_a_bad_thread_count_is_an_error(count: str) -> None:
    done = run("digest(None)", check=False, KINETRACE_NUM_THREADS=count)
    assert done.returncode == 1
    assert f"ValueError: KINETRACE_NUM_THREADS: expected an int from 1 to 4096, got '{count}'" in done.stderr


def test_empty_variables_count_as_unset() -> None:
    output("print(digest(None))", KINETRACE_NUM_THREADS="", KINETRACE_SIMD="")


def test_an_explicit_thread_count_wins() -> None:
    program = "digest(1); print(len(__import__('os').listdir('/proc/self/task')))"
    assert output(program, KINETRACE_NUM_THREADS="8", OPENBLAS_NUM_THREADS="1") == "1"
