"""What DAPO (arXiv 2503.14476) adds to group advantages: soft punishment of overlong responses, dynamic sampling."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from kinetrace._arrays import Array
from kinetrace._namespace import as_ids
from kinetrace.group_advantages import group_statistic


def overlong_penalty(lengths: Array, max_length: int, cache: int, *, penalty: float = 1.0, form: str = "trl") -> Array:
    """Soft punishment of responses that come close to the length limit, to be added to the reward.

    0 up to max_length - cache, then falling linearly to -penalty at max_length (DAPO, eq. 13 [published]).

    Args:
        lengths (array, (B,), any integer or float dtype): response tokens.
        max_length: L, > 0.
        cache: tokens before L in which the punishment sets in, 1 to L.
        penalty: value at L, >= 0 (1 in the paper).
        form: beyond L: "trl", as in the paper: -penalty; "verl": falls on as before.

    Returns:
        array, (B,), float64 (float32 for float32 lengths), <= 0.

    Raises:
        ValueError: max_length, cache, penalty or form out of range.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> kt.overlong_penalty(np.array([80, 85, 100, 150]), 100, 20).tolist()
        [0.0, -0.25, -1.0, -1.0]
    """
    for name, value, low in (("max_length", max_length, 1), ("cache", cache, 1), ("penalty", penalty, 0)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < float("inf"):
            raise ValueError(f"{name}: expected a finite number >= {low}, got {value!r:.60}")
    if cache > max_length:
        raise ValueError(f"cache: expected at most max_length {max_length}, got {cache}")
    if form not in ("trl", "verl"):
        raise ValueError(f"form: expected 'trl' or 'verl', got {form!r:.60}")
    over = ((max_length - cache) - lengths) / cache
    limited: Any = over.clip(-1 if form == "trl" else None, 0)
    return limited * penalty if penalty != 1 else limited


def dynamic_sampling_mask(rewards: Array, groups: Array | Sequence[Hashable]) -> Array:
    """Which responses dynamic sampling keeps: those of groups whose rewards are not all equal.

    Groups without any difference give no gradient; DAPO samples others in their place [published].

    Args:
        rewards (array, (B,), float32 | float64): NaN: unscorable, left out of the comparison.
        groups (array, (B,), int32 | int64; or a sequence of any hashable ids): equal ids are one group, in any order.

    Returns:
        array, (B,), bool: True for every row of a group to keep; False where no reward is available.

    Raises:
        ValueError, TypeError, RuntimeError: as `group_advantages`.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> kt.dynamic_sampling_mask(np.array([1.0, 1, 0, 1]), np.array([5, 5, 9, 9])).tolist()
        [False, False, True, True]
    """
    kept: Any = group_statistic(rewards, as_ids(groups, rewards), "range") > 0
    return kept
