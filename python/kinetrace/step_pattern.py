"""Step patterns: which cells of an alignment may follow each other, and at what weight."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_STEPS = 16
MAX_REACH = 8


class Step(NamedTuple):
    """One step, into a cell (i, j) from the cell (i - di, j - dj)."""

    di: int
    """Samples of x that the step covers, 0 to 8."""
    dj: int
    """Samples of y that the step covers, 0 to 8; not 0 together with di."""
    weight: float
    """What the local cost of the cell entered is multiplied by, >= 0."""


@dataclass(frozen=True, init=False, repr=False)
class StepPattern:
    """The steps an alignment may take: D[i, j] = min over steps of D[i - di, j - dj] + weight * C[i, j].

    The order of the steps breaks ties. Steps of equal weight form a group, groups standing in the order of their first
    mention. Inside a group the first step with the smallest D before it is taken, and of the groups the first with the
    smallest D after it. (For steps of one weight: the first with the smallest predecessor.)

    The named patterns, di counting along x and dj along y; `jump` is 2:

    | name | steps | source |
    |---|---|---|
    | "symmetric1" | (1,1) (1,0) (0,1) | Sakoe and Chiba 1978, without weights; the usual DTW |
    | "symmetric2" | (1,1) of weight 2, (1,0) (0,1) | Sakoe and Chiba 1978, P = 0 symmetric |
    | "asymmetric" | (1,1) (1,0) (1,2) | as in the R package dtw: each sample of x once |
    | "classic_jump" | symmetric1 and (1,k), k = 2 to jump | kinetrace's choice |
    | "sequential" | (1,1) | kinetrace's choice |
    | "sequential_jump" | (1,k), k = 1 to jump | kinetrace's choice |
    | "sigma21" | (1,1) (2,1) (1,2) | Müller 2007, the step condition {(1,1),(2,1),(1,2)} |

    Args:
        steps: up to 16 triples (di, dj, weight), di and dj from 0 to 8 and not both 0, weight finite and >= 0.

    Raises:
        ValueError: a step out of these ranges, none, or too many.
        TypeError: not such triples.

    Example:
        >>> import kinetrace as kt
        >>> kt.StepPattern([(1, 1, 1.0), (1, 0, 1.5)])
        StepPattern([(1, 1, 1.0), (1, 0, 1.5)])
        >>> kt.StepPattern.named("sequential_jump", jump=3).steps[-1]
        Step(di=1, dj=3, weight=1.0)
    """

    steps: tuple[Step, ...]

    def __init__(self, steps: Iterable[tuple[int, int, float]]) -> None:
        object.__setattr__(self, "steps", _checked(steps))

    def __repr__(self) -> str:
        return f"StepPattern({[tuple(step) for step in self.steps]})"

    @classmethod
    def named(cls, name: str, *, jump: int = 2) -> StepPattern:
        """The pattern of one of the seven names.

        Args:
            name: one of the names in the table above.
            jump: the longest step along y of "classic_jump" and "sequential_jump", 1 to 8; others do not use it.

        Raises:
            ValueError: another name, or a jump out of range.
        """
        longest = _integer(jump, "jump", 1, MAX_REACH)
        if not isinstance(name, str):
            raise TypeError(f"step: expected a StepPattern or its name, got {type(name).__name__}")
        if name in _PLAIN:
            return cls(_PLAIN[name])
        if name == "classic_jump":
            return cls([*_PLAIN["symmetric1"], *((1, k, 1.0) for k in range(2, longest + 1))])
        if name == "sequential_jump":
            return cls([(1, k, 1.0) for k in range(1, longest + 1)])
        raise ValueError(f"step: expected a StepPattern or one of {', '.join(map(repr, NAMES))}, got {name!r:.60}")

    @classmethod
    def of(cls, step: StepPattern | str) -> StepPattern:
        """`step` itself, or the pattern of that name."""
        return step if isinstance(step, StepPattern) else _named(step)

    @property
    def is_symmetric(self) -> bool:
        """Whether exchanging x and y leaves the pattern as it is."""
        return set(self.steps) == {Step(step.dj, step.di, step.weight) for step in self.steps}


NAMES = ("symmetric1", "symmetric2", "asymmetric", "classic_jump", "sequential", "sequential_jump", "sigma21")

_PLAIN: dict[str, list[tuple[int, int, float]]] = {
    "symmetric1": [(1, 1, 1.0), (1, 0, 1.0), (0, 1, 1.0)],
    "symmetric2": [(1, 1, 2.0), (1, 0, 1.0), (0, 1, 1.0)],
    "asymmetric": [(1, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0)],
    "sequential": [(1, 1, 1.0)],
    "sigma21": [(1, 1, 1.0), (2, 1, 1.0), (1, 2, 1.0)],
}
_KNOWN: dict[str, StepPattern] = {}


def _named(name: Any) -> StepPattern:
    known = _KNOWN.get(name) if isinstance(name, str) else None
    if known is None:
        known = _KNOWN[name] = StepPattern.named(name)
    return known


def _integer(value: Any, name: str, low: int, high: int) -> int:
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name}: expected an int {low} to {high}, got {type(value).__name__}")
    if not low <= number <= high:
        raise ValueError(f"{name}: expected an int {low} to {high}, got {number}")
    return number


def _checked(steps: Any) -> tuple[Step, ...]:
    if isinstance(steps, (str, bytes)) or not isinstance(steps, Iterable):
        raise TypeError(f"steps: expected triples (di, dj, weight), got {type(steps).__name__}")
    listed = list(steps)
    if not 1 <= len(listed) <= MAX_STEPS:
        raise ValueError(f"steps: expected 1 to {MAX_STEPS} steps, got {len(listed)}")
    return tuple(_checked_step(step) for step in listed)


def _checked_step(step: Any) -> Step:
    if isinstance(step, (str, bytes)) or not isinstance(step, Iterable):
        raise TypeError(f"steps: expected triples (di, dj, weight), got {type(step).__name__}")
    values = tuple(step)
    if len(values) != 3:
        raise ValueError(f"steps: expected triples (di, dj, weight), got {len(values)} values")
    di, dj = (_integer(value, "steps", 0, MAX_REACH) for value in values[:2])
    if di == dj == 0:
        raise ValueError("steps: expected di or dj above 0, got (0, 0)")
    try:
        weight = math.nan if isinstance(values[2], (str, bytes, bool)) else float(values[2])
    except (TypeError, ValueError):
        raise TypeError(f"steps: expected a weight >= 0, got {type(values[2]).__name__}") from None
    if not 0 <= weight < math.inf:
        raise ValueError(f"steps: expected a finite weight >= 0, got {values[2]!r:.60}")
    return Step(di, dj, weight)
