"""Checks of the arguments of rewards."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def choice(value: Any, name: str, choices: tuple[Any, ...]) -> Any:
    """The value, if it is one of the choices."""
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r:.60}")


def number(value: Any, name: str, *, above: bool = False) -> float:
    """A finite number >= 0, or > 0."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    real = float(value)
    if not (0 < real < math.inf if above else 0 <= real < math.inf):
        raise ValueError(f"{name}: expected a finite number {'>' if above else '>='} 0, got {real!r}")
    return real


def weights_of(values: Any, name: str, *, signed: bool = False) -> tuple[float, float, float]:
    """Three finite weights; unless signed none below 0 and not all 0."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{name}: expected three numbers, got {type(values).__name__}")
    weights = tuple(float(value) for value in values)
    good = (
        len(weights) == 3 and all(map(math.isfinite, weights)) and (signed or (min(weights) >= 0 and sum(weights) > 0))
    )
    if not good:
        raise ValueError(
            f"{name}: expected three finite weights{'' if signed else ' >= 0, not all 0'}, got {values!r:.60}"
        )
    return weights[0], weights[1], weights[2]


def finite_or_zero(value: float) -> float:
    """The value, or 0 for NaN and infinities."""
    return value if math.isfinite(value) else 0.0
