"""The perf gate must pass what is the same, catch what is slower, and measure what it claims to measure."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import kinetrace
from gate import compare_builds, main
from judge import Budget, check_budget, judge, read_budgets
from kinetrace import _cpu
from measure import READ, Case, Comparison, Contender, cores, granted_time, measure, poison, ratio_of

ROUNDS = 16


def noisy(seconds: float, seed: int, spread: float = 0.05) -> list[float]:
    """Rounds as a shared machine gives them: a spread, and one in ten twice as slow."""
    rng = np.random.default_rng(seed)
    times = seconds * (1 + spread * rng.standard_normal(ROUNDS))
    times[rng.random(ROUNDS) < 0.1] *= 2
    return list(times)


def test_same_speed_passes() -> None:
    failed = [judge("a/a", noisy(10e-3, seed), noisy(10e-3, seed + 1000)).failed for seed in range(500)]
    assert not any(failed)


def test_real_loss_fails() -> None:
    failed = [judge("a/b", noisy(10e-3, seed), noisy(13e-3, seed + 1000)).failed for seed in range(500)]
    assert np.mean(failed) > 0.9


def test_gain_passes() -> None:
    assert not any(judge("gain", noisy(13e-3, s), noisy(10e-3, s + 1000)).failed for s in range(100))


@pytest.mark.parametrize(
    ("base", "head", "why"),
    [
        (10e-3, 10.8e-3, "8 % is under the threshold"),
        (0.3e-3, 0.45e-3, "0.15 ms is under the threshold, though 50 %"),
    ],
)
def test_small_losses_pass(base: float, head: float, why: str) -> None:
    assert not judge(why, noisy(base, 1, 0.001), noisy(head, 2, 0.001)).failed, why


def test_loss_inside_the_noise_passes() -> None:
    base, head = [10e-3, 20e-3] * 8, [20e-3, 10e-3] * 8
    assert not judge("wide band", base, [1.3 * x for x in head]).failed


@pytest.mark.parametrize(("base", "head", "failed"), [(1e9, 1.2e9, True), (1e9, 1.08e9, False), (1e8, 1.4e8, False)])
def test_memory_needs_both_thresholds(base: float, head: float, failed: bool) -> None:
    assert judge("memory", [1.0] * 8, [1.0] * 8, base, head).failed is failed


@pytest.mark.parametrize("rounds", [6, 9])
def test_biased_rounds_are_refused(rounds: int) -> None:
    with pytest.raises(ValueError, match="rounds: expected an even number from 8 on"):
        judge("odd", [1.0] * rounds, [1.0] * rounds)


def comparison(**seconds: list[float]) -> Comparison:
    return Comparison("k/c", "cpu", 1, 0, 0, seconds)


def test_budget_takes_the_fastest_that_matches() -> None:
    times = comparison(kinetrace=[1.0] * 4, numpy_a=[30.0] * 4, numpy_b=[20.0] * 4, torch_a=[5.0] * 4)
    line = check_budget(Budget("k", "c", "numpy*|torch_b", "kinetrace", 22, ""), times)
    assert (line.slow, line.ratio.value, line.failed) == ("numpy_b", 20.0, True)
    assert not check_budget(Budget("k", "c", "numpy*", "kinetrace", 20, ""), times).failed


def test_goal_is_reported_and_never_fails() -> None:
    times = comparison(kinetrace=[1.0] * 4, peer=[10.0] * 4)
    short = check_budget(Budget("k", "c", "peer", "kinetrace", 9, "", goal=11, short="reason"), times)
    assert (short.failed, short.reached) == (False, False)
    assert str(short).startswith("short  k/c: peer / kinetrace = 10.00")
    assert str(short).endswith("\n       reason")
    reached = check_budget(Budget("k", "c", "peer", "kinetrace", 9, "", goal=10, short="reason"), times)
    assert (reached.failed, reached.reached, "reason" in str(reached)) == (False, True, False)
    failed = check_budget(Budget("k", "c", "peer", "kinetrace", 10.5, "", goal=11), times)
    assert (failed.failed, failed.reached) == (True, False)


def test_budget_without_contender_raises() -> None:
    with pytest.raises(KeyError, match="no contender matches 'pear'"):
        check_budget(Budget("k", "c", "pear", "kinetrace", 1, ""), comparison(kinetrace=[1.0]))


def test_budgets_are_read_by_kernel() -> None:
    line = {"case": "c", "slow": "s", "fast": "f", "floor": 2.0, "why": "w"}
    assert read_budgets({"k": [line]}) == [Budget("k", "c", "s", "f", 2.0, "w")]


def test_ratio_pairs_the_rounds() -> None:
    r = ratio_of([2.0, 4.0, 8.0, 100.0], [1.0, 2.0, 4.0])
    assert (r.value, r.low, r.high, r.rounds) == (2.0, 2.0, 2.0, 3)


def test_wrong_answer_stops_a_measurement() -> None:
    def check(name: str, inputs: int, answer: np.ndarray) -> None:
        assert answer[0] == inputs

    right = {"kinetrace": lambda x: np.array([float(x)])}
    case = Case("k/c", right, lambda seed: seed, check, cold=False)
    assert len(measure(case, rounds=2).seconds["kinetrace"]) == 2
    wrong = Case("k/c", {**right, "peer": lambda x: np.array([0.5])}, lambda seed: seed, check, cold=False)
    with pytest.raises(AssertionError):
        measure(wrong, rounds=2)
    with pytest.raises(ValueError, match="rounds: expected an even number, got 3"):
        measure(case, rounds=3)


def test_slow_peers_sit_out_later_rounds() -> None:
    contenders = {"kinetrace": lambda x: x, "loop": Contender(lambda x: x, scale=1000.0, max_rounds=2)}
    result = measure(Case("k/c", contenders, lambda s: s, lambda *_: None, cold=False), rounds=4)
    assert (len(result.seconds["kinetrace"]), len(result.seconds["loop"])) == (4, 2)
    assert result.ratio("loop", "kinetrace").rounds == 2


def test_answers_are_poisoned() -> None:
    kept: list[np.ndarray] = []

    def run(_: int) -> tuple[np.ndarray, np.ndarray]:
        kept.extend([np.ones(3), np.ones(3, np.int32)])
        return kept[-2], kept[-1]

    measure(Case("k/c", {"kinetrace": run}, lambda s: s, lambda *_: None, cold=False), rounds=2)
    assert all(np.isnan(x).all() if x.dtype.kind == "f" else (x == -1).all() for x in kept)
    flags = np.zeros(3, bool)
    poison({"mask": [flags]})
    assert flags.all()


def test_stream_read_reads_everything() -> None:
    x = np.random.default_rng(0).integers(0, 256, (1 << 21) + 13, np.uint8)
    words = np.pad(x, (0, -len(x) % 8)).view(np.uint64)
    for threads in (1, 2):
        assert _cpu.stream_read(x[: 1 << 21], threads) == np.bitwise_xor.reduce(words[: 1 << 18])
        changed = x.copy()
        changed[-1] ^= 1
        assert _cpu.stream_read(changed, threads) != _cpu.stream_read(x, threads)
    with pytest.raises(ValueError, match="buffer: expected C-contiguous memory"):
        _cpu.stream_read(x[::2], 1)


def test_stream_move_overwrites_everything() -> None:
    source = np.random.default_rng(0).integers(1, 256, 1 << 21, np.uint8)
    memory = np.zeros((1 << 20) + 128, np.uint8)
    begin = -memory.ctypes.data % 64
    for threads in (1, 2):
        memory[:] = 7
        target = memory[begin : begin + (1 << 20)]
        _cpu.stream_move(source, target, threads)
        assert (target.reshape(-1, 64) != 7).any(axis=1).all()
        assert (memory[:begin] == 7).all()
        assert (memory[begin + (1 << 20) :] == 7).all()
    with pytest.raises(ValueError, match="target: expected memory that begins at a line"):
        _cpu.stream_move(source, memory[begin + 1 : begin + 65], 1)
    with pytest.raises(ValueError, match="source: expected C-contiguous memory"):
        _cpu.stream_move(source[::2], target, 1)


@pytest.mark.skipif(
    not Path("/proc/thread-self/schedstat").exists(), reason="this system does not count the waiting for a core"
)
def test_granted_time_leaves_the_waiting_for_a_core_out() -> None:
    spinning = "import time\nprint('on', flush=True)\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    with cores(1):  # the other program has this core too
        other = subprocess.Popen([sys.executable, "-c", spinning], stdout=subprocess.PIPE)
        try:
            assert other.stdout
            assert other.stdout.readline() == b"on\n"
            start, granted, own = time.perf_counter(), granted_time(), time.thread_time()
            while time.thread_time() - own < 0.2:
                pass
            elapsed, granted = time.perf_counter() - start, granted_time() - granted
        finally:
            other.kill()
            other.communicate()
    assert granted < 0.26
    assert elapsed > granted + 0.05
    start, granted = time.perf_counter(), granted_time()
    time.sleep(0.05)  # waiting for anything but a core counts
    assert granted_time() - granted > 0.04
    assert time.perf_counter() - start > 0.04


def test_read_contender_is_scaled_to_the_bytes() -> None:
    case = Case("k/c", {"kinetrace": lambda x: x}, lambda s: s, lambda *_: None, bytes_read=1 << 24, cold=False)
    result = measure(case, rounds=2)
    bandwidth = (1 << 24) / result.median(READ)
    assert 1e9 < bandwidth < 1e12


SLOW_KERNEL = textwrap.dedent(
    """
    import time
    from dataclasses import dataclass
    from measure import Case
    import kinetrace

    def case_sleep(quick):
        run = {"kinetrace": lambda x: time.sleep(kinetrace.SECONDS)}
        return Case("canned/sleep", run, lambda s: s, lambda *_: None, clock="wall", cold=False)

    CASES = {"sleep": case_sleep}
    """
)


@pytest.fixture
def canned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the harness with one canned benchmark, whose speed is a constant of the package it drives."""
    import gate

    harness = tmp_path / "bench"
    harness.mkdir()
    for name in ("gate.py", "judge.py", "measure.py", "machine.py"):
        shutil.copy(Path(gate.__file__).parent / name, harness)
    (harness / "test_bench_canned.py").write_text(SLOW_KERNEL)
    monkeypatch.setattr(gate, "HERE", harness)
    return tmp_path


def build(root: Path, name: str, seconds: float) -> str:
    """A package folder whose kinetrace is this one with another SECONDS."""
    package = root / name / "kinetrace"
    package.mkdir(parents=True)
    installed = Path(kinetrace.__file__).parent
    (package / "__init__.py").write_text(
        f"__path__.append({str(installed)!r})\nSECONDS = {seconds}\n__version__ = 'canned'\n"
    )
    return str(package.parent)


def test_builds_are_compared(canned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A/A passes and A/B fails, through the processes and the protocol."""
    a, same, b = build(canned, "a", 3e-3), build(canned, "same", 3e-3), build(canned, "b", 6e-3)
    assert compare_builds(a, same, ["canned"], rounds=8)
    assert not compare_builds(a, b, ["canned"], rounds=8)
    assert compare_builds(b, a, ["canned"], rounds=8)
    assert "SLOWER  canned/sleep: kinetrace: head / base = " in capsys.readouterr().out


def test_unknown_kernel_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"--kernel: expected kernels of budgets.toml, got nothing_such"):
        main(["--kernel", "nothing_such"])
    with pytest.raises(SystemExit):
        main(["--base", "somewhere"])
