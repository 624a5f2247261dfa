"""dtaidistance: the same recurrence over squared or plain differences, with the square root taken at the end.

Differences in definition:
- dtaidistance returns the square root of a sum of squares; kinetrace the sum.
- Its window w is |i - j| < w for n = m, which is kinetrace's radius w - 1. For n != m it widens the band by |n - m| on
  one side, where kinetrace's follows the line between the corners; that band is given to kinetrace as infinite costs.
- psi=(0, 0, m - 1, m - 1) is subsequence=True, "start" and "end" its halves. Of equally good ends dtaidistance takes the
  last, kinetrace the first.
- Its compiled paths prefer the step along y to that along x when both cost the same, its Python paths, as kinetrace's,
  the other way round.
- max_step forbids differences above it, which is an infinite given cost. penalty, an addition to each step that is not
  diagonal, has no counterpart.

Left out, as of dtaidistance 2.5.1: distance_fast with its default use_pruning, with window=1 now and then infinite;
compiled paths with inner_dist, which they ignore, and with a free end, where the path is not that of the value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from peer_checks import DTYPES, FLOAT64, Answer, Group, cells, check, once, peer, total

dtw = peer("dtaidistance.dtw")
dtw_ndim = peer("dtaidistance.dtw_ndim")


def band(window: int) -> Any:
    """dtaidistance's band: |i - j| < window, widened by |n - m| towards the longer sequence."""

    def inside(i: Any, j: Any, n: int, m: int) -> Any:
        return (j > i - max(0, n - m) - window) & (j < i + max(0, m - n) + window)

    return inside


GROUPS = (
    Group("univariate", 400),
    Group("three coordinates", 250, coordinates=3),
    Group("compiled paths", 200, {}, {"use_c": True}, same_ties=False),
    Group("compiled paths of three coordinates", 150, {}, {"use_c": True}, coordinates=3, same_ties=False),
    Group("absolute differences", 150, {"metric": "l1"}, {"inner_dist": "euclidean"}),
    Group("euclidean", 100, {"metric": "euclidean"}, {"inner_dist": "euclidean"}, coordinates=3, same_ties=False),
    Group("window of one", 50, {"window": 0}, {"window": 1}, shape="equal"),
    Group("window", 150, {"window": 2}, {"window": 3}, shape="equal"),
    Group("window of three coordinates", 100, {"window": 5}, {"window": 6}, coordinates=3, shape="equal"),
    Group("its window", 150, {}, {"window": 2}, mask=band(2)),
    Group("its wide window", 100, {}, {"window": 7}, mask=band(7)),
    Group("subsequence", 200, {"subsequence": True}, {"psi": (1, 1)}, same_ties=False),
    Group("free start", 100, {"subsequence": "start"}, {"psi": (1, 0)}),
    Group("free end", 100, {"subsequence": "end"}, {"psi": (0, 1)}, same_ties=False),
)


@once
def answers(group: Group) -> list[Answer]:
    """dtaidistance's compiled distances, squared where they are roots, and its paths."""
    return [_answer(group, x, y) for x, y in group.pairs()]


def _answer(group: Group, x: np.ndarray, y: np.ndarray) -> Answer:
    options = dict(group.peer)
    compiled_path = options.pop("use_c", False)
    if "psi" in options:
        options["psi"] = (0, 0, *(len(y) - 1 if free else 0 for free in options["psi"]))
    module, x, y = (dtw, x[:, 0], y[:, 0]) if group.coordinates == 1 else (dtw_ndim, x, y)
    path = module.warping_path(x, y, use_c=compiled_path, **options)
    distance = module.distance_fast(x, y, use_pruning=False, **options)
    return Answer(distance if "inner_dist" in options else distance**2, cells(path))


@DTYPES
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_distances_and_paths(backend: Any, group: Group, dtype: Any) -> None:
    check(backend, group, answers(group), dtype)


def test_there_are_2000_problems() -> None:
    assert total(GROUPS) >= 2000


def test_all_pairs(backend: Any) -> None:
    group = Group("all pairs", 50)
    x = [sequence[:, 0] for sequence, _ in group.pairs()]
    theirs = np.asarray(dtw.distance_matrix_fast(x, compact=False, parallel=False)) ** 2
    assert_within(backend.call("dtw_matrix", x), theirs, FLOAT64 * theirs)


def test_max_step_is_an_infinite_cost(backend: Any) -> None:
    group = Group("max step", 150)
    costs = np.where(group.costs > 2.5**2, np.inf, group.costs)
    n, m = group.lengths
    ours = backend.call("dtw_from_cost", costs, x_lengths=n, y_lengths=m)
    theirs = np.array([dtw.distance(x[:, 0], y[:, 0], max_step=2.5) ** 2 for x, y in group.pairs()])
    assert 20 < np.isinf(theirs).sum() < 130
    assert_within(ours, theirs, FLOAT64 * np.where(np.isinf(theirs), 0, theirs))
