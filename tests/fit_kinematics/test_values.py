"""fit_kinematics on every back end against its definition, and its accuracy in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_within, fields
from fit_checks import FLOATS, check_fit, check_shapes, used
from kinetrace import _reference
from scales import fit_scale
from strategies import LAYOUTS, Case, fit_cases, generators, laid_out, lay_out
from tolerances import rounding


@given(case=fit_cases(), layout=st.sampled_from(LAYOUTS))
def test_agrees_with_the_definition(backend: Any, case: Case, layout: str) -> None:
    given_case = laid_out(case, layout)
    check_fit(case, backend.call("fit_kinematics", *given_case.args, **given_case.options))


@given(case=fit_cases(wild=True, max_frames=12))
def test_wild_values_give_the_right_status(backend: Any, case: Case) -> None:
    fit = backend.call("fit_kinematics", *case.args, **case.options)
    expected = _reference.fit_kinematics(*case.args, **case.options)
    check_shapes(case, fit)
    np.testing.assert_array_equal(fit.n_points, expected.n_points)
    for b in range(len(fit.status)):
        problem = used(case, b)
        sizes = np.concatenate([problem.t, problem.p.ravel(), problem.w])
        sizes = np.abs(sizes[np.isfinite(sizes) & (sizes != 0)])
        if ((sizes > 1e-8) & (sizes < 1e8)).all() or expected.status[b] in (1, 4):
            assert fit.status[b] == expected.status[b]
        else:  # what overflows or underflows on the way depends on the order of the arithmetic
            assert fit.status[b] in (0, 2, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("robust", [None, "huber", "tukey"])
def test_statuses_side_by_side(backend: Any, dtype: Any, robust: str | None) -> None:
    p = np.tile(np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])[:, None], (12, 1, 2)).astype(dtype)
    times = np.tile(np.arange(6.0), (12, 1)).astype(dtype)
    weights = np.ones((12, 6), dtype=dtype)
    visible = np.ones((12, 6), dtype=bool)
    weights[1, 5], weights[2, 5], weights[3, 0], p[3, 1] = -1, np.nan, np.inf, np.nan
    p[4, 2, 1], p[5, 2, 0], weights[5, 3:], times[6, 1] = np.nan, np.inf, 0, -np.inf
    visible[7, 2:], times[8], times[9, 2:] = False, 7, 7
    times[10, 3:] = 7  # four distinct times, one of them three times over
    visible[11], weights[11], p[11] = False, -1, np.nan
    fit = backend.call("fit_kinematics", p, times=times, weights=weights, visible=visible, order=2, robust=robust)
    assert fit.status.tolist() == [0, 4, 4, 4, 2, 2, 2, 1, 3, 0, 0, 1]
    assert fit.n_points.tolist() == [6, 6, 6, 6, 6, 3, 6, 2, 6, 6, 6, 0]
    options = {"times": times, "weights": weights, "visible": visible, "order": 2}
    if robust is None:
        check_fit(Case((p,), options, np.dtype(dtype)), fit)
    cubic = backend.call("fit_kinematics", p, times=times, order=3, robust=robust)
    assert cubic.status[8:11].tolist() == [3, 3, 0]


@pytest.mark.parametrize("robust", ["huber", "tukey"])
@given(
    rng=generators(),
    dtype=st.sampled_from([np.float32, np.float64]),
    order=st.integers(0, 3),
    iterations=st.integers(0, 5),
    threshold=st.sampled_from([None, 1.0]),
)
def test_robust_agrees_with_the_definition(
    backend: Any, robust: str, rng: Any, dtype: Any, order: int, iterations: int, threshold: float | None
) -> None:
    t = np.linspace(-1, 1, 24)[:, None]
    p = 200 + 30 * t - 20 * t**2 + rng.normal(size=(3, 24, 2))
    p[:, 5] += 25
    options = {
        "order": order,
        "robust": robust,
        "robust_iterations": iterations,
        "robust_threshold": threshold,
    }
    options["weights"] = rng.uniform(0.5, 2, (3, 24)).astype(dtype)
    options["visible"] = rng.uniform(size=(3, 24)) < 0.85
    p = p.astype(dtype)
    fit = backend.call("fit_kinematics", p, **options)
    expected = _reference.fit_kinematics(p, **options)
    np.testing.assert_array_equal(fit.status, expected.status)
    np.testing.assert_array_equal(fit.n_points, expected.n_points)
    spread = _measured_spread(p, expected, options)
    for b in range(3):
        problem = used(Case((p,), options, np.dtype(dtype)), b)
        scale = fit_scale(problem.t, problem.p, problem.w, order)
        variance = np.diag(expected.covariance[b])
        own = {"covariance": np.sqrt(np.outer(variance, variance))}
        for name in FLOATS:
            size = getattr(scale, name) + own.get(name, 0.0) + spread[name][b]
            bound = rounding("fit_kinematics", "robust", dtype) * size
            assert_within(fields(fit)[name][b], fields(expected)[name][b], bound, name)


def _measured_spread(p: Any, expected: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Largest change of the outputs, per relative change of the positions, over a few nudges."""
    rng = np.random.default_rng(0)
    nudge = 1e-9
    spread = {name: np.zeros(fields(expected)[name].shape) for name in FLOATS}
    for _ in range(4):
        moved = p.astype(np.float64) + nudge * 30 * rng.choice([-1.0, 1.0], size=p.shape)
        other = _reference.fit_kinematics(moved, **options)
        for name in FLOATS:
            change = np.abs(fields(other)[name] - fields(expected)[name]) / nudge
            spread[name] = np.maximum(spread[name], change)
    return spread


def test_float32_stays_accurate_in_a_short_window(backend: Any) -> None:
    # 8 visible frames of 49 about 400 px from the origin; error of the quadratic term in px per [-1,1]^2.
    rng = np.random.default_rng(11)
    count, frames, window = 1000, 49, 8
    u = np.linspace(-1, 1, frames)
    slopes = rng.normal(size=(count, 2, 2)) * [100, 30]
    p = 400 + slopes[:, None, :, 0] * u[:, None] + slopes[:, None, :, 1] * u[:, None] ** 2
    p = (p + 0.3 * rng.normal(size=p.shape)).astype(np.float32)
    first = rng.integers(0, frames - window + 1, count)
    visible = (np.arange(frames) >= first[:, None]) & (np.arange(frames) < first[:, None] + window)
    weights = rng.uniform(0.1, 1, visible.shape).astype(np.float32)
    fit = backend.call("fit_kinematics", p, visible=visible, weights=weights)
    assert (fit.status == 0).all()
    expected = _reference.fit_kinematics(p, visible=visible, weights=weights)
    error = np.abs(fit.coefficients[:, 2] - expected.coefficients[:, 2]) / 2 * ((frames - 1) / 2) ** 2
    assert error.max() < 1e-2
    assert np.median(error) < 5e-4


@given(rng=generators(), order=st.integers(0, 3), dtype=st.sampled_from([np.float32, np.float64]))
def test_polynomials_are_recovered(backend: Any, rng: Any, order: int, dtype: Any) -> None:
    t = rng.integers(-20, 20) + np.arange(12.0)
    c = rng.integers(-8, 9, (1, order + 1, 2)).astype(float)
    factors = np.cumprod([1, 1, 2, 3])[: order + 1]
    p = np.einsum("tk,bkd->btd", t[:, None] ** np.arange(order + 1) / factors, c)
    fit = backend.call("fit_kinematics", p.astype(dtype), times=t.astype(dtype), order=order)
    exact = p.astype(dtype).astype(np.float64)
    scale = fit_scale(t, exact[0], np.ones(12), order)
    assert_within(fit.coefficients[0], c[0], 2 * rounding("fit_kinematics", "coefficients", dtype) * scale.coefficients)
    assert fit.residual_rms[0] <= rounding("fit_kinematics", "residual_rms", dtype) * scale.residual_rms


@pytest.mark.parametrize("robust", ["huber", "tukey"])
def test_outliers_lose_their_say(backend: Any, robust: str) -> None:
    rng = np.random.default_rng(12)
    t = np.arange(30.0)[:, None]
    p = 100 + 3 * t + 0.25 * t**2 + 0.1 * rng.normal(size=(50, 30, 2))
    p[:, ::6] += rng.uniform(20, 60, size=(50, 5, 2))
    plain = backend.call("fit_kinematics", p.astype(np.float32))
    fit = backend.call("fit_kinematics", p.astype(np.float32), robust=robust)
    error = np.abs(fit.coefficients[:, 2] - 0.5)
    assert np.median(error) < 0.01
    assert error.max() < 0.1 * np.abs(plain.coefficients[:, 2] - 0.5).max()
    if robust == "tukey":
        assert fit.residual_rms.max() < 0.5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_changes_no_bit(backend: Any, layout: str) -> None:
    rng = np.random.default_rng(13)
    p = rng.normal(size=(7, 15, 3)).astype(np.float32)
    w = rng.uniform(0.5, 2, (7, 15)).astype(np.float32)
    one = backend.call("fit_kinematics", p, weights=w)
    other = backend.call("fit_kinematics", lay_out(p, layout), weights=lay_out(w, layout))
    for name, array in fields(one).items():
        np.testing.assert_array_equal(array, fields(other)[name])
