"""librosa: the same recurrence with any steps and weights over any costs; no square root, as kinetrace.

Differences in definition:
- Its own order of steps is (1,1) (0,1) (1,0), that of kinetrace's symmetric1 (1,1) (1,0) (0,1); with the order given,
  ties are broken alike.
- Its band is |i - j| < round(band_rad min(n, m)) for n = m, that is kinetrace's window one narrower, and for n != m
  widened by |n - m| on one side; then the cells are given to kinetrace as infinite costs. Where the band leaves no way,
  as for n = 1 or a rounded radius of 0, librosa raises; kinetrace always keeps the corners.
- subseq=True is subsequence=True, but librosa exchanges x and y when x is the longer one; compared for n <= m. Its last
  row is then the matching function, dtw_curve.
- Additive weights have no counterpart.
- Its subsequence may move along y in the first row, kinetrace's starts anew at each cell: the same unless a cost is
  negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from kinetrace.step_pattern import StepPattern
from peer_checks import DTYPES, FLOAT64, LONGEST, Answer, Group, cells, check, once, peer, total

sequence = peer("librosa.sequence")

ITS_OWN = StepPattern([(1, 1, 1), (0, 1, 1), (1, 0, 1)])
WEIGHTED = StepPattern([(1, 1, 1.5), (1, 0, 1), (0, 1, 2), (2, 1, 0.5), (1, 3, 0.25)])


def steps(step: StepPattern | str) -> dict[str, np.ndarray]:
    """librosa's arguments for a step pattern of kinetrace."""
    moves = np.array([(di, dj) for di, dj, _ in StepPattern.of(step).steps])
    return {"step_sizes_sigma": moves, "weights_mul": np.array([w for _, _, w in StepPattern.of(step).steps])}


def band(fraction: float) -> Any:
    """librosa's band: |i - j| < round(fraction min(n, m)), widened by |n - m| towards the longer sequence."""

    def inside(i: Any, j: Any, n: int, m: int) -> Any:
        radius = int(np.round(fraction * min(n, m)))
        return (j < i + radius + max(0, m - n)) & (j > i - radius - max(0, n - m))

    return inside


def patterned(name: str, count: int, step: StepPattern | str, **more: Any) -> Group:
    """Problems of one step pattern."""
    subsequence = more.pop("subsequence", False)
    options = {"step": step, "subsequence": subsequence}
    peer_options = {**steps(step), **({"subseq": True} if subsequence else {})}
    return Group(name, count, options, peer_options, **more)


GROUPS = (
    Group("its own steps", 200, {"step": ITS_OWN}),
    patterned("symmetric1", 250, "symmetric1", coordinates=3),
    patterned("symmetric2", 200, "symmetric2"),
    patterned("asymmetric", 200, "asymmetric"),
    patterned("sigma21", 200, "sigma21"),
    patterned("classic jump", 150, "classic_jump"),
    patterned("weighted", 150, WEIGHTED, same_ties=False),
    Group("absolute differences", 100, {"metric": "l1", "step": ITS_OWN}, {"metric": "cityblock"}, coordinates=3),
    Group("its band", 200, {"step": ITS_OWN}, {"global_constraints": True, "band_rad": 0.3}, mask=band(0.3)),
    patterned("subsequence", 200, "symmetric1", subsequence=True, shape="wide", coordinates=2),
    patterned("subsequence of jumps", 100, "sequential_jump", subsequence=True, shape="wide"),
    patterned("subsequence of sigma21", 150, "sigma21", subsequence=True, shape="wide"),
)
MATCHING = patterned("matching function", 200, "symmetric1", subsequence=True, shape="wide", coordinates=2)


@once
def answers(group: Group) -> list[Answer]:
    """librosa's accumulated costs at the end, and its paths turned round; infinite where it raises for want of a path."""
    return [_answer(x, y, group.peer) for x, y in group.pairs()]


def _answer(x: np.ndarray, y: np.ndarray, options: Any) -> Answer:
    arguments = {"metric": "sqeuclidean", **options}
    accumulated = sequence.dtw(x.T, y.T, backtrack=False, **arguments)
    distance = float(accumulated[-1].min() if "subseq" in options else accumulated[-1, -1])
    if np.isinf(distance):
        return Answer(distance, None)
    _, path = sequence.dtw(x.T, y.T, **arguments)
    return Answer(distance, cells(path[::-1]))


@once
def matching_functions() -> np.ndarray:
    """librosa's last rows (B, 40)."""
    rows = np.full((MATCHING.count, LONGEST), np.inf)
    for b, (x, y) in enumerate(MATCHING.pairs()):
        rows[b, : len(y)] = sequence.dtw(x.T, y.T, metric="sqeuclidean", backtrack=False, **MATCHING.peer)[-1]
    return rows


@DTYPES
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_distances_and_paths(backend: Any, group: Group, dtype: Any) -> None:
    check(backend, group, answers(group), dtype)


def test_there_are_2000_problems() -> None:
    assert total(GROUPS) >= 2000


def test_matching_function(backend: Any) -> None:
    n, m = MATCHING.lengths
    ours = backend.call("dtw_curve", *MATCHING.sequences, x_lengths=n, y_lengths=m)
    theirs = matching_functions()
    assert_within(ours, theirs, FLOAT64 * np.where(np.isinf(theirs), 0, theirs))


@pytest.mark.parametrize("step", ["symmetric1", "symmetric2", "asymmetric", "sigma21"])
def test_given_costs_of_either_sign(backend: Any, step: str) -> None:
    costs = np.random.default_rng(5).normal(size=(100, 23, 31))
    theirs = [sequence.dtw(C=cost, **steps(step)) for cost in costs]
    ours = backend.call("dtw_from_cost", costs, step=step, return_path=True)
    assert_within(ours.distance, [accumulated[-1, -1] for accumulated, _ in theirs], FLOAT64 * 100)
    for b, (_, path) in enumerate(theirs):
        np.testing.assert_array_equal(ours.path[b, : ours.path_lengths[b]], path[::-1])
