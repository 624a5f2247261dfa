"""aeon: the same recurrence over squared differences, without a square root, as kinetrace.

Differences in definition:
- Its window is a fraction of the shorter sequence. For n = m the same fraction leaves the same cells in kinetrace. For
  n != m both bands follow the line between the corners, but aeon walks along it in rounded steps and measures along the
  shorter sequence alone: its cells are given to kinetrace as infinite costs. A window of 1 is none in both.
- Channels stand before time.
- There are no free ends, no step patterns (WDTW, ADTW and others are other costs) and no normalisation.
Ties are broken alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from peer_checks import DTYPES, FLOAT64, Answer, Group, cells, check, once, peer, total

distances = peer("aeon.distances")


def band(window: float) -> Any:
    """aeon's band for n != m."""
    return lambda i, j, n, m: distances.create_bounding_matrix(n, m, window)[i, j]


GROUPS = (
    Group("univariate", 600),
    Group("three coordinates", 400, coordinates=3),
    Group("narrow window", 150, {"window": 0.0}, {"window": 0.0}, shape="equal"),
    Group("window of a tenth", 200, {"window": 0.1}, {"window": 0.1}, shape="equal"),
    Group("window of a third", 150, {"window": 0.33}, {"window": 0.33}, coordinates=3, shape="equal"),
    Group("whole window", 100, {"window": 1.0}, {"window": 1.0}),
    Group("its window of a tenth", 200, {}, {"window": 0.1}, mask=band(0.1)),
    Group("its window of a third", 200, {}, {"window": 0.33}, coordinates=3, mask=band(0.33)),
)
LONG = (
    Group("long", 60, longest=700),
    Group("long, all of one length", 40, coordinates=2, longest=256, same_length=True),
    Group("long window", 60, {"window": 0.1}, {"window": 0.1}, shape="equal", longest=500),
)
PAIRS = Group("all pairs", 50, {}, {}, coordinates=2)


@once
def answers(group: Group) -> list[Answer]:
    """aeon's distances, by the function of distances alone, and paths."""
    solved = []
    for x, y in group.pairs():
        x, y = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)
        path, _ = distances.dtw_alignment_path(x, y, **group.peer)
        solved.append(Answer(distances.dtw_distance(x, y, **group.peer), cells(path)))
    return solved


@once
def all_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Distances of every x to every x, and to every y."""
    x, y = ([np.ascontiguousarray(pair[side].T) for pair in PAIRS.pairs()] for side in (0, 1))
    return distances.dtw_pairwise_distance(x), distances.dtw_pairwise_distance(x, y)


@DTYPES
@pytest.mark.parametrize("group", GROUPS + LONG, ids=str)
def test_distances_and_paths(backend: Any, group: Group, dtype: Any) -> None:
    check(backend, group, answers(group), dtype)


def test_there_are_2000_problems() -> None:
    assert total(GROUPS) >= 2000


def test_all_pairs(backend: Any) -> None:
    x, y = ([pair[side] for pair in PAIRS.pairs()] for side in (0, 1))
    for mine, theirs in zip(((x,), (x, y)), all_pairs(), strict=True):
        assert_within(backend.call("dtw_matrix", *mine), theirs, FLOAT64 * theirs)
