"""tslearn: the same recurrence over squared differences, with the square root taken at the end.

Differences in definition:
- tslearn returns the square root of a sum of squares (dtw, dtw_path, dtw_subsequence_path, cdist_dtw); kinetrace the
  sum. Its values for a metric of the caller (dtw_path_from_metric) and its matching function are plain sums.
- Its Sakoe-Chiba radius is kinetrace's window for n = m. For n != m it widens the band by |n - m| on one side, where
  kinetrace's follows the line between the corners; that band is given to kinetrace as infinite costs.
- Its Itakura parallelogram has no counterpart but infinite costs; where it leaves no way tslearn raises.
- NaN are padding for tslearn wherever they stand, for kinetrace bad values unless they are beyond the lengths.
- Step patterns and normalisation do not exist there.
Ties are broken alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from peer_checks import DTYPES, FLOAT64, LONGEST, Answer, Group, cells, check, once, peer, total

metrics = peer("tslearn.metrics")
utils = peer("tslearn.utils")


def band(radius: int) -> Any:
    """tslearn's band: |i - j| <= radius, widened by |n - m| towards the longer sequence."""

    def inside(i: Any, j: Any, n: int, m: int) -> Any:
        return (j >= i - max(0, n - m) - radius) & (j <= i + max(0, m - n) + radius)

    return inside


def parallelogram(i: Any, j: Any, n: int, m: int) -> Any:
    """Its Itakura parallelogram of slope 2."""
    return metrics.itakura_mask(n, m, max_slope=2.0)[i, j]


def _sakoe(radius: int) -> dict[str, Any]:
    return {"global_constraint": "sakoe_chiba", "sakoe_chiba_radius": radius}


GROUPS = (
    Group("univariate", 500),
    Group("three coordinates", 300, coordinates=3),
    Group("absolute differences", 200, {"metric": "l1"}, {"metric": "cityblock"}, coordinates=3),
    Group("cosine", 100, {"metric": "cosine"}, {"metric": "cosine"}, coordinates=6, same_ties=False),
    Group("window of one", 100, {"window": 0}, _sakoe(0), shape="equal"),
    Group("window", 150, {"window": 3}, _sakoe(3), shape="equal"),
    Group("its window", 150, {}, _sakoe(2), mask=band(2)),
    Group("its window of three coordinates", 100, {}, _sakoe(5), coordinates=3, mask=band(5)),
    Group("its parallelogram", 100, {}, {"global_constraint": "itakura"}, shape="equal", mask=parallelogram),
    Group("subsequence", 300, {"subsequence": True}, {"subsequence": True}),
    Group("subsequence of three coordinates", 200, {"subsequence": True}, {"subsequence": True}, coordinates=3),
)


@once
def answers(group: Group) -> list[Answer]:
    """tslearn's distances, squared where they are roots, and paths."""
    return [_answer(x, y, **group.peer) for x, y in group.pairs()]


def _answer(
    x: np.ndarray, y: np.ndarray, metric: str | None = None, subsequence: bool = False, **options: Any
) -> Answer:
    if metric is not None:
        path, distance = metrics.dtw_path_from_metric(x, y, metric=metric, **options)
        return Answer(distance, cells(path))
    function = metrics.dtw_subsequence_path if subsequence else metrics.dtw_path
    path, distance = function(x, y, **options)
    return Answer(distance**2, cells(path))


@DTYPES
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_distances_and_paths(backend: Any, group: Group, dtype: Any) -> None:
    check(backend, group, answers(group), dtype)


def test_there_are_2000_problems() -> None:
    assert total(GROUPS) >= 2000


MATCHING = Group("matching function", 200, {}, {}, coordinates=2)
PAIRS = Group("all pairs", 50, {}, {}, coordinates=2)


@once
def matching_functions() -> np.ndarray:
    """Last rows of tslearn's accumulated costs (B, 40), which it does not take roots of."""
    rows = np.full((MATCHING.count, LONGEST), np.inf)
    for b, (x, y) in enumerate(MATCHING.pairs()):
        rows[b, : len(y)] = metrics.subsequence_cost_matrix(x, y)[-1]
    return rows


@once
def all_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of every x to every x, and to every y."""
    x, y = (utils.to_time_series_dataset([pair[side] for pair in PAIRS.pairs()]) for side in (0, 1))
    return metrics.cdist_dtw(x) ** 2, metrics.cdist_dtw(x, y) ** 2


def test_matching_function(backend: Any) -> None:
    n, m = MATCHING.lengths
    ours = backend.call("dtw_curve", *MATCHING.sequences, x_lengths=n, y_lengths=m)
    theirs = matching_functions()
    assert_within(ours, theirs, FLOAT64 * np.where(np.isinf(theirs), 0, theirs))


def test_all_pairs(backend: Any) -> None:
    x, y = ([pair[side] for pair in PAIRS.pairs()] for side in (0, 1))
    for mine, theirs in zip(((x,), (x, y)), all_pairs(), strict=True):
        assert_within(backend.call("dtw_matrix", *mine), theirs, FLOAT64 * theirs)
