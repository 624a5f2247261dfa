"""Given costs side by side: block and stripe edges, filled rows and columns, numbers that the lane kernels leave to others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _reference, _testing

DTYPES = [np.float32, np.float64]
LEVELS = [name for name in _testing.backends() if name.startswith("cpu")]
SHAPES = [(1, 8), (9, 16), (7, 33), (6, 127), (13, 128), (8, 129), (5, 255), (9, 256), (4, 257), (3, 300)]
PAIRS = 21  # a group of the widest lanes and a rest


def _costs(shape: tuple[int, int], dtype: Any, low: int = -3) -> np.ndarray:
    """Small integers, whose sums have no rounding: (PAIRS, N, M), rows apart in memory."""
    rng = np.random.default_rng(sum(shape))
    return rng.integers(low, 10, (PAIRS, shape[0] + 1, shape[1] + 3)).astype(dtype)[:, 1:, 2:-1]


def _lengths(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(shape[0])
    n, m = (rng.integers(max(0, extent - 9), extent + 1, PAIRS) for extent in shape)
    return {"x_lengths": n, "y_lengths": m}


def _definition(cost: np.ndarray, options: dict[str, Any], known: dict[Any, Any] = {}) -> Any:  # noqa: B006
    """The definition takes its time, and every back end asks for the same."""
    key = (cost.shape, cost.tobytes(), repr(options))
    if key not in known:
        with np.errstate(all="ignore"):
            known[key] = _reference.dtw_from_cost(cost.astype(np.float64), return_path=True, **options)
    return known[key]


def _check(cost: np.ndarray, **options: Any) -> None:
    """Values, status and paths are those of the definition, and the same alone."""
    got = kt.dtw_from_cost(cost, return_path=True, **options)
    want = _definition(cost, options)
    np.testing.assert_array_equal(got.status, want.status)
    np.testing.assert_array_equal(got.distance, want.distance.astype(cost.dtype))
    np.testing.assert_array_equal(got.path_lengths, want.path_lengths)
    np.testing.assert_array_equal(got.path[:, : want.path.shape[1]], want.path)
    assert_same_bits(kt.dtw_from_cost(cost, **options), got.distance)
    for b in (0, 18):
        one = {k: v[b : b + 1] if isinstance(v, np.ndarray) else v for k, v in options.items()}
        alone = kt.dtw_from_cost(cost[b : b + 1], return_path=True, **one)
        assert_same_bits(alone, kt.DtwResult(*(field[b : b + 1] for field in got)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_edges_of_blocks_and_stripes(shape: tuple[int, int], level: str, dtype: Any) -> None:
    with _testing.use_backend(level):
        _check(_costs(shape, dtype))
        _check(_costs(shape, dtype, low=0), subsequence=True)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_lies_outside_the_lengths_is_not_read(shape: tuple[int, int], level: str) -> None:
    cost, lengths = _costs(shape, np.float32), _lengths(shape)
    outside = np.zeros(cost.shape, dtype=bool)
    for b, (n, m) in enumerate(zip(lengths["x_lengths"], lengths["y_lengths"], strict=True)):
        outside[b, n:], outside[b, :, m:] = True, True
    with _testing.use_backend(level):
        _check(cost, **lengths)
        plain = kt.dtw_from_cost(cost, **lengths)
        for odd in (np.nan, np.inf, -np.inf):
            assert_same_bits(kt.dtw_from_cost(np.where(outside, np.float32(odd), cost), **lengths), plain)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, -np.inf, -0.0, -1.0])
def test_odd_numbers_concern_their_own_pair(odd: float, level: str, dtype: Any) -> None:
    shape = (10, 137)
    cost = _costs(shape, dtype, low=0)
    plain = {free: kt.dtw_from_cost(cost, subsequence=free) for free in (False, True)}
    places = [(0, 0), (9, 136), (7, 127), (8, 128), (9, 0), (3, 135), (5, 15), (1, 16)]
    pairs = np.arange(len(places)) * 2 + 3
    for pair, (i, j) in zip(pairs, places, strict=True):
        cost[pair, i, j] = odd
    others = np.setdiff1d(np.arange(PAIRS), pairs)
    with _testing.use_backend(level):
        for free in (False, True):
            _check(cost, subsequence=free)
            assert_same_bits(kt.dtw_from_cost(cost, subsequence=free)[others], plain[free][others])


@pytest.mark.parametrize("level", LEVELS)
def test_costs_whose_sum_overflows_where_no_path_does(level: str) -> None:
    cost = np.full((PAIRS, 40, 40), -(2.0**120), dtype=np.float32)  # a path adds up 79 of them, a block 320
    cost[3] = 1
    cost[4, 5, 7:30] = np.inf
    with _testing.use_backend(level):
        _check(cost)
