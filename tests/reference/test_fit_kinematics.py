"""The definition of fit_kinematics against numpy.polyfit, scipy, rational arithmetic and closed forms."""

from __future__ import annotations

from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from compare import assert_within, fields
from kinetrace._reference import fit_kinematics

OK, TOO_FEW_POINTS, NON_FINITE, SINGULAR, INVALID_WEIGHT = range(5)


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("dimensions", range(1, 5))
def test_agrees_with_polyfit(order: int, dimensions: int) -> None:
    rng = np.random.default_rng(10 * order + dimensions)
    t = np.sort(rng.uniform(-3, 9, 14))
    p = rng.normal(size=(1, 14, dimensions)) * 20 + 300
    w = rng.uniform(0.1, 3, (1, 14))
    fit = fit_kinematics(p, times=t, order=order, weights=w)
    slopes, covariance = np.polyfit(t, p[0], order, w=np.sqrt(w[0]), cov="unscaled")
    scale = np.array([factorial(k) for k in range(order + 1)])
    np.testing.assert_allclose(fit.coefficients[0], slopes[::-1] * scale[:, None], rtol=1e-9)
    covariance = covariance[..., 0]  # the same for every dimension
    np.testing.assert_allclose(fit.covariance[0], covariance[::-1, ::-1] * np.outer(scale, scale), rtol=1e-8)
    r = p[0] - np.stack([np.polyval(slopes[:, d], t) for d in range(dimensions)], axis=1)
    rms = np.sqrt((w[0] * (r**2).sum(axis=1)).sum() / w.sum())
    mean = (w[0][:, None] * p[0]).sum(axis=0) / w.sum()
    total = (w[0] * ((p[0] - mean) ** 2).sum(axis=1)).sum()
    np.testing.assert_allclose(fit.residual_rms, rms, rtol=1e-10)
    np.testing.assert_allclose(fit.r_squared, 1 - rms**2 * w.sum() / total, rtol=1e-10, atol=1e-14)
    assert (fit.n_points[0], fit.status[0]) == (14, OK)


def _exact_fit(t: list[int], p: list[int], w: list[int], order: int) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Normal equations in rational numbers by Gauss-Jordan: monomial coefficients and the inverse."""
    size = order + 1
    rows = [
        [Fraction(sum(wi * ti ** (a + b) for ti, wi in zip(t, w, strict=True))) for b in range(size)]
        + [Fraction(a == b) for b in range(size)]
        for a in range(size)
    ]
    for a in range(size):
        rows[a] = [x / rows[a][a] for x in rows[a]]
        for b in range(size):
            if b != a:
                rows[b] = [x - rows[b][a] * y for x, y in zip(rows[b], rows[a], strict=True)]
    inverse = [row[size:] for row in rows]
    right = [sum(wi * ti**a * pi for ti, pi, wi in zip(t, p, w, strict=True)) for a in range(size)]
    return [sum(x * y for x, y in zip(row, right, strict=True)) for row in inverse], inverse


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("first", [0, 40, 1000])
def test_agrees_with_rational_arithmetic_in_a_late_window(order: int, first: int) -> None:
    rng = np.random.default_rng(order)
    t = list(range(first, first + 8))
    p = [int(x) for x in rng.integers(-900, 900, 8)]
    w = [int(x) for x in rng.integers(1, 9, 8)]
    coefficients, inverse = _exact_fit(t, p, w, order)
    positions = np.zeros((1, first + 8, 1))
    positions[0, t, 0] = p
    weights = np.zeros((1, first + 8))
    weights[0, t] = w
    fit = fit_kinematics(positions, order=order, weights=weights)
    exact = [float(factorial(k) * c) for k, c in enumerate(coefficients)]
    np.testing.assert_allclose(fit.coefficients[0, :, 0], exact, rtol=1e-11)
    exact_covariance = [
        [float(factorial(a) * factorial(b) * x) for b, x in enumerate(row)] for a, row in enumerate(inverse)
    ]
    np.testing.assert_allclose(fit.covariance[0], exact_covariance, rtol=1e-10)


def test_covariance_is_the_scatter_of_repeated_fits() -> None:
    rng = np.random.default_rng(3)
    w = rng.uniform(0.5, 4, 12)
    noise = rng.normal(size=(20000, 12, 1)) / np.sqrt(w)[:, None]
    fit = fit_kinematics(noise[:4000], weights=np.broadcast_to(w, (4000, 12)))
    scatter = np.cov(fit.coefficients[:, :, 0].T)
    assert_within(scatter / fit.covariance[0], np.ones((3, 3)), 0.15)


def test_times_given_as_grid_equal_dt_and_rows_may_differ() -> None:
    p = np.random.default_rng(4).normal(size=(2, 9, 2))
    grid = np.arange(9) * 0.25
    by_dt, by_times = fit_kinematics(p, dt=0.25), fit_kinematics(p, times=grid)
    both = fit_kinematics(p, times=np.stack([grid, grid[::-1]]))
    for name, array in fields(by_dt).items():
        np.testing.assert_array_equal(array, fields(by_times)[name])
        np.testing.assert_array_equal(array[0], fields(both)[name][0])
    alone = fit_kinematics(p[1:, ::-1], dt=0.25)
    np.testing.assert_allclose(both.coefficients[1], alone.coefficients[0], rtol=1e-12)


def test_unused_points_may_hold_anything() -> None:
    p = np.random.default_rng(5).normal(size=(1, 10, 2))
    times = np.arange(10.0)
    weights, visible = np.ones((1, 10)), np.ones((1, 10), dtype=np.uint8)
    visible[0, 3], weights[0, 7] = 0, 0
    plain = fit_kinematics(p[:, [0, 1, 2, 4, 5, 6, 8, 9]], times=times[[0, 1, 2, 4, 5, 6, 8, 9]])
    p[0, 3], p[0, 7], times[3], times[7], weights[0, 3] = np.nan, np.inf, np.nan, -np.inf, np.nan
    spoilt = fit_kinematics(p, times=times, weights=weights, visible=visible)
    for name, array in fields(plain).items():
        np.testing.assert_array_equal(array, fields(spoilt)[name])


def _statuses() -> list[Any]:
    nan, inf = np.nan, np.inf
    line = [0.0, 1.0, 2.0, 3.0]
    return [
        pytest.param(line, None, [1, 1, 1, 1], OK, 4, id="ok"),
        pytest.param(line, None, [1, -1, 1, 1], INVALID_WEIGHT, 4, id="negative-weight"),
        pytest.param(line, None, [1, nan, 1, 1], INVALID_WEIGHT, 4, id="nan-weight"),
        pytest.param(line, None, [1, inf, 1, 1], INVALID_WEIGHT, 4, id="inf-weight"),
        pytest.param([0, nan, 2, 3], None, [-1, 1, 0, 0], INVALID_WEIGHT, 2, id="weight-before-non-finite"),
        pytest.param([0, nan, 2, 3], None, [1, 1, 1, 1], NON_FINITE, 4, id="nan-position"),
        pytest.param([0, inf, 2, 3], None, [0, 1, 0, 0], NON_FINITE, 1, id="non-finite-before-too-few"),
        pytest.param(line, [0, nan, 2, 3], [1, 1, 1, 1], NON_FINITE, 4, id="nan-time"),
        pytest.param(line, None, [1, 0, 1, 0], TOO_FEW_POINTS, 2, id="two-points"),
        pytest.param(line, [5, 5, 5, 5], [1, 1, 0, 0], TOO_FEW_POINTS, 2, id="too-few-before-singular"),
        pytest.param(line, [5, 5, 6, 6], [1, 1, 1, 1], SINGULAR, 4, id="two-distinct-times"),
        pytest.param([0, 1.7e308, -1.7e308, 1], None, [1, 1, 1, 1], NON_FINITE, 4, id="overflow"),
    ]


@pytest.mark.parametrize(("p", "times", "weights", "status", "n_points"), _statuses())
def test_status(p: list[float], times: list[float] | None, weights: list[float], status: int, n_points: int) -> None:
    fit = fit_kinematics(
        np.array(p)[None, :, None],
        times=None if times is None else np.array(times),
        weights=np.array(weights, dtype=float)[None],
    )
    assert (fit.status[0], fit.n_points[0]) == (status, n_points)
    for name in ("coefficients", "residual_rms", "covariance", "r_squared"):
        assert np.isnan(fields(fit)[name]).all() == (status != OK), name
        assert np.isfinite(fields(fit)[name]).all() == (status == OK), name


def test_overflow_is_judged_in_the_precision_given() -> None:
    p = np.array([0, 1e25, -1e25, 1])[None, :, None]
    assert fit_kinematics(p).status[0] == OK
    assert fit_kinematics(p.astype(np.float32)).status[0] == NON_FINITE


def test_r_squared_of_a_constant_is_one() -> None:
    fit = fit_kinematics(np.full((1, 5, 2), 0.1))
    assert (fit.r_squared[0], fit.residual_rms[0]) == (1.0, 0.0)
    np.testing.assert_array_equal(fit.coefficients[0], [[0.1, 0.1], [0, 0], [0, 0]])


def test_huber_minimises_hubers_loss() -> None:
    rng = np.random.default_rng(6)
    t = np.arange(20.0)
    p = 3 + 0.5 * t + rng.normal(size=20)
    p[[4, 11]] += 30
    fit = fit_kinematics(p[None, :, None], order=1, robust="huber", robust_threshold=1.5, robust_iterations=200)
    best = scipy.optimize.least_squares(lambda c: c[0] + c[1] * t - p, [0, 0], loss="huber", f_scale=1.5, xtol=1e-14)
    np.testing.assert_allclose(fit.coefficients[0, :, 0], best.x, rtol=1e-5)


def test_tukey_solves_its_estimating_equation() -> None:
    rng = np.random.default_rng(7)
    t = np.arange(20.0)
    p = 3 + 0.5 * t + rng.normal(size=20)
    p[[4, 11]] += 30
    h = 4.0
    fit = fit_kinematics(p[None, :, None], order=1, robust="tukey", robust_threshold=h, robust_iterations=200)
    r = p - fit.coefficients[0, 0, 0] - fit.coefficients[0, 1, 0] * t
    w = np.maximum(0, 1 - (r / h) ** 2) ** 2
    assert_within([np.sum(w * r), np.sum(w * r * t)], [0, 0], 1e-9)
    assert w[4] == w[11] == 0
    np.testing.assert_allclose(fit.residual_rms[0], np.sqrt(np.sum(w * r * r) / np.sum(w)), rtol=1e-9)


def test_one_reweighting_by_hand() -> None:
    # Weighted mean 2.75 of 0, 1, 2, 8; |r| = 2.75, 1.75, 0.75, 5.25; lower median 1.75.
    p = np.array([0.0, 1.0, 2.0, 8.0])
    h = 1.345 * 1.4826 * 1.75
    w = np.array([1, 1, 1, h / 5.25])
    fit = fit_kinematics(p[None, :, None], order=0, robust="huber", robust_iterations=1)
    np.testing.assert_allclose(fit.coefficients[0, 0, 0], np.sum(w * p) / np.sum(w), rtol=1e-14)
    np.testing.assert_allclose(fit.covariance[0, 0, 0], 1 / np.sum(w), rtol=1e-14)
    given = fit_kinematics(p[None, :, None], order=0, robust="huber", robust_iterations=1, robust_threshold=h)
    np.testing.assert_array_equal(given.coefficients, fit.coefficients)
    none = fit_kinematics(p[None, :, None], order=0, robust="tukey", robust_iterations=0)
    np.testing.assert_allclose(none.coefficients[0, 0, 0], 2.75)


@pytest.mark.parametrize("robust", ["huber", "tukey"])
def test_median_residual_of_zero_drops_the_rest(robust: str) -> None:
    p = np.array([2.0, 2.0, 2.0, 2.0, 2.0, -3.0, 7.0])[None, :, None]
    fit = fit_kinematics(p, order=0, robust=robust)
    np.testing.assert_array_equal(fit.coefficients, [[[2.0]]])
    assert (fit.residual_rms[0], fit.r_squared[0]) == (0, 1)
    np.testing.assert_allclose(fit.covariance, [[[1 / 5]]])
    exact = 1 + 0.1 * np.arange(8)[None, :, None] ** 2
    np.testing.assert_allclose(fit_kinematics(exact, robust=robust).covariance, fit_kinematics(exact).covariance)


def test_reweighting_stops_before_it_leaves_too_few_points() -> None:
    p = np.array([0.0, 10.0, -10.0, 20.0, -5.0])[None, :, None]
    huber = fit_kinematics(p, order=1, robust="huber", robust_threshold=1e-6)
    tukey = fit_kinematics(p, order=1, robust="tukey", robust_threshold=1e-6)  # would drop every point
    for name, array in fields(huber).items():
        np.testing.assert_array_equal(array, fields(tukey)[name])
    three = fit_kinematics(p[:, :3], robust="tukey")
    np.testing.assert_array_equal(three.coefficients, fit_kinematics(p[:, :3]).coefficients)


@pytest.mark.parametrize("shape", [(0, 5, 2), (3, 0, 2), (2, 1, 1)])
def test_empty_and_single_shapes(shape: tuple[int, int, int]) -> None:
    fit = fit_kinematics(np.zeros(shape), order=1)
    assert fit.coefficients.shape == (shape[0], 2, shape[2])
    assert fit.covariance.shape == (shape[0], 2, 2)
    assert (fit.status == TOO_FEW_POINTS).all()
