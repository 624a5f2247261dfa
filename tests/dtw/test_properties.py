"""What hard DTW promises whatever the data: the same bits in any company, and the symmetries of its definition."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from compare import assert_same_bits
from dtw_cases import cost_cases, series_cases
from kinetrace import _testing
from strategies import Case


def _full(backend: Any, case: Case, **more: Any) -> Any:
    function = "dtw" if len(case.args) == 2 else "dtw_from_cost"
    return backend.call(function, *case.args, return_path=True, **{**case.options, **more})


def _picked(case: Case, index: Any) -> Case:
    """Some of the pairs."""
    options = {k: v[index] if k.endswith("lengths") and len(v) > 1 else v for k, v in case.options.items()}
    return Case(tuple(a[index] if len(a) > 1 else a for a in case.args), options, case.dtype)


@given(case=st.one_of(series_cases(), cost_cases()), threads=st.sampled_from([1, 2, 3]))
def test_company_order_and_threads_change_no_bit(backend: Any, case: Case, threads: int) -> None:
    together = _full(backend, case, num_threads=threads)
    count = len(together.status)
    if count < 2:
        return
    order = np.random.default_rng(count).permutation(count)
    mixed = _full(backend, _picked(case, order))
    assert_same_bits(mixed, kt.DtwResult(*(field[order] for field in together)))
    for b in (0, count - 1):
        alone = _full(backend, _picked(case, slice(b, b + 1)))
        assert_same_bits(alone, kt.DtwResult(*(field[b : b + 1] for field in together)))


@given(case=series_cases(), extra=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_padding_changes_no_bit(backend: Any, case: Case, extra: tuple[int, int]) -> None:
    plain = _full(backend, case)
    arrays, options = [], dict(case.options)
    for array, more, name in zip(case.args, extra, ("x_lengths", "y_lengths"), strict=True):
        tail = np.full((len(array), more, *array.shape[2:]), np.nan, dtype=case.dtype)
        arrays.append(np.concatenate([array, tail], axis=1))
        options.setdefault(name, np.full(len(array), array.shape[1], dtype=np.int64))
    longer = _full(backend, Case(tuple(arrays), options, case.dtype))
    for name in ("distance", "status", "path_lengths"):
        assert_same_bits(getattr(longer, name), getattr(plain, name))
    width = plain.path.shape[1]
    np.testing.assert_array_equal(longer.path[:, :width], plain.path)
    assert (longer.path[:, width:] == -1).all()


@given(case=st.one_of(series_cases(), cost_cases()), limit=st.sampled_from([1, 3, 17, 60]))
def test_a_path_traced_in_pieces_is_the_same(backend: Any, case: Case, limit: int) -> None:
    # The directions of one row are 1 to 22 bytes here, so that every limit makes pieces, the smallest of single rows.
    module = sys.modules["kinetrace.dtw"]
    whole = _full(backend, case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DIRECTION_BYTES", limit)
        assert_same_bits(_full(backend, case), whole)


@given(case=cost_cases(exact=True))
def test_exchanging_x_and_y_mirrors_symmetric_patterns(backend: Any, case: Case) -> None:
    options = {k: v for k, v in case.options.items() if k not in ("step", "subsequence")}
    swap = {"x_lengths": "y_lengths", "y_lengths": "x_lengths"}
    mirrored = {swap.get(k, k): v for k, v in options.items()}
    for step in ("symmetric1", "symmetric2", "sequential", "sigma21"):
        one = backend.call("dtw_from_cost", case.args[0], step=step, **options)
        other = backend.call("dtw_from_cost", case.args[0].swapaxes(1, 2), step=step, **mirrored)
        np.testing.assert_array_equal(one, other)


@given(case=cost_cases(exact=True))
def test_freedom_and_steps_never_cost_more(backend: Any, case: Case) -> None:
    def distance(**options: Any) -> Any:
        got = backend.call("dtw_from_cost", *case.args, **{**case.options, **options})
        return np.where(np.isnan(got), -np.inf, got)

    pinned = distance(subsequence=False)
    for free in ("end",):
        assert (distance(subsequence=free) <= pinned).all()
    assert (distance(step="classic_jump") <= distance(step="symmetric1")).all()
    assert (distance(step="sequential_jump") <= distance(step="sequential")).all()


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (2, 0, 0), (1, 1, 1)])
def test_empty_and_single(backend: Any, shape: tuple[int, int, int]) -> None:
    result = backend.call("dtw_from_cost", np.full(shape, 2.5), return_path=True)
    empty = 0 in shape[1:]
    np.testing.assert_array_equal(result.distance, [np.nan if empty else 2.5] * shape[0])
    assert result.status.tolist() == [6 if empty else 0] * shape[0]
    assert backend.call("dtw_curve", cost=np.ones(shape)).shape == (shape[0], shape[2])
    rewards = backend.call("dtw_rewards", cost=np.ones(shape))
    assert rewards.shape == shape[:2]
    assert np.isnan(rewards).all() == (empty or rewards.size == 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_and_short_pairs_together(backend: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    scale = 1 if backend.name.startswith("cpu") else 4
    n, m = rng.integers(0, 300 // scale, 70), rng.integers(0, 260 // scale, 70)
    xs, ys = [rng.normal(size=k).astype(dtype) for k in n], [rng.normal(size=k).astype(dtype) for k in m]
    with _testing.use_backend(backend.name):
        whole = kt.dtw(xs, ys, return_path=True, num_threads=2)
        for b in (0, 3, 69):
            alone = kt.dtw(xs[b : b + 1], ys[b : b + 1], return_path=True)
            length = int(alone.path_lengths[0])
            assert length == whole.path_lengths[b]
            assert_same_bits(alone.distance, whole.distance[b : b + 1])
            np.testing.assert_array_equal(alone.path[0, :length], whole.path[b, :length])
