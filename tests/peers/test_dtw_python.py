"""dtw-python: any cost, the family of step patterns of the R package dtw, open ends; no square root, as kinetrace.

Differences in definition:
- The steps of its patterns stand in another order, symmetric1 and symmetric2 (1,1) (0,1) (1,0), asymmetric (1,0) (1,1)
  (1,2); with the order given, ties are broken alike. Its cost is Euclidean unless one names another.
- Open ends: open_end and open_begin are subsequence "end" and "start" for patterns normalised by n, as asymmetric. For
  symmetric2 its open end is the smallest cost over n + j + 1, kinetrace's the smallest cost; it refuses symmetric1.
- Its Sakoe-Chiba window is |i - j| <= w, kinetrace's for n = m; for n != m no path need exist, and then it raises. Its
  slanted band is w columns around the line between the corners: kinetrace's for n >= m, as kinetrace counts samples of
  the shorter sequence; for n < m the cells are given as infinite costs. Its Itakura window has no counterpart.
- normalizedDistance is normalize="sum" for symmetric2 and "x" for asymmetric.
- Patterns whose steps pass through further cells that cost (Sakoe-Chiba with slope, Rabiner-Juang, Mori) have no
  counterpart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from kinetrace.step_pattern import StepPattern
from peer_checks import DTYPES, FLOAT64, LONGEST, Answer, Group, cells, check, once, peer, total

dtw = peer("dtw").dtw

SYMMETRIC1 = StepPattern([(1, 1, 1), (0, 1, 1), (1, 0, 1)])
SYMMETRIC2 = StepPattern([(1, 1, 2), (0, 1, 1), (1, 0, 1)])
ASYMMETRIC = StepPattern([(1, 0, 1), (1, 1, 1), (1, 2, 1)])


def band(width: int) -> Any:
    """Its Sakoe-Chiba window."""
    return lambda i, j, n, m: abs(i - j) <= width


def slanted(width: int) -> Any:
    """Its slanted band."""
    return lambda i, j, n, m: abs(j * (n - 1) - i * (m - 1)) <= width * (n - 1) if n > 1 else j <= width


def patterned(name: str, count: int, its_name: str, step: Any, **more: Any) -> Group:
    """Problems of one of its patterns."""
    window = more.pop("its_window", None)
    subsequence = more.pop("subsequence", False)
    options = {"step": step, "subsequence": subsequence, **more.pop("ours", {})}
    its_options = {"step_pattern": its_name, **more.pop("its", {})}
    if window is not None:
        its_options |= {"window_type": window[0], "window_args": {"window_size": window[1]}}
    its_options |= {"open_begin": True} if subsequence in (True, "start") else {}
    its_options |= {"open_end": True} if subsequence in (True, "end") else {}
    return Group(name, count, options, its_options, **more)


GROUPS = (
    patterned("symmetric1", 250, "symmetric1", SYMMETRIC1),
    patterned("symmetric1 of three coordinates", 150, "symmetric1", "symmetric1", coordinates=3, same_ties=False),
    patterned("symmetric2", 250, "symmetric2", SYMMETRIC2),
    patterned("symmetric2 of three coordinates", 150, "symmetric2", "symmetric2", coordinates=3, same_ties=False),
    patterned("asymmetric", 200, "asymmetric", ASYMMETRIC),
    patterned("asymmetric of three coordinates", 100, "asymmetric", "asymmetric", coordinates=3, same_ties=False),
    patterned(
        "absolute differences", 100, "symmetric2", SYMMETRIC2, ours={"metric": "l1"}, its={"dist_method": "cityblock"}
    ),
    patterned("window", 100, "symmetric1", SYMMETRIC1, ours={"window": 3}, its_window=("sakoechiba", 3), shape="equal"),
    patterned(
        "asymmetric window",
        60,
        "asymmetric",
        ASYMMETRIC,
        ours={"window": 2},
        its_window=("sakoechiba", 2),
        shape="equal",
    ),
    patterned("its window", 120, "symmetric2", SYMMETRIC2, its_window=("sakoechiba", 12), mask=band(12)),
    patterned(
        "slanted", 120, "symmetric2", SYMMETRIC2, ours={"window": 2}, its_window=("slantedband", 2), shape="tall"
    ),
    patterned(
        "its slanted band", 100, "symmetric1", SYMMETRIC1, its_window=("slantedband", 3), shape="wide", mask=slanted(3)
    ),
    patterned("open end", 100, "asymmetric", ASYMMETRIC, subsequence="end"),
    patterned("open begin", 100, "asymmetric", ASYMMETRIC, subsequence="start"),
    patterned("open begin and end", 150, "asymmetric", ASYMMETRIC, subsequence=True, coordinates=2),
)
OPEN = patterned("open end of symmetric2", 150, "symmetric2", SYMMETRIC2, its={"open_end": True})
NORMALIZED = (
    (patterned("normalised symmetric2", 100, "symmetric2", SYMMETRIC2), "sum"),
    (patterned("normalised asymmetric", 100, "asymmetric", ASYMMETRIC), "x"),
)


@once
def alignments(group: Group) -> list[Any]:
    """Its results, None where it raises for want of a path."""
    return [_alignment(x, y, group.peer) for x, y in group.pairs()]


def _alignment(x: np.ndarray, y: np.ndarray, options: Any) -> Any:
    try:
        return dtw(x, y, **{"dist_method": "sqeuclidean", **options})
    except ValueError as error:
        if "No warping path" not in str(error):
            raise
        return None


def answers(group: Group) -> list[Answer]:
    """Its distances and paths, infinite where there is none."""
    return [
        Answer(np.inf, None) if a is None else Answer(float(a.distance), cells(zip(a.index1, a.index2, strict=True)))
        for a in alignments(group)
    ]


@DTYPES
@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_distances_and_paths(backend: Any, group: Group, dtype: Any) -> None:
    check(backend, group, answers(group), dtype)


def test_there_are_2000_problems() -> None:
    assert total(GROUPS) >= 2000


@pytest.mark.parametrize(("group", "normalize"), NORMALIZED, ids=["symmetric2", "asymmetric"])
def test_normalised_distances(backend: Any, group: Group, normalize: str) -> None:
    n, m = group.lengths
    lengths = {"x_lengths": n, "y_lengths": m}
    ours = backend.call("dtw", *group.sequences, normalize=normalize, **lengths, **group.options)
    theirs = np.array([np.inf if a is None else a.normalizedDistance for a in alignments(group)])
    assert_within(ours, theirs, FLOAT64 * np.where(np.isinf(theirs), 0, theirs))


def test_open_end_of_symmetric2_is_the_smallest_normalised_cost(backend: Any) -> None:
    n, m = OPEN.lengths
    options = {"x_lengths": n, "y_lengths": m, "step": SYMMETRIC2}
    curve = backend.call("dtw_curve", *OPEN.sequences, subsequence=False, **options)
    per_cell = curve / (n[:, None] + np.arange(LONGEST) + 1)
    end = np.array([a.jmin for a in alignments(OPEN)])
    np.testing.assert_array_equal(np.argmin(per_cell, axis=1), end)
    distance = np.array([a.distance for a in alignments(OPEN)])
    assert_within(curve[np.arange(OPEN.count), end], distance, FLOAT64 * distance)
    smallest = backend.call("dtw", *OPEN.sequences, subsequence="end", **options)
    assert (smallest < 0.9 * distance).sum() > 10  # the two ends differ
