# test_mutate_cuda.py: the mutation script finds what it should break and tells the killed from the survivors.
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emulator_programs import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from mutations import UsageError, find_mutations

SOURCE = "tests/emulator/example/row_sum.cu"


def mutate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/mutate_cuda.py"), SOURCE]
    command += [
        "--drivers",
        "tests/emulator/example/row_sum.cpp",
        "--tree",
        "cuda",
        "cpp/include",
        "tests/cuda_drivers",
    ]
    command += ["tests/emulator/example", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def mutated(text: str) -> list[str]:
    return [text[: m.start] + m.replacement + text[m.end :] for m in find_mutations(Path("k.cu"), text)]


def test_every_barrier_is_removed_once() -> None:
    text = '__syncthreads();\nif (__syncthreads_or(f(a, b))) x();\n// __syncthreads();\nlog("__syncwarp()");\n'
    assert mutated(text) == [
        text.replace("__syncthreads();", "static_cast<void>(0);", 1),
        text.replace("__syncthreads_or(f(a, b))", "((f(a, b)) != 0)"),
    ]


def test_masks_lose_a_lane_or_grow() -> None:
    assert mutated("x = __shfl_sync(kFullMask, f(a, b), 0);") == ["x = __shfl_sync(0xfffffffeu, f(a, b), 0);"]
    assert mutated("b = __ballot_sync(mask(i), 1);") == [
        "b = __ballot_sync(0xffffffffu, 1);",
        "b = __ballot_sync(((mask(i)) & ((mask(i)) - 1u)), 1);",
    ]


def test_marked_lines() -> None:
    assert mutated("if (f(i) < n) {  // KT_MUTATE: bound") == ["if (true) {  // KT_MUTATE: bound"]
    assert mutated("x = 1;  // KT_MUTATE: delete") == ["  // KT_MUTATE: delete"]
    two = "a < b;  // KT_MUTATE: < -> <=  // KT_MUTATE: a -> c"
    assert sorted(mutated(two)) == sorted([two.replace("a < b", "a <= b"), two.replace("a < b", "c < b")])


@pytest.mark.parametrize("mark", ["bound", "b -> c", "whatever"])
def test_a_mark_that_fits_nothing_is_refused_with_its_line(mark: str) -> None:
    with pytest.raises(UsageError, match=r"^k\.cu:2: KT_MUTATE"):
        find_mutations(Path("k.cu"), f"\na = 1;  // KT_MUTATE: {mark}\n")


def test_the_mark_of_equivalence_covers_its_line_the_next_line_and_its_kind() -> None:
    text = "// KT_EQUIVALENT barrier: why not\n__syncwarp(m);\n__syncwarp();\n"
    text += "__syncwarp();  // KT_EQUIVALENT barrier: so\n"
    reasons = [(m.kind, m.line, m.equivalent) for m in find_mutations(Path("k.cu"), text)]
    assert reasons == [
        ("barrier", 2, "why not"),
        ("mask", 2, ""),
        ("mask", 2, ""),
        ("barrier", 3, ""),
        ("barrier", 4, "so"),
    ]


def test_the_example_is_killed_by_the_runs_that_should(gxx: str, tmp_path: Path) -> None:
    output = tmp_path / "table.md"
    only = "syncthreads. removed|syncwarp. removed|columns. ->|deleted"
    result = mutate("--strict", "--only", only, "--builds", "plain", "tsan", "--output", str(output))
    assert result.returncode == 0, result.stderr
    rows = [line.split(" | ") for line in output.read_text().splitlines() if line.startswith(f"| {SOURCE}")]
    verdicts = {row[1]: row[-1] for row in rows}
    assert len(rows) == 5
    assert rows[1][2:6] == ["wrong values", "-", "wrong values", "data race"]
    assert verdicts["`i < columns` -> `i <= columns`"].startswith("killed by FIFO")
    assert [row[-1] for row in rows if "syncwarp" in row[1]][1].startswith("equivalent: nothing is read after it")
    assert "5 mutations, 4 killed, 1 survive" in output.read_text()


def test_a_survivor_is_an_error_and_strictness_kills_it(gxx: str) -> None:
    only = "shfl_xor_sync. mask .* -> .0xffffffffu"
    lenient = mutate("--only", only, "--builds", "plain")
    assert lenient.returncode == 1
    assert "SURVIVES" in lenient.stdout
    assert "1 need attention" in lenient.stdout
    strict = mutate("--only", only, "--builds", "plain", "--strict")
    assert strict.returncode == 0, strict.stderr
    assert "stopped: strict" in strict.stdout, strict.stderr


def test_nothing_to_do_is_an_error() -> None:
    result = mutate("--only", "no such mutation")
    assert result.returncode == 2
    assert "nothing to do" in result.stderr


def test_no_further_build_is_tried_after_the_first_that_kills(gxx: str) -> None:
    result = mutate("--first", "--only", "columns. ->", "--builds", "plain", "tsan", "--cxxflags=-O1")
    assert result.returncode == 0, result.stderr
    (row,) = [line for line in result.stdout.splitlines() if line.startswith(f"| {SOURCE}")]
    assert row.split(" | ")[5] == ""  # ThreadSanitizer's column, after three schedules
    assert "killed by FIFO" in row
