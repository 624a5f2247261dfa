"""Hard DTW on every back end against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits, assert_within
from dtw_cases import bound, check_path, cost_cases, expected, series_cases
from strategies import LAYOUTS, Case, laid_out

NORMALIZE = st.sampled_from([None, "x", "y", "sum", "path"])


@given(case=cost_cases(exact=True), layout=st.sampled_from(LAYOUTS), normalize=NORMALIZE)
def test_given_costs_exactly(backend: Any, case: Case, layout: str, normalize: Any) -> None:
    # Sums of small integers have no rounding: value, ties, path and status are the definition's.
    call = laid_out(case, layout)
    got = backend.call("dtw_from_cost", *call.args, normalize=normalize, return_path=True, **call.options)
    want = expected("dtw_from_cost", case, normalize=normalize, return_path=True)
    np.testing.assert_array_equal(got.status, want.status)
    np.testing.assert_array_equal(got.distance, want.distance.astype(case.dtype))
    np.testing.assert_array_equal(got.path_lengths, want.path_lengths)
    np.testing.assert_array_equal(got.path[:, : want.path.shape[1]], want.path)
    assert (got.path[:, want.path.shape[1] :] == -1).all()
    plain = backend.call("dtw_from_cost", *call.args, normalize=normalize, **call.options)
    assert_same_bits(plain, got.distance)


@given(case=cost_cases(exact=True))
def test_curves_and_rewards_exactly(backend: Any, case: Case) -> None:
    for function in ("dtw_curve", "dtw_rewards"):
        got = backend.call(function, cost=case.args[0], **case.options)
        assert_within(got, expected(function, case), 1e-6 if case.dtype == np.float32 else 1e-15, function)


@given(case=cost_cases())
def test_given_costs_and_the_worth_of_paths(backend: Any, case: Case) -> None:
    got = backend.call("dtw_from_cost", *case.args, return_path=True, **case.options)
    want = expected("dtw_from_cost", case, return_path=True)
    np.testing.assert_array_equal(got.status, want.status)
    assert_within(got.distance, want.distance, bound(case))
    for b in np.flatnonzero(got.status == 0):
        check_path(case, got, int(b), bound(case))


@given(case=series_cases(), layout=st.sampled_from(LAYOUTS), normalize=st.sampled_from([None, "x", "y", "sum"]))
def test_series(backend: Any, case: Case, layout: str, normalize: Any) -> None:
    call = laid_out(case, layout)
    got = backend.call("dtw", *call.args, normalize=normalize, **call.options)
    assert got.dtype == case.dtype
    assert_within(got, expected("dtw", case, normalize=normalize), bound(case))
    curve = backend.call("dtw_curve", *call.args, **{**call.options, "subsequence": True})
    assert_within(curve, expected("dtw_curve", case, subsequence=True), bound(case))


@given(case=series_cases())
def test_a_path_of_series_is_worth_their_distance(backend: Any, case: Case) -> None:
    got = backend.call("dtw", *case.args, return_path=True, **case.options)
    assert_same_bits(backend.call("dtw", *case.args, **case.options), got.distance)
    want = expected("dtw", case, return_path=True)
    np.testing.assert_array_equal(got.status, want.status)
    n, m = case.args[0].shape[1], case.args[1].shape[1]
    count = len(got.status)
    costs = _costs(case, n, m, count)
    options = {k: np.broadcast_to(v, (count,)) if k.endswith("lengths") else v for k, v in case.options.items()}
    for b in np.flatnonzero(got.status == 0):
        check_path(Case((costs,), options, case.dtype), got, int(b), bound(case))


def _costs(case: Case, n: int, m: int, count: int) -> Any:
    from kinetrace._reference._dtw_table import local_costs

    x, y = ((a if a.ndim == 3 else a[:, :, None]).astype(np.float64) for a in case.args)
    costs = np.full((count, n, m), np.nan)
    for b in range(count):
        rows = int(np.broadcast_to(case.options.get("x_lengths", n), (count,))[b])
        columns = int(np.broadcast_to(case.options.get("y_lengths", m), (count,))[b])
        costs[b, :rows, :columns] = local_costs(x[b % len(x), :rows], y[b % len(y), :columns], case.options["metric"])
    return costs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["sqeuclidean", "l1", "cosine", "dot", "euclidean"])
def test_matrix_is_the_distances_of_all_pairs(backend: Any, metric: str, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    xs, ys = rng.normal(size=(19, 12, 3)).astype(dtype), rng.normal(size=(7, 9, 3)).astype(dtype)
    lengths = rng.integers(0, 13, 19)
    for step, window in (("symmetric1", None), ("symmetric2", 3), ("asymmetric", None), ("sigma21", 0.5)):
        options = {"metric": metric, "step": step, "window": window}
        whole = backend.call("dtw_matrix", xs, ys, x_lengths=lengths, **options)
        own = backend.call("dtw_matrix", xs, x_lengths=lengths, **options)
        assert whole.shape == (19, 7)
        for j in range(7):
            column = backend.call("dtw", xs, ys[j : j + 1], x_lengths=lengths, **options)
            assert_same_bits(whole[:, j], column)
        for j in (0, 5, 18):
            same = {"x_lengths": lengths, "y_lengths": lengths[j : j + 1]}
            column = backend.call("dtw", xs, xs[j : j + 1], **same, **options)
            assert_same_bits(own[:, j], column)


def test_sums_that_overflow_are_not_called_infeasible(backend: Any) -> None:
    cost = np.full((3, 4, 4), 2e38, dtype=np.float32)
    cost[1, 3, 3] = np.inf
    cost[2] *= -1
    result = backend.call("dtw_from_cost", cost, return_path=True)
    assert result.status.tolist() == [2, 5, 2]
    np.testing.assert_array_equal(result.distance, [np.nan, np.inf, np.nan])
    x = np.array([[0.0, 3e38]], dtype=np.float32)
    assert np.isnan(backend.call("dtw", x, -x)).all()
