"""tslearn and aeon on soft-DTW: values, and tslearn's expected alignments (the gradients with respect to the costs).

Differences in definition:
- tslearn's gamma is kinetrace's, and its value no root. gamma=0 means DTW there and is refused here. Windows as in DTW.
- Its torch losses pass through float32 whatever they are given; compared is what it computes in NumPy.
- aeon returns the absolute value, and DTW where both series are equal; soft-DTW itself may be negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from peer_checks import DTYPES, KINDS, LONGEST, Group, once, peer, total

metrics = peer("tslearn.metrics")
distances = peer("aeon.distances")

#: Error allowed: to values relative to gamma + |value|, to the probabilities of an alignment absolutely.
TOLERANCE = {np.float64: 1e-10, np.float32: 5e-4}


def _sakoe(radius: int) -> dict[str, Any]:
    return {"global_constraint": "sakoe_chiba", "sakoe_chiba_radius": radius}


GROUPS = (
    Group("gamma 1", 600, {"gamma": 1.0}),
    Group("gamma 0.1", 600, {"gamma": 0.1}, coordinates=3),
    Group("gamma 10", 300, {"gamma": 10.0}, coordinates=2),
    Group("gamma 0.001", 200, {"gamma": 0.001}),
    Group("window", 300, {"gamma": 1.0, "window": 3}, _sakoe(3), shape="equal"),
)
AEON = (
    Group("aeon", 1000, {"gamma": 1.0}, coordinates=2),
    Group("aeon's small gamma", 600, {"gamma": 0.1}),
    Group("aeon's window", 400, {"gamma": 1.0, "window": 0.2}, {"window": 0.2}, shape="equal"),
)


@once
def by_tslearn(group: Group) -> tuple[np.ndarray, np.ndarray]:
    """Values (B,) and alignments (B, 40, 40), 0 beyond the lengths."""
    values, alignments = np.empty(group.count), np.zeros((group.count, LONGEST, LONGEST))
    for b, (x, y) in enumerate(group.pairs()):
        alignment, values[b] = metrics.soft_dtw_alignment(x, y, gamma=group.options["gamma"], **group.peer)
        alignments[b, : len(x), : len(y)] = alignment
    return values, alignments


@once
def by_aeon(group: Group) -> np.ndarray:
    """Absolute values (B,), NaN where both series are equal."""
    values = np.full(group.count, np.nan)
    for b, (x, y) in enumerate(group.pairs()):
        if not np.array_equal(x, y):
            options = {"gamma": group.options["gamma"], **group.peer}
            values[b] = distances.soft_dtw_distance(*map(np.ascontiguousarray, (x.T, y.T)), **options)
    return values


def ours(backend: Any, function: str, group: Group, dtype: Any) -> np.ndarray:
    """kinetrace's answer for the whole group in one call."""
    n, m = group.lengths
    x, y = (array.astype(dtype) for array in group.sequences)
    return np.asarray(backend.call(function, x, y, x_lengths=n, y_lengths=m, **group.options))


def compared(group: Group, dtype: Any) -> np.ndarray:
    """Index of the problems to compare: in float32 those whose values float32 holds."""
    return np.flatnonzero((group.kinds != KINDS.index("normal")) | (dtype == np.float64))


@DTYPES
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_values_and_alignments(backend: Any, group: Group, dtype: Any) -> None:
    values, alignments = by_tslearn(group)
    chosen = compared(group, dtype)
    bound = TOLERANCE[dtype] * (group.options["gamma"] + np.abs(values))
    assert_within(ours(backend, "soft_dtw", group, dtype)[chosen], values[chosen], bound[chosen])
    found = ours(backend, "soft_dtw_alignment", group, dtype)
    assert_within(found[chosen], alignments[chosen], TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("group", AEON, ids=str)
def test_absolute_values(backend: Any, group: Group, dtype: Any) -> None:
    values = by_aeon(group)
    chosen = compared(group, dtype)
    chosen = chosen[np.isfinite(values[chosen])]
    bound = TOLERANCE[dtype] * (group.options["gamma"] + np.abs(values))
    found = np.abs(ours(backend, "soft_dtw", group, dtype))
    assert_within(found[chosen], values[chosen], bound[chosen])


def test_there_are_2000_problems() -> None:
    assert total(GROUPS) >= 2000
    assert total(AEON) >= 2000
