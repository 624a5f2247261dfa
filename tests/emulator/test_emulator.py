# test_emulator.py: what the CUDA emulator returns, what it refuses, and what sanitizers find in its kernels.
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator_programs import INCLUDES, ROOT, SCHEDULES, Run

Program = Callable[[str, str], Run]

RACES = ("block_sum", "warp_reverse", "half_reverse", "early_exit", "count", "block_words")
FILE = r"tests/emulator/failure_kernels\.cuh:\d+"
# What the first line of each report must say; {f} is a file and line.
CAUSES = {
    "deadlock": r"deadlock: every living thread waits for another one",
    "not_in_mask": r"thread 31 \(warp 0, lane 31\) is not in its own mask 0x7fffffff "
    r"of __shfl_up_sync at {f}",
    "masks_differ": r"masks differ: __any_sync mask 0xffffffff at {f}, "
    r"and thread 5 __any_sync mask 0x00ffffff at {f}",
    "operations_differ": r"lanes of one mask execute different operations: __shfl_xor_sync at {f}, "
    r"and thread 1 __all_sync at {f}",
    "widths_differ": r"lanes of one mask shuffle with different widths: 8 at {f}, "
    r"and thread 8 with 16 at {f}",
    "sizes_differ": r"lanes of one mask shuffle values of different sizes: 8 at {f}, "
    r"and thread 1 with 4 bytes at {f}",
    "bad_width": r"thread 0: width 12 of __shfl_sync at {f} is not a power of two up to 32",
    "barriers_differ": r"threads of one block wait in different barriers: thread 0 __syncthreads at {f}, "
    r"and thread 32 __syncthreads at {f}",
    "dynamic_overrun": r"a thread wrote outside of the dynamic shared memory",
    "dynamic_underrun": r"a thread wrote outside of the dynamic shared memory",
    "fixed_overrun": r"a thread wrote outside of a KT_SHARED array",
}
# Which line of which kernel a waiting thread is reported at.
WAITING = {
    "deadlock": (
        "threads 0-15 (warp 0, lanes 0-15) wait in __syncthreads at ",
        "threads 16-31 (warp 0, lanes 16-31) wait in __shfl_sync mask 0xffffffff at ",
    ),
    "masks_differ": (
        "threads 0-4 (warp 0, lanes 0-4) wait in __any_sync mask 0xffffffff at ",
        "thread 5 (warp 0, lane 5) waits in __any_sync mask 0x00ffffff at ",
    ),
}


def line_of(text: str, kernel: str) -> int:
    """The line of tests/emulator/failure_kernels.cuh that holds `text`, searched from the kernel on."""
    lines = (ROOT / "tests/emulator/failure_kernels.cuh").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if f"void {kernel}(" in line)
    return next(i for i in range(start, len(lines)) if text in lines[i]) + 1


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("mode", ["plain", "tsan", "asan"])
def test_collectives_return_what_cuda_defines(program: Program, mode: str, schedule: str) -> None:
    result = program("check_semantics", mode)(sched=schedule, seed="7")
    assert (result.returncode, result.stderr) == (0, "")
    counts = re.search(r"(\d+) values compared, 0 wrong", result.stdout)
    assert counts is not None
    assert int(counts[1]) > 50_000


@pytest.mark.parametrize("mode", ["plain", "tsan", "asan"])
def test_host_threads_take_turns_and_keep_their_own_reports(program: Program, mode: str) -> None:
    result = program("check_threads", mode)(sched="random")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("case", CAUSES)
def test_a_failure_is_an_error_with_a_report_and_the_next_kernel_runs(program: Program, case: str) -> None:
    result = program("check_failures", "plain")(case)
    assert result.returncode == 0, result.stderr
    assert "code 719\n" in result.stdout
    assert re.search("^cuemu: " + CAUSES[case].replace("{f}", FILE) + "$", result.stdout, re.MULTILINE), result.stdout
    assert "block (0,0,0) of grid (1,1,1)" in result.stdout
    assert "64 values compared, 0 wrong" in result.stdout
    for waiting in WAITING.get(case, ()):
        assert waiting in result.stdout


def test_a_report_names_the_line_of_each_waiting_thread(program: Program) -> None:
    report = program("check_failures", "plain")("deadlock").stdout
    for text in ("__syncthreads()", "__shfl_sync("):
        name = text.split("(")[0]
        where = f"failure_kernels.cuh:{line_of(text, 'deadlock')}"
        assert re.search(rf"wait in {name}.* at \S*{re.escape(where)}$", report, re.MULTILINE), report


@pytest.mark.parametrize("mode", ["tsan", "asan"])
@pytest.mark.parametrize("case", ["deadlock", "masks_differ", "barriers_differ", "not_in_mask"])
def test_sanitizers_stay_quiet_about_abandoned_kernels(program: Program, mode: str, case: str) -> None:
    result = program("check_failures", mode)(case)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_deadlocks_are_found_under_every_schedule(program: Program, schedule: str) -> None:
    result = program("check_failures", "plain")("deadlock", sched=schedule)
    assert "cuemu: deadlock" in result.stdout
    assert f"{schedule} schedule" in result.stdout


def test_without_a_handler_a_failure_aborts_with_the_report(program: Program) -> None:
    result = program("check_failures", "plain")("deadlock", "abort")
    assert result.returncode == -6
    assert "cuemu: deadlock" in result.stderr
    assert "wait in __syncthreads" in result.stderr


def test_exited_threads_are_left_out_of_a_barrier_unless_strict(program: Program) -> None:
    run = program("check_failures", "plain")
    assert "code 0\n" in run("exit_before_barrier").stdout
    strict = run("exit_before_barrier", strict="1").stdout
    assert "code 719\n" in strict
    assert "cuemu: strict: thread 3 exits while 3 threads wait in __syncthreads" in strict


def test_masks_may_name_exited_lanes_unless_strict(program: Program) -> None:
    run = program("check_failures", "plain")
    for schedule in SCHEDULES:
        assert "code 0\n" in run("exited_in_mask", sched=schedule).stdout
        strict = run("exited_in_mask", sched=schedule, strict="1").stdout
        assert "code 719\n" in strict
        assert re.search("cuemu: strict: .* mask 0xffffffff of __all_sync", strict)


def test_an_unknown_schedule_is_refused(program: Program) -> None:
    result = program("check_failures", "plain")("correct", sched="backwards")
    assert "code 1\n" in result.stdout
    assert "expected fifo, lifo or random" in result.stderr


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel", RACES)
def test_exactly_the_kernels_without_synchronisation_are_reported(program: Program, kernel: str, schedule: str) -> None:
    run = program("check_races", "tsan")
    good = run(kernel, "good", sched=schedule)
    assert (good.returncode, good.stderr) == (0, "")
    bad = run(kernel, "bad", sched=schedule)
    assert bad.returncode == 66, bad.stderr
    assert "WARNING: ThreadSanitizer: data race" in bad.stderr
    assert "race_kernels.cuh" in bad.stderr


def test_a_missing_barrier_gives_wrong_values_under_some_schedule(program: Program) -> None:
    run = program("check_races", "plain")
    assert any("0 wrong" not in run("block_sum", "bad", sched=schedule).stdout for schedule in SCHEDULES)
    assert all("4 values compared, 0 wrong" in run("block_sum", "good", sched=s).stdout for s in SCHEDULES)


def test_blocks_are_a_race_only_while_they_are_not_ordered(program: Program) -> None:
    run = program("check_races", "tsan")
    assert "data race" not in run("block_words", "bad", blocks="ordered").stderr
    assert "data race" in run("block_words", "bad").stderr


@pytest.mark.parametrize("case", ["dynamic_overrun", "dynamic_underrun", "fixed_overrun", "global_overrun"])
def test_address_sanitizer_finds_overruns(program: Program, case: str) -> None:
    result = program("check_failures", "asan")(case)
    assert result.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in result.stderr
    assert "failure_kernels.cuh" in result.stderr


@pytest.mark.parametrize("name", ["check_semantics", "check_failures", "check_races", "check_threads"])
def test_nvcc_compiles_the_same_programs(name: str, tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    command = [nvcc, "-std=c++17", "-arch=sm_90", *INCLUDES, "-x", "cu", "-c", f"tests/emulator/{name}.cpp"]
    result = subprocess.run(
        [*command, "-o", str(tmp_path / "out.o")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.returncode == 0, result.stderr
