"""What a perf gate decides from numbers alone: floors on ratios, and base against head.

A change of speed fails only when three things agree: the band of the per-round ratios excludes 1.00, the
median is slower by more than 10 %, and the loss is more than 0.2 ms. Noise rarely trips all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from measure import Comparison, Ratio, ratio_of

MAX_SLOWDOWN = 0.10
MIN_LOSS_S = 0.2e-3
MAX_MEMORY_GROWTH = 0.10
MIN_MEMORY_LOSS = 50e6


@dataclass(frozen=True)
class Budget:
    """One line of budgets.toml: the ratio of two contenders' times in one case, and the least it may be.

    Attributes:
        kernel, case: which `case_<case>` of bench/test_bench_<kernel>.py.
        slow, fast: glob patterns (several with "|"), whose fastest match counts; the ratio is slow / fast.
        floor: the ratio must not be below it: a regression guard, below what was measured.
        why: what the ratio means.
        goal: what is aimed at, where that is more than the floor. Reported, never failed.
        short: why the goal was not reached where this was measured.
    """

    kernel: str
    case: str
    slow: str
    fast: str
    floor: float
    why: str
    goal: float = 0.0
    short: str = ""


@dataclass(frozen=True)
class Line:
    """A budget and what was measured."""

    budget: Budget
    ratio: Ratio
    slow: str
    fast: str

    @property
    def failed(self) -> bool:
        return self.ratio.value < self.budget.floor

    @property
    def reached(self) -> bool:
        return self.ratio.value >= max(self.budget.floor, self.budget.goal)

    def __str__(self) -> str:
        b = self.budget
        word = "FAIL" if self.failed else "ok" if self.reached else "short"
        goal = f", goal {b.goal:g}" if b.goal else ""
        text = f"{word:5}  {b.kernel}/{b.case}: {self.slow} / {self.fast} = {self.ratio}  (floor {b.floor:g}{goal}: {b.why})"
        return text if self.failed or self.reached or not b.short else f"{text}\n       {b.short}"


def read_budgets(data: dict[str, Any]) -> list[Budget]:
    """Budgets from the parsed budgets.toml."""
    return [Budget(kernel=kernel, **line) for kernel, lines in data.items() for line in lines]


def check_budget(budget: Budget, comparison: Comparison) -> Line:
    """Evaluates a budget on a measured case."""
    slow, fast = comparison.fastest(budget.slow), comparison.fastest(budget.fast)
    return Line(budget, ratio_of(comparison.seconds[slow], comparison.seconds[fast]), slow, fast)


@dataclass(frozen=True)
class Verdict:
    """Head against base for one contender."""

    name: str
    base_s: float
    head_s: float
    ratio: Ratio  # head / base: above 1 is slower
    memory: float  # bytes that head's peak exceeds base's by
    base_memory: float

    @property
    def slower(self) -> bool:
        apart = self.ratio.low > 1 or self.ratio.high < 1
        return apart and self.ratio.value > 1 + MAX_SLOWDOWN and self.head_s - self.base_s > MIN_LOSS_S

    @property
    def fatter(self) -> bool:
        return self.memory > MIN_MEMORY_LOSS and self.memory > MAX_MEMORY_GROWTH * self.base_memory

    @property
    def failed(self) -> bool:
        return self.slower or self.fatter

    def __str__(self) -> str:
        word = "SLOWER" if self.slower else "MEMORY" if self.fatter else "ok"
        return (
            f"{word:6}  {self.name}: head / base = {self.ratio}  {self.base_s * 1e3:.3f} -> "
            f"{self.head_s * 1e3:.3f} ms, peak {self.memory / 1e6:+.0f} MB"
        )


def judge(
    name: str,
    base_s: Sequence[float],
    head_s: Sequence[float],
    base_memory: float = 0.0,
    head_memory: float = 0.0,
) -> Verdict:
    """Compares the seconds of rounds in which both builds ran, in alternating order.

    Raises:
        ValueError: fewer than 8 rounds, or an odd number: that favours the build that ran second more often.
    """
    if len(base_s) != len(head_s) or len(base_s) < 8 or len(base_s) % 2:
        raise ValueError(f"rounds: expected an even number from 8 on for both, got {len(base_s)} and {len(head_s)}")
    ratio = ratio_of(head_s, base_s)
    base, head = float(np.median(base_s)), float(np.median(head_s))
    return Verdict(name, base, head, ratio, head_memory - base_memory, base_memory)
