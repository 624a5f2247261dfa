"""How the benchmarks measure: contenders interleaved in one process, fresh data, every answer checked.

A benchmark is a `Case`: named contenders that do the same work on the same inputs. `measure` runs them round
by round in alternating order, and `Comparison` turns the times into medians and ratios. Only ratios of times
from the same rounds are worth keeping: they survive a change of machine and most of what other programs do.
"""

from __future__ import annotations

import os

# One thread for the peers' BLAS; these must be set before NumPy loads it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import contextlib
import ctypes
import fnmatch
import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from kinetrace import _cpu

#: Name of the contender that streams `bytes_read` bytes from memory and does nothing else.
READ = "read"
#: Name prefix of the contenders that are kinetrace itself.
OURS = "kinetrace"

Run = Callable[[Any], Any]


_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a case.

    Attributes:
        run: takes the round's inputs, returns the answer.
        scale: what its time is multiplied by, for a loop that is only run on 1 / scale of the problems.
        max_rounds: take part in the first rounds only (for slow peers); None: in all.
    """

    run: Run
    scale: float = 1.0
    max_rounds: int | None = None


def repeated(run: Run, calls: int = 100) -> Contender:
    """A contender whose time is that of one of `calls` calls in a row: for calls of microseconds."""

    def loop(inputs: Any) -> Any:
        for _ in range(calls - 1):
            run(inputs)
        return run(inputs)

    return Contender(loop, scale=1 / calls)


@dataclass(frozen=True)
class Case:
    """Contenders that do the same work.

    Attributes:
        name: "<kernel>/<case>".
        contenders: by name; kinetrace's own begin with "kinetrace".
        inputs: makes the inputs of a round from its seed. Not timed.
        check: raises AssertionError unless the named contender's answer to the inputs is right. Not timed.
        bytes_read: bytes that the work must read at least; adds the contender "read" (0: do not).
        problems: problems in a call, for problems per second.
        clock: "cpu": processor time of all threads, which other programs disturb least; for one-core figures.
            "wall": elapsed time; for cases with several threads. "granted": elapsed time less what the calling thread,
            ready to run, waited for a core (`granted_time`); for threads that wait for each other, not for cores.
        threads: cores that the process is confined to, and torch's threads.
        cold: whether caches are emptied before each call.
        keep_memory: malloc keeps what is freed, as caching allocators do. For answers of gigabytes: filling new pages
            takes 0.3 to 5 s, by what the system has at hand just then, and says nothing about who computes. It stays so
            for the rest of the process: run such cases last.
    """

    name: str
    contenders: Mapping[str, Contender | Run]
    inputs: Callable[[int], Any]
    check: Callable[[str, Any, Any], None]
    bytes_read: int = 0
    problems: int = 0
    clock: str = "cpu"
    threads: int = 1
    cold: bool = True
    keep_memory: bool = False


@dataclass
class Ratio:
    """Time of one contender over that of another: median and quartiles (the band) of the rounds' ratios."""

    value: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def ratio_of(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Median and quartiles of the per-round ratios."""
    both = min(len(numerator), len(denominator))
    r = np.asarray(numerator[:both]) / np.asarray(denominator[:both])
    low, value, high = np.quantile(r, [0.25, 0.5, 0.75])
    return Ratio(float(value), float(low), float(high), both)


@dataclass
class Comparison:
    """Seconds of every contender in every round of a case."""

    case: str
    clock: str
    threads: int
    bytes_read: int
    problems: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return float(np.median(self.seconds[name]))

    def matching(self, patterns: str) -> list[str]:
        """Contenders whose names match one of the glob patterns, which are separated by "|"."""
        found = [n for n in self.seconds if any(fnmatch.fnmatchcase(n, p) for p in patterns.split("|"))]
        if not found:
            raise KeyError(f"{self.case}: no contender matches {patterns!r} among {list(self.seconds)}")
        return found

    def fastest(self, patterns: str) -> str:
        """The matching contender with the smallest median."""
        return min(self.matching(patterns), key=self.median)

    def ratio(self, numerator: str, denominator: str) -> Ratio:
        """Time of the fastest contender matching `numerator` over the fastest matching `denominator`."""
        return ratio_of(self.seconds[self.fastest(numerator)], self.seconds[self.fastest(denominator)])

    def read_share(self, name: str = OURS) -> Ratio | None:
        """Fraction of the read bandwidth of the same run at which `name` works; None without "read"."""
        return self.ratio(READ, name) if READ in self.seconds else None

    def table(self, denominator: str = OURS) -> str:
        """The contenders, one a line: median, quartiles, and time relative to `denominator`."""
        width = max(map(len, self.seconds))
        lines = [
            f"{self.case}: {self.threads} core{'s' * (self.threads > 1)}, {self.clock} time",
            f"{'':{width}}  {'median':>10}  {'quartiles':>19}  {'x ' + denominator:>22}",
        ]
        for name, seconds in self.seconds.items():
            q1, q2, q3 = np.quantile(seconds, [0.25, 0.5, 0.75]) * 1e3
            against = self.ratio(name, denominator) if denominator in self.seconds else ""
            lines.append(f"{name:{width}}  {q2:7.3f} ms  {q1:8.3f} .. {q3:7.3f}  {against!s:>22}")
        if READ in self.seconds:
            lines.append(f"read bandwidth {self.bytes_read / self.median(READ) / 1e9:.1f} GB/s")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Plain data for JSON."""
        contenders = {}
        for name, seconds in self.seconds.items():
            q1, q2, q3 = (float(q) for q in np.quantile(seconds, [0.25, 0.5, 0.75]))
            contenders[name] = {"median_s": q2, "q1_s": q1, "q3_s": q3, "rounds": len(seconds)}
            if self.bytes_read:
                contenders[name]["gb_per_s"] = self.bytes_read / q2 / 1e9
            if self.problems:
                contenders[name]["problems_per_s"] = self.problems / q2
        return {"case": self.case, "clock": self.clock, "threads": self.threads, "contenders": contenders}


def poison(answer: Any) -> None:
    """Overwrites every array with NaN (or -1), so that recycled memory never holds a right answer."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(answer, torch.Tensor):
        poison(answer.detach().numpy())
    elif isinstance(answer, np.ndarray):
        if answer.flags.writeable:
            answer.fill({"f": np.nan, "c": np.nan, "i": -1}.get(answer.dtype.kind, 1))
    elif isinstance(answer, Mapping):
        poison(list(answer.values()))
    elif isinstance(answer, list | tuple):
        for part in answer:
            poison(part)


def granted_time() -> float:
    """Elapsed seconds less those that this thread waited for a core which others used: it computed or waited for a lock.

    Linux counts the waiting for cores (the second number of schedstat, nanoseconds). Where it does not, elapsed seconds.
    """
    with contextlib.suppress(OSError), open("/proc/thread-self/schedstat", "rb", buffering=0) as file:
        return time.perf_counter() - int(file.read().split()[1]) * 1e-9
    return time.perf_counter()


@contextlib.contextmanager
def cores(count: int) -> Iterator[int]:
    """Confines every thread of the process to `count` cores, torch to as many threads; yields the number."""
    before = os.sched_getaffinity(0)
    chosen = set(sorted(before)[-count:])  # the first core serves most interrupts
    torch = sys.modules.get("torch")
    torch_threads = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(len(chosen))
    _set_affinity(chosen)
    try:
        yield len(chosen)
    finally:
        _set_affinity(before)
        if torch:
            torch.set_num_threads(torch_threads)


def _set_affinity(chosen: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), chosen)


def keep_freed_memory() -> None:
    """Lets malloc keep what is freed, as caching allocators do, until the process ends.

    There is no way back: every one of these settings stops malloc from adapting its thresholds, which by itself it does.
    """
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_TOP_PAD, 1 << 26)


@cache
def memory(nbytes: int) -> np.ndarray:
    """A buffer larger than the caches: reading it empties them, and takes as long as memory allows."""
    return np.ones(nbytes // 8, np.uint64)


def measure(case: Case, *, rounds: int, quick: bool = False, first_seed: int = 0) -> Comparison:
    """Runs every contender of a case once a round, in alternating order, on inputs fresh for the round.

    Args:
        case: what to run.
        rounds: rounds that count, an even number since the order alternates; one more is run first.
        quick: the answers matter, not the times: one round without warm-up, caches left alone.
        first_seed: seed of the first round.

    Raises:
        AssertionError: a contender's answer was wrong.
    """
    if not quick and rounds % 2:
        raise ValueError(f"rounds: expected an even number, got {rounds}")
    if case.keep_memory and not quick:
        keep_freed_memory()
    buffer = memory(1 << 20 if quick else 1 << 28)
    contenders = {n: c if isinstance(c, Contender) else Contender(c) for n, c in case.contenders.items()}
    if case.bytes_read:
        contenders[READ] = Contender(lambda _: _cpu.stream_read(buffer, case.threads), case.bytes_read / buffer.nbytes)
    result = Comparison(
        case.name, case.clock, case.threads, case.bytes_read, case.problems, {n: [] for n in contenders}
    )
    clock = {"cpu": time.process_time, "wall": time.perf_counter, "granted": granted_time}[case.clock]
    with cores(case.threads):
        for i in range(0 if quick else -1, 1 if quick else rounds):
            inputs = case.inputs(first_seed + i + 1)
            for name in list(contenders) if i % 2 else list(contenders)[::-1]:
                contender = contenders[name]
                if contender.max_rounds is not None and i >= contender.max_rounds:
                    continue
                if case.cold and not quick:
                    _cpu.stream_read(buffer, case.threads)
                gc.collect(0)
                gc.disable()
                start = clock()
                answer = contender.run(inputs)
                elapsed = clock() - start
                gc.enable()
                if name != READ:
                    case.check(name, inputs, answer)
                    poison(answer)
                del answer
                if i >= 0:
                    result.seconds[name].append(max(elapsed, 1e-9) * contender.scale)
    return result
