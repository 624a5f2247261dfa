"""What soft-DTW promises whatever the data: the same bits in any company, and the identities of its definition."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from back_ends import Backend
from compare import assert_same_bits, assert_within
from dtw_cases import METRICS
from kinetrace import _testing
from soft_checks import alignment, alignment_bound, native, soft_cases, value_bound, value_name
from strategies import Case


def _everything(backend: Any, case: Case, **more: Any) -> list[Any]:
    """All arrays that the native layer can return for a case."""
    series = len(case.args) == 2
    value, status, *_, expected, rewards = native(backend, case, alignment=True, rewards=True, **more)
    if not series:
        return [value, status, expected, rewards]
    again, _, x, y, *_ = native(backend, case, x_gradient=True, y_gradient=True, **more)
    assert_same_bits(again, value)
    assert_same_bits(native(backend, case, **more)[0], value)  # without weights
    assert_same_bits(native(backend, case, x_gradient=True, **more)[2], x)
    assert_same_bits(native(backend, case, y_gradient=True, **more)[3], y)
    return [value, status, expected, rewards, x, y]


def _picked(case: Case, index: Any) -> Case:
    """Some of the pairs."""
    options = {k: v[index] if k.endswith("lengths") and len(v) > 1 else v for k, v in case.options.items()}
    return Case(tuple(a[index] if len(a) > 1 else a for a in case.args), options, case.dtype)


@given(case=soft_cases(), threads=st.sampled_from([1, 2, 3]))
def test_company_order_and_threads_change_no_bit(backend: Any, case: Case, threads: int) -> None:
    together = _everything(backend, case, num_threads=threads)
    count = len(together[0])
    if count < 2:
        return
    order = np.random.default_rng(count).permutation(count)
    for mixed, whole in zip(_everything(backend, _picked(case, order)), together, strict=True):
        assert_same_bits(mixed, whole[order])
    for b in (0, count - 1):
        alone = _everything(backend, _picked(case, slice(b, b + 1)))
        for one, whole in zip(alone, together, strict=True):
            assert_same_bits(one, whole[b : b + 1])


@given(case=soft_cases(), extra=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_padding_changes_no_bit(backend: Any, case: Case, extra: tuple[int, int]) -> None:
    plain = _everything(backend, case)
    options = dict(case.options)
    series = len(case.args) == 2
    axes = [(0, 1, "x_lengths"), (1, 1, "y_lengths")] if series else [(0, 1, "x_lengths"), (0, 2, "y_lengths")]
    arrays = list(case.args)
    for (at, axis, name), more in zip(axes, extra, strict=True):
        array = arrays[at]
        tail = list(array.shape)
        tail[axis] = more
        options.setdefault(name, np.full(len(array), array.shape[axis], dtype=np.int64))
        arrays[at] = np.concatenate([array, np.full(tail, np.nan, dtype=case.dtype)], axis=axis)
    longer = _everything(backend, Case(tuple(arrays), options, case.dtype))
    for wide, narrow in zip(longer, plain, strict=True):
        inside = tuple(slice(extent) for extent in narrow.shape)
        assert_same_bits(wide[inside], narrow)
        rest = np.ones(wide.shape, dtype=bool)
        rest[inside] = False
        assert ((wide[rest] == 0) | np.isnan(wide[rest])).all()  # NaN: rewards of a pair without a value


@given(case=soft_cases())
def test_every_back_end_has_the_same_bits(case: Case) -> None:

    first, *others = (_everything(Backend(name), case) for name in _testing.backends())
    for other in others:
        for one, two in zip(other, first, strict=True):
            assert_same_bits(one, two)


@given(case=soft_cases(), limit=st.sampled_from([1, 9 * 128 * 16, 9 * 128 * 36]))
def test_weights_kept_in_pieces_change_no_bit(backend: Any, case: Case, limit: int) -> None:
    whole = _everything(backend, case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["kinetrace.soft_dtw"], "KEPT_BYTES", limit)
        for pieces, all_at_once in zip(_everything(backend, case), whole, strict=True):
            assert_same_bits(pieces, all_at_once)


@pytest.mark.parametrize("window", [None, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_pairs_in_pieces(backend: Any, dtype: Any, window: int | None) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(3, 210, 2)).astype(dtype), rng.normal(size=(3, 190, 2)).astype(dtype)
    lengths = {"x_lengths": np.array([210, 163, 40]), "y_lengths": np.array([190, 170, 190])}
    case = Case((x, y), {"gamma": 0.3, "window": window, **lengths}, np.dtype(dtype))
    whole = _everything(backend, case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["kinetrace.soft_dtw"], "KEPT_BYTES", 192 * 128 * 120)
        for pieces, all_at_once in zip(_everything(backend, case), whole, strict=True):
            assert_same_bits(pieces, all_at_once)
    # The alignment of a pair visits every row and every column at least once, in all as many cells as a path has.
    expected = whole[2]
    assert (expected.sum(2)[0] >= 1 - 1e-5).all()
    assert (expected.sum(1)[0] >= 1 - 1e-5).all()
    np.testing.assert_allclose(expected[:, 0, 0], 1, rtol=1e-4)


@given(case=soft_cases())
def test_exchange_and_reversal_are_symmetries(backend: Any, case: Case) -> None:
    # x and y exchanged, and both reversed: the same paths. Reversal within the lengths only.
    swap = {"x_lengths": "y_lengths", "y_lengths": "x_lengths"}
    exchanged = {swap.get(k, k): v for k, v in case.options.items()}
    args = case.args[::-1] if len(case.args) == 2 else (case.args[0].swapaxes(1, 2),)
    other = Case(args, exchanged, case.dtype)
    value = backend.call(value_name(case), *case.args, **case.options)
    assert_within(backend.call(value_name(other), *other.args, **other.options), value, value_bound(case))
    mirrored = np.asarray(alignment(backend, other)).swapaxes(1, 2)
    assert_within(mirrored, alignment(backend, case), 2 * alignment_bound(case))
    if not {"x_lengths", "y_lengths"} & case.options.keys():
        axes = (slice(None), slice(None, None, -1), slice(None, None, -1))
        turned = [a[axes[: 2 if len(case.args) == 2 else 3]] for a in case.args]
        assert_within(backend.call(value_name(case), *turned, **case.options), value, value_bound(case))


@given(case=soft_cases(given=True), power=st.integers(-8, 8))
def test_costs_and_gamma_scale_together(backend: Any, case: Case, power: int) -> None:
    factor = 2.0**power
    value = backend.call("soft_dtw_from_cost", *case.args, **case.options)
    with np.errstate(invalid="ignore"):
        scaled = (case.args[0] * case.dtype.type(factor)).astype(case.dtype)
    options = {**case.options, "gamma": case.options["gamma"] * factor}
    assert_same_bits(backend.call("soft_dtw_from_cost", scaled, **options), (value * factor).astype(case.dtype))
    assert_same_bits(
        backend.call("soft_dtw_alignment", cost=scaled, **options),
        backend.call("soft_dtw_alignment", cost=case.args[0], **case.options),
    )


@given(case=soft_cases(given=False))
def test_soft_is_at_most_hard(backend: Any, case: Case) -> None:
    options = {k: v for k, v in case.options.items() if k != "gamma"}
    hard = backend.call("dtw", *case.args, **options)
    soft = backend.call("soft_dtw", *case.args, **case.options)
    both = np.isfinite(hard) & np.isfinite(soft)
    np.testing.assert_array_equal(np.isnan(soft), np.isnan(hard))
    assert (soft[both] <= hard[both] + value_bound(case)).all()


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (2, 0, 0)])
def test_nothing_to_align(backend: Any, shape: tuple[int, int, int]) -> None:
    batch, n, m = shape
    x, y = np.zeros((batch, n, 2), np.float32), np.zeros((batch, m, 2), np.float32)
    value, status, x_slopes, y_slopes, *_ = native(
        backend, Case((x, y), {"gamma": 1.0}, x.dtype), x_gradient=True, y_gradient=True
    )
    assert value.shape == (batch,)
    assert np.isnan(value).all()
    assert (status == kt.Status.EMPTY).all()
    assert (x_slopes.shape, y_slopes.shape) == (x.shape, y.shape)
    assert not x_slopes.any()
    assert not y_slopes.any()
    assert backend.call("soft_dtw_alignment", x, y).shape == shape


@pytest.mark.parametrize("window", [None, 9])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_pairs_have_the_same_bits_everywhere(dtype: Any, metric: str, window: int | None) -> None:
    # 150 columns are two stripes of a warp, 41 rows ten tiles and a single row of the CPU.

    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(3, 41, 3)).astype(dtype), rng.normal(size=(1, 150, 3)).astype(dtype)
    lengths = {"x_lengths": np.array([41, 17, 30]), "y_lengths": np.array([150, 129, 128])}
    wide = np.broadcast_to(y, (3, 150, 3))
    case = Case((x, wide), {"gamma": 0.3, "window": window, "metric": metric, **lengths}, np.dtype(dtype))
    first, *others = (_everything(Backend(name), case) for name in _testing.backends())
    assert np.isfinite(first[0]).all()
    assert all(np.abs(array).max() > 0.1 for array in first[2:])
    for other in others:
        for one, two in zip(other, first, strict=True):
            assert_same_bits(one, two)
