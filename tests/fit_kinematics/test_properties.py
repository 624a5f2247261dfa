"""What fit_kinematics promises whatever the data: invariances, and the same bits in any place."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits, assert_within, fields, rows
from fit_checks import used
from scales import fit_scale
from strategies import LAYOUTS, Case, fit_cases, generators, laid_out, specials
from tolerances import rounding

ROBUST = [None, "huber", "tukey"]


def _call(backend: Any, case: Case, **more: Any) -> Any:
    return backend.call("fit_kinematics", *case.args, **{**case.options, **more})


def _picked(case: Case, index: Any) -> Case:
    """The call with some of its problems only."""
    options = dict(case.options)
    for name in ("weights", "visible", "times"):
        if name in options and options[name].ndim == 2:
            options[name] = options[name][index]
    return Case((case.args[0][index],), options, case.dtype)


@given(case=fit_cases(wild=True, max_frames=10), robust=st.sampled_from(ROBUST))
def test_a_problem_has_the_same_bits_alone_and_in_any_place(backend: Any, case: Case, robust: str | None) -> None:
    together = _call(backend, case, robust=robust)
    count = len(case.args[0])
    for b in range(count):
        alone = _call(backend, _picked(case, slice(b, b + 1)), robust=robust)
        assert_same_bits(alone, rows(together, slice(b, b + 1)))
    order = np.random.default_rng(count).permutation(count)
    assert_same_bits(_call(backend, _picked(case, order), robust=robust), rows(together, order))


@given(case=fit_cases(max_frames=10), copies=st.integers(5, 40), robust=st.sampled_from(ROBUST))
def test_every_lane_and_block_computes_the_same(backend: Any, case: Case, copies: int, robust: str | None) -> None:
    index = np.arange(copies) % max(len(case.args[0]), 1)
    if len(case.args[0]) == 0:
        index = index[:0]
    together = _call(backend, case, robust=robust)
    assert_same_bits(_call(backend, _picked(case, index), robust=robust), rows(together, index))


@given(case=fit_cases(max_frames=10), extra=st.integers(1, 9), robust=st.sampled_from(ROBUST))
def test_invisible_frames_at_the_end_change_no_bit(backend: Any, case: Case, extra: int, robust: str | None) -> None:
    plain = _call(backend, case, robust=robust)
    b_count, t_count, d_count = case.args[0].shape
    garbage = np.resize(specials(case.dtype), (b_count, extra, d_count))
    options = dict(case.options)
    visible = options.get("visible", np.ones((b_count, t_count), dtype=bool))
    options["visible"] = np.concatenate([visible, np.zeros((b_count, extra), visible.dtype)], axis=1)
    for name in ("weights", "times"):
        if name in options:
            tail = np.resize(specials(case.dtype), (*options[name].shape[:-1], extra))
            options[name] = np.concatenate([options[name], tail], axis=-1)
    longer = Case((np.concatenate([case.args[0], garbage], axis=1),), options, case.dtype)
    assert_same_bits(_call(backend, longer, robust=robust), plain)


@given(case=fit_cases(), layout=st.sampled_from(LAYOUTS), threads=st.sampled_from([1, 2, 3]))
def test_layout_and_threads_change_no_bit(backend: Any, case: Case, layout: str, threads: int) -> None:
    plain = _call(backend, case)
    assert_same_bits(_call(backend, laid_out(case, layout), num_threads=threads), plain)


@given(case=fit_cases())
def test_weight_zero_is_invisible_and_any_byte_is_visible(backend: Any, case: Case) -> None:
    positions = case.args[0]
    visible = np.asarray(case.options.get("visible", np.ones(positions.shape[:2]))) != 0
    weights = case.options.get("weights", np.ones(positions.shape[:2], dtype=case.dtype))
    plain = _call(backend, case, visible=visible, weights=weights)
    hidden = np.where(visible, weights, 0).astype(case.dtype)
    assert_same_bits(_call(backend, case, visible=None, weights=hidden), plain)
    assert_same_bits(_call(backend, case, visible=visible.astype(np.uint8) * 200, weights=weights), plain)


@given(case=fit_cases(), power=st.integers(-20, 20), robust=st.sampled_from(ROBUST))
def test_powers_of_two_scale_exactly(backend: Any, case: Case, power: int, robust: str | None) -> None:
    plain = _call(backend, case, robust=robust)
    factor = case.dtype.type(2.0**power)
    with np.errstate(over="ignore"):
        scaled = _call(backend, Case((case.args[0] * factor,), case.options, case.dtype), robust=robust)
    expected = plain._replace(coefficients=plain.coefficients * factor, residual_rms=plain.residual_rms * factor)
    assert_same_bits(scaled, expected)
    weights = case.options.get("weights", np.ones(case.args[0].shape[:2], dtype=case.dtype))
    base = _call(backend, case, weights=weights)
    with np.errstate(over="ignore"):
        heavier = _call(backend, case, weights=weights * case.dtype.type(4.0**5))
    assert_same_bits(heavier, base._replace(covariance=base.covariance / case.dtype.type(4.0**5)))


@given(case=fit_cases(), shift=st.sampled_from([-3.0, 0.5, 40.0]))
def test_shifts_of_time_and_place(backend: Any, case: Case, shift: float) -> None:
    plain = _call(backend, case)
    order = case.options["order"]
    times = case.options.get("times", np.arange(case.args[0].shape[1]) * case.options.get("dt", 1.0))
    with np.errstate(over="ignore", invalid="ignore"):
        moved_times = (np.asarray(times, dtype=np.float64) + shift).astype(case.dtype)
        moved_positions = (case.args[0].astype(np.float64) + 64).astype(case.dtype)
    options = {name: value for name, value in case.options.items() if name != "dt"}
    late = backend.call("fit_kinematics", *case.args, **{**options, "times": moved_times})
    away = _call(backend, Case((moved_positions,), case.options, case.dtype))
    np.testing.assert_array_equal(late.status, plain.status)
    np.testing.assert_array_equal(away.status, plain.status)
    units = rounding("fit_kinematics", "coefficients", case.dtype)
    for b in np.flatnonzero(plain.status == 0):
        problem = used(case, int(b))
        # q(t) = p(t - shift), so the derivatives of q at `shift` are those of p at 0.
        back = np.array(
            [[shift ** (j - k) / factorial(j - k) if j >= k else 0 for j in range(order + 1)] for k in range(order + 1)]
        )
        here = fit_scale(problem.t, problem.p + 64, problem.w, order).coefficients
        # Rounding the moved times to the dtype moves each position by that times the speed along the fit.
        there = fit_scale(problem.t + shift, problem.p, problem.w, order).coefficients
        widest = np.abs(problem.t).max() + abs(shift)
        span = np.ptp(problem.t) or 1.0
        bound = units * (here + (1 + order * widest / span) * (np.abs(back) @ there))
        assert_within(back @ late.coefficients[b].astype(float), plain.coefficients[b], bound)
        offset = np.zeros_like(here)
        offset[0] = 64
        # Rounding the moved positions to the dtype moves each by up to half a unit in the last place of its new size.
        size = np.abs(problem.p + 64).max(axis=0)
        rounded = fit_scale(problem.t, problem.p + 64, problem.w, order, spread=size).coefficients
        bound = 4 * units * here + float(np.finfo(case.dtype).eps) * rounded
        assert_within(away.coefficients[b] - offset, plain.coefficients[b], bound)


@given(rng=generators(), order=st.integers(0, 3), dtype=st.sampled_from([np.float32, np.float64]))
def test_nothing_moves_nothing_measured(backend: Any, rng: Any, order: int, dtype: Any) -> None:
    place = (rng.normal(size=(3, 1, 2)) * 400).astype(dtype)
    weights = rng.uniform(0.1, 3, (3, 11)).astype(dtype)
    for robust in ROBUST:
        still = np.broadcast_to(place, (3, 11, 2))
        fit = backend.call("fit_kinematics", still, weights=weights, order=order, robust=robust)
        assert (fit.status == 0).all()
        np.testing.assert_array_equal(fit.coefficients[:, 0], place[:, 0])
        assert (fit.coefficients[:, 1:] == 0).all()
        assert (fit.residual_rms == 0).all()
        assert (fit.r_squared == 1).all()


@pytest.mark.parametrize("shape", [(0, 9, 2), (4, 0, 2), (4, 1, 3), (1, 9, 1)])
@pytest.mark.parametrize("order", range(4))
def test_empty_and_short(backend: Any, shape: tuple[int, int, int], order: int) -> None:
    fit = backend.call("fit_kinematics", np.ones(shape, dtype=np.float32), order=order)
    assert fit.coefficients.shape == (shape[0], order + 1, shape[2])
    assert (fit.status == (0 if shape[1] > order else 1)).all()
    assert (fit.n_points == shape[1]).all()
    unseen = backend.call("fit_kinematics", np.ones(shape), order=order, visible=np.zeros(shape[:2], dtype=bool))
    assert (unseen.status == 1).all()
    assert (unseen.n_points == 0).all()
    for name in ("coefficients", "residual_rms", "covariance", "r_squared"):
        assert np.isnan(fields(unseen)[name]).all()
