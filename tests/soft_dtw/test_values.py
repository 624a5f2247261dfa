"""soft-DTW on every back end against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from compare import assert_same_bits, assert_within
from dtw_cases import METRICS
from kinetrace import _reference
from soft_checks import (
    alignment,
    alignment_bound,
    arguments,
    expected_slopes,
    native,
    slopes,
    soft_cases,
    solution,
    value_bound,
    value_name,
)
from strategies import LAYOUTS, Case, laid_out


@given(case=soft_cases(), layout=st.sampled_from(LAYOUTS))
def test_values_alignments_and_statuses(backend: Any, case: Case, layout: str) -> None:
    call, want = laid_out(case, layout), solution(case)
    value = backend.call(value_name(case), *call.args, **call.options)
    assert value.dtype == case.dtype
    assert_within(value, want.value, value_bound(case))
    expected = alignment(backend, call)
    assert_within(expected, want.alignment, alignment_bound(case), "alignment")
    assert (expected[want.alignment == 0] >= 0).all()
    if backend.name != "standin":
        np.testing.assert_array_equal(native(backend, call)[1], want.status)


@given(case=soft_cases(given=False), layout=st.sampled_from(LAYOUTS))
def test_gradients(backend: Any, case: Case, layout: str) -> None:
    got, want = slopes(backend, laid_out(case, layout)), expected_slopes(case)
    for name, ours, theirs in zip("xy", got, want, strict=True):
        assert ours.dtype == case.dtype
        largest = float(np.nanmax(np.abs(theirs), initial=0.0))
        # A slope of euclidean or cosine has the relative error of a difference or of a norm on top.
        assert_within(ours, theirs, 8 * alignment_bound(case) * max(largest, 1.0), name)


@pytest.mark.parametrize(("dtype", "limit"), [(np.float64, 1e-10), (np.float32, 5e-5)])
@pytest.mark.parametrize("gamma", [0.1, 1.0])
def test_gradients_of_long_pairs(backend: Any, dtype: Any, limit: float, gamma: float) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, 70, 8)).astype(dtype), rng.normal(size=(2, 64, 8)).astype(dtype)
    case = Case((x, y), {"gamma": gamma}, np.dtype(dtype))
    want = _reference.soft_dtw(x, y, gamma=gamma)
    np.testing.assert_allclose(backend.call("soft_dtw", x, y, gamma=gamma), want, rtol=limit / 100)
    for ours, theirs in zip(slopes(backend, case), expected_slopes(case), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=limit * np.abs(theirs).max())


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_gamma_is_hard_dtw(backend: Any, metric: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 30, 3)).astype(dtype), rng.normal(size=(20, 25, 3)).astype(dtype)
    for window in (None, 3):
        hard = backend.call("dtw", x, y, metric=metric, window=window)
        for gamma in (1e-8, 1e-20):
            soft = backend.call("soft_dtw", x, y, metric=metric, gamma=gamma, window=window)
            np.testing.assert_allclose(
                soft, hard, rtol=100 * np.finfo(dtype).eps, atol=1e-5 * np.sqrt(np.finfo(dtype).eps)
            )
    path = backend.call("dtw", x, y, metric=metric, return_path=True)
    expected = backend.call("soft_dtw_alignment", x, y, metric=metric, gamma=1e-9)
    for b in range(len(x)):
        cells = path.path[b, : path.path_lengths[b]]
        on_path = np.zeros(expected.shape[1:])
        on_path[cells[:, 0], cells[:, 1]] = 1
        np.testing.assert_allclose(expected[b], on_path, atol=1e-3)


def test_huge_gamma_counts_paths(backend: Any) -> None:
    # Every path weighs the same: there are 63 of single steps from corner to corner of 4 x 4 cells.
    x = np.random.default_rng(0).uniform(size=(3, 4))
    value = backend.call("soft_dtw", x, x, gamma=1e12)
    np.testing.assert_allclose(value, -1e12 * np.log(63), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_costs_over_gamma_keep_their_digits(backend: Any, dtype: Any) -> None:
    # On the diagonal 0, elsewhere c: beside the diagonal path, 2 (n - 1) once leave it; c / gamma is large, then huge.
    for scale in (30.0, 1e4, 1e8, 1e20):
        cost = np.full((1, 9, 9), scale, dtype=dtype)
        cost[0, np.arange(9), np.arange(9)] = np.array([1e-3, *np.full(7, 1.0), 2.0])
        value = backend.call("soft_dtw_from_cost", cost, gamma=0.5)
        np.testing.assert_allclose(value, 9.001, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_allclose(alignment_of(backend, cost), np.eye(9)[None], atol=1e-12)


def alignment_of(backend: Any, cost: Any) -> Any:
    """Expected alignment at gamma 0.5."""
    return backend.call("soft_dtw_alignment", cost=cost, gamma=0.5)


@given(case=soft_cases())
def test_lists_and_halves(backend: Any, case: Case) -> None:
    if backend.name == "standin" or (len(case.args) == 2 and len(case.args[0]) != len(case.args[1])):
        return
    given_arrays = arguments(case)
    lengths = {}
    for name, axis, array in (
        ("x_lengths", 1, case.args[0]),
        ("y_lengths", 1 if len(case.args) == 2 else 2, case.args[-1]),
    ):
        lengths[name] = case.options.get(name, np.full(len(case.args[0]), array.shape[axis]))
    options = {k: v for k, v in case.options.items() if k not in lengths}
    pairs = list(zip(lengths["x_lengths"], lengths["y_lengths"], strict=True))
    if not pairs:
        return
    if len(case.args) == 2:
        lists = [[a[b, : p[k]] for b, p in enumerate(pairs)] for k, a in enumerate(case.args)]
    else:
        lists = [[given_arrays["cost"][b, :n, :m] for b, (n, m) in enumerate(pairs)]]
    with_lists = backend.call(value_name(case), *lists, **options)
    assert_same_bits(with_lists, backend.call(value_name(case), *case.args, **case.options))


def test_halves_are_computed_in_float32(backend: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float16)
    got = kt.soft_dtw(x, x[::-1], gamma=0.5)
    assert got.dtype == np.float32
    assert_same_bits(got, kt.soft_dtw(x.astype(np.float32), x[::-1].astype(np.float32), gamma=0.5))


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "l1"])
def test_differences_that_overflow_forbid_their_cells_and_spoil_no_gradient(backend: Any, metric: str) -> None:
    huge = np.float32(3e38)
    x = np.array([[[1.0], [huge], [2.0]], [[1.0], [5.0], [2.0]]], dtype=np.float32)
    y = np.array([[[-huge], [huge], [2.5]], [[1.5], [5.0], [2.0]]], dtype=np.float32)
    x[0, 0] = -huge
    case = Case((x, y), {"gamma": 0.5, "metric": metric}, np.dtype(np.float32))
    for got, want in zip(slopes(backend, case), expected_slopes(case), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    # 0 but for the last cells, which are half apart; no other path is finite.
    last = {"sqeuclidean": 0.25, "euclidean": 0.5, "l1": 0.5}[metric]
    np.testing.assert_allclose(backend.call("soft_dtw", x, y, **case.options)[0], last, rtol=1e-6)


@given(case=soft_cases())
def test_rewards_are_mean_costs_under_the_alignment(backend: Any, case: Case) -> None:
    if backend.name == "standin":
        return  # the definition of the rewards is what follows here
    got, want = backend.call("dtw_rewards", **arguments(case), **case.options), solution(case)
    batch, rows = want.alignment.shape[:2]
    assert got.shape == (batch, rows)
    lengths = np.broadcast_to(case.options.get("x_lengths", rows), (batch,))
    for b in range(batch):
        if want.status[b] != kt.Status.OK:
            assert np.isnan(got[b]).all()
            continue
        cost = _costs(case, b)
        for i in range(rows):
            weights = want.alignment[b, i, : cost.shape[1]]
            used = weights > 0
            mean = -(weights[used] @ cost[i, used]) / weights.sum() if i < lengths[b] else 0.0
            assert got[b, i] == pytest.approx(mean, abs=4 * value_bound(case) + 16 * alignment_bound(case) * _top(cost))


def _top(cost: Any) -> float:
    return float(np.abs(cost[np.isfinite(cost)]).max(initial=1.0))


def _costs(case: Case, index: int) -> Any:
    """Costs (n,m) of one pair, within its lengths."""
    from kinetrace._reference.dtw import _given_costs, _series_costs

    lengths = case.options.get("x_lengths"), case.options.get("y_lengths")
    if len(case.args) == 1:
        return list(_given_costs(case.args[0], *lengths))[index]
    return list(_series_costs(*case.args, *lengths, case.options["metric"]))[index]


def test_rewards_with_gamma_know_single_steps_between_corners_only() -> None:
    x = np.zeros((1, 3))
    for options in ({"step": "symmetric2"}, {"subsequence": True}):
        with pytest.raises(
            ValueError, match=r"^gamma: expected None with another step than 'symmetric1' or a free end"
        ):
            kt.dtw_rewards(x, x, gamma=1.0, **options)  # type: ignore[arg-type]
