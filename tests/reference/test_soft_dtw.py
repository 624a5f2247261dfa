"""The definition of soft-DTW against all paths, one by one, and against differences of its value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from kinetrace import _reference
from kinetrace._reference import _soft_table
from kinetrace._reference._dtw_table import INFEASIBLE, inside_window

METRICS = ["sqeuclidean", "euclidean", "l1", "cosine", "dot"]


def paths(n: int, m: int) -> Iterator[list[tuple[int, int]]]:
    """Every path of single steps from (0, 0) to (n - 1, m - 1)."""
    if (n, m) == (1, 1):
        yield [(0, 0)]
    for di, dj in ((1, 1), (1, 0), (0, 1)):
        if n > di and m > dj:
            for before in paths(n - di, m - dj):
                yield [*before, (n - 1, m - 1)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (3, 4), (5, 4)])
@pytest.mark.parametrize("gamma", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("window", [None, 1])
def test_value_and_alignment_are_those_of_all_paths(shape: tuple[int, int], gamma: float, window: int | None) -> None:
    cost = np.random.default_rng(sum(shape)).normal(size=shape)
    value, alignment, _ = _soft_table.accumulate(cost, gamma, window)
    inside = [p for p in paths(*shape) if all(inside_window(*cell, *shape, window) for cell in p)]
    costs = np.array([sum(cost[cell] for cell in p) for p in inside])
    weights = np.exp(-(costs - costs.min()) / gamma)
    assert value == pytest.approx(costs.min() - gamma * np.log(weights.sum()), rel=1e-12, abs=1e-12)
    share = np.zeros(shape)
    for p, weight in zip(inside, weights / weights.sum(), strict=True):
        for cell in p:
            share[cell] += weight
    np.testing.assert_allclose(alignment, share, rtol=0, atol=1e-13)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("window", [None, 1])
def test_gradients_are_differences_of_the_value(metric: str, window: int | None) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 4, 2)), rng.normal(size=(1, 5, 2))
    upstream, options = np.array([0.7, -2.0]), {"gamma": 0.4, "metric": metric, "window": window, "x_lengths": [4, 3]}
    gradient = _reference.soft_dtw_backward(x, upstream, y, **options)

    def total(shifted_x: object, shifted_y: object) -> float:
        return float(upstream @ _reference.soft_dtw(shifted_x, shifted_y, **options))

    step = 1e-6
    for array, name, slope in ((x, "x", gradient.x), (y, "y", gradient.y)):
        for index in np.ndindex(array.shape):
            shift = np.zeros(array.shape)
            shift[index] = step
            args = [(x + s * shift, y) if name == "x" else (x, y + s * shift) for s in (1, -1)]
            difference = (total(*args[0]) - total(*args[1])) / (2 * step)
            assert slope[index] == pytest.approx(difference, rel=1e-6, abs=1e-7), (name, index)


def test_small_gamma_is_hard_dtw() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 9)), rng.normal(size=(4, 7))
    np.testing.assert_allclose(_reference.soft_dtw(x, y, gamma=1e-9), _reference.dtw(x, y), rtol=1e-9)


def test_a_forbidden_corner_leaves_no_path() -> None:
    cost = np.zeros((1, 3, 3))
    cost[0, 0, 0] = np.inf
    value, alignment, status = _soft_table.solve(cost=cost)
    assert value[0] == np.inf
    assert status[0] == INFEASIBLE
    assert not alignment.any()
