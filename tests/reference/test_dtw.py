"""The definition of DTW against the golden vectors, enumeration of all paths, and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from dtw_golden import FILE, NORMALIZE, cost_cases, number, options_of, padded, ragged_cases
from golden_cases import allowed, case_id
from kinetrace import _reference
from kinetrace._reference._dtw_table import PATTERNS, inside_window, local_cost
from kinetrace.step_pattern import NAMES, StepPattern

DOUBLE = np.float64


def _check(actual: Any, expected: Any, name: str) -> None:
    assert_within(actual, number(expected), allowed(number(expected), DOUBLE, FILE), name)


@pytest.mark.parametrize("case", cost_cases(), ids=case_id)
def test_golden_cost_matrix(case: dict[str, Any]) -> None:
    cost, expected, options = np.array([case["cost"]]), case["expected"], options_of(case)
    result = _reference.dtw_from_cost(cost, return_path=True, **options)
    _check(result.distance[0], expected["d_raw"], "d_raw")
    assert (result.status[0] == 0) == expected["feasible"]
    _check(_reference.dtw_curve(cost=cost, **options)[0], expected["last_row"], "last_row")
    for key, distance in expected.get("distance", {}).items():
        got = _reference.dtw_from_cost(cost, normalize=NORMALIZE[key], **options)
        _check(got[0], distance, key)
    if "path" in expected:
        assert result.path[0, : result.path_lengths[0]].tolist() == expected["path"]
        assert result.path[0, result.path_lengths[0] - 1, 1] == expected["end"]


@pytest.mark.parametrize("case", ragged_cases(), ids=case_id)
def test_golden_ragged(case: dict[str, Any]) -> None:
    cost, n, m = padded(case["costs"], DOUBLE)
    for key, normalize in (("d_raw", None), ("d_n_ref", "x")):
        got = _reference.dtw_from_cost(cost, x_lengths=n, y_lengths=m, normalize=normalize, **options_of(case))
        _check(got, case["expected"][key], key)


def _all_paths(steps: Any, n: int, m: int, free_start: bool, i: int, j: int) -> list[tuple[list[tuple[int, int]], Any]]:
    """Every path into (i, j) with the weights of its cells."""
    if i == 0 and (free_start or j == 0):
        return [([(i, j)], [1.0])]
    found = []
    for di, dj, weight in steps:
        if i >= di and j >= dj:
            for cells, weights in _all_paths(steps, n, m, free_start, i - di, j - dj):
                found.append(([*cells, (i, j)], [*weights, weight]))
    return found


@pytest.mark.parametrize("subsequence", [False, True, "start", "end"])
@pytest.mark.parametrize("step", [*NAMES, StepPattern([(2, 0, 0.5), (0, 1, 2), (1, 3, 0.0), (1, 1, 0.5)])])
def test_equals_the_best_of_all_paths(step: Any, subsequence: Any) -> None:
    rng = np.random.default_rng(5)
    steps = PATTERNS[step] if isinstance(step, str) else step.steps
    for n, m in [(1, 1), (1, 4), (4, 1), (3, 5), (5, 3), (4, 4)]:
        cost = rng.normal(size=(n, m))
        ends = range(m) if subsequence in (True, "end") else [m - 1]
        best = np.inf
        for j in ends:
            for cells, weights in _all_paths(steps, n, m, subsequence in (True, "start"), n - 1, j):
                best = min(best, sum(w * cost[cell] for cell, w in zip(cells, weights, strict=True)))
        got = _reference.dtw_from_cost(cost[None], step=step, subsequence=subsequence, return_path=True)
        assert_within(got.distance, [best], 1e-12)
        assert (got.status[0] == 5) == np.isinf(best)


def test_ties_go_to_the_first_step() -> None:
    result = _reference.dtw_from_cost(np.zeros((1, 3, 4)), return_path=True)
    assert result.path[0].tolist() == [[0, 0], [0, 1], [1, 2], [2, 3]]
    listed = StepPattern([(0, 1, 1), (1, 0, 1), (1, 1, 1)])
    result = _reference.dtw_from_cost(np.zeros((1, 2, 3)), step=listed, return_path=True)
    assert result.path[0].tolist() == [[0, 0], [1, 0], [1, 1], [1, 2]]


def test_windows() -> None:
    for n, m, r in [(5, 5, 0), (5, 5, 1), (4, 9, 0), (9, 4, 0), (9, 4, 2), (7, 5, 0.25), (1, 6, 0), (6, 1, 0)]:
        inside = np.array([[inside_window(i, j, n, m, r) for j in range(m)] for i in range(n)])
        assert inside[0, 0]
        assert inside[-1, -1]
        if n == m:
            i, j = np.indices(inside.shape)
            np.testing.assert_array_equal(inside, abs(i - j) <= r)
        mirrored = np.array([[inside_window(i, j, m, n, r) for j in range(n)] for i in range(m)])
        np.testing.assert_array_equal(inside, mirrored.T)
        reached = _reference.dtw_from_cost(np.zeros((1, n, m)), window=r)
        assert reached[0] == 0, (n, m, r)


def test_metrics() -> None:
    x, y = np.array([3.0, 4.0]), np.array([0.0, -1.0])
    expected = {"sqeuclidean": 34.0, "euclidean": 34**0.5, "l1": 8.0, "cosine": 1.8, "dot": 4.0}
    for metric, value in expected.items():
        assert local_cost(x, y, metric) == pytest.approx(value, rel=1e-15)
    assert local_cost(x, np.zeros(2), "cosine") == 1.0
    assert local_cost(x, y, lambda a, b: a[0] * b[1]) == -3.0


def test_patterns_are_the_named_ones() -> None:
    assert set(PATTERNS) == set(NAMES)
    for name, steps in PATTERNS.items():
        assert [tuple(step) for step in StepPattern.named(name).steps] == steps


def test_rewards_are_means_over_the_rows_of_the_path() -> None:
    cost = np.array([[[1.0, 9, 9, 9], [9, 2, 4, 9], [9, 9, 9, 8]]])
    np.testing.assert_array_equal(_reference.dtw_rewards(cost=cost), [[-1, -3, -8]])
    skipping = _reference.dtw_rewards(cost=cost, step=[(2, 3, 1.0)])
    np.testing.assert_array_equal(skipping, [[-1, np.nan, -8]])
    short = _reference.dtw_rewards(cost=cost, x_lengths=[2], y_lengths=[3])
    np.testing.assert_array_equal(short, [[-1, -3, 0]])


def test_statuses() -> None:
    cost = np.ones((5, 3, 3))
    cost[1, 1, 1], cost[2, 2, 2], cost[3, 0, 0] = np.nan, np.inf, -np.inf
    result = _reference.dtw_from_cost(cost, x_lengths=[3, 3, 3, 3, 0], return_path=True)
    np.testing.assert_array_equal(result.status, [0, 2, 5, 2, 6])
    np.testing.assert_array_equal(result.distance, [3, np.nan, np.inf, np.nan, np.nan])
    assert result.path_lengths.tolist() == [3, 0, 0, 0, 0]
    x = np.array([[1.0, np.inf, np.nan], [1.0, 2.0, np.nan]])
    np.testing.assert_array_equal(_reference.dtw(x, x, x_lengths=[2, 2], y_lengths=[2, 2]), [np.nan, 0])
