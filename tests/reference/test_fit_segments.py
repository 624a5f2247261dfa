"""The definition of fit_segments against enumeration, a dense search for contacts, and known tracks."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import log
from typing import Any

import numpy as np
import pytest

from compare import fields
from kinetrace._reference import fit_segments

OK, TOO_FEW_POINTS, NON_FINITE, SINGULAR, INVALID_WEIGHT = range(5)


def _sse(t: Any, p: Any, w: Any, order: int) -> float:
    basis = np.vander(t - t.mean(), order + 1) * np.sqrt(w)[:, None]
    y = p * np.sqrt(w)[:, None]
    solution = np.linalg.lstsq(basis, y, rcond=None)[0]
    return float(np.sum((y - basis @ solution) ** 2))


def _enumerate(t: Any, p: Any, w: Any, order: int, least: int, most: int) -> dict[int, tuple[float, list[int]]]:
    """For each k the least sum of squares of all divisions into k segments, and where they start."""
    n = len(t)
    best = {}
    for k in range(1, most + 1):
        divisions = []
        for cuts in combinations(range(1, n), k - 1):
            ends = [0, *cuts, n]
            if all(b - a >= least for a, b in pairwise(ends)):
                total = sum(_sse(t[a:b], p[a:b], w[a:b], order) for a, b in pairwise(ends))
                divisions.append((total, ends[:-1]))
        if divisions:
            best[k] = min(divisions)
    return best


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("noise", [None, 0.7])
def test_agrees_with_enumeration(seed: int, noise: float | None) -> None:
    rng = np.random.default_rng(seed)
    order, dimensions = int(rng.integers(0, 3)), int(rng.integers(1, 4))
    n = 16 if order < 2 else 14
    t = np.cumsum(rng.uniform(0.2, 2, n))
    p = rng.normal(size=(n, dimensions)) + 0.2 * np.abs(t - t[n // 2])[:, None] * rng.normal(size=dimensions) * 5
    w = rng.uniform(0.3, 2, n)
    fit = fit_segments(p[None], times=t, weights=w[None], order=order, max_segments=4, noise=noise)
    scores = {}
    best = _enumerate(t, p, w, order, order + 2, 4)
    for k, (sse, _) in best.items():
        free = k * (order + 1) * dimensions + 2 * (k - 1)
        values = n * dimensions
        if values > free:
            misfit = values * log(sse / (values - free)) if noise is None else sse / noise**2
            scores[k] = misfit + free * log(values)
    k = min(scores, key=lambda key: (scores[key], key))
    assert (fit.n_segments[0], fit.status[0]) == (k, OK)
    assert fit.boundaries[0].tolist() == best[k][1][1:] + [-1] * (4 - k)
    np.testing.assert_allclose(fit.residual_rms[0], np.sqrt(best[k][0] / w.sum()), rtol=1e-9)
    starts = [*best[k][1], n]
    for s, (a, b) in enumerate(pairwise(starts)):
        slopes = np.polyfit(t[a:b], p[a:b], order, w=np.sqrt(w[a:b]))[::-1]
        scale = np.array([1, 1, 2])[: order + 1, None]
        np.testing.assert_allclose(fit.coefficients[0, s], slopes * scale, rtol=1e-7, atol=1e-8)
    assert np.isnan(fit.coefficients[0, k:]).all()
    assert np.isnan(fit.contact_times[0, k - 1 :]).all()
    assert np.isfinite(fit.contact_times[0, : k - 1]).all()


def bounce(n: int, contact: float, before: Any, after: Any, start: Any = (10.0, 400.0)) -> Any:
    """Positions (n,2) with the given (velocity, acceleration) on both sides of a contact."""
    t = np.arange(n)[:, None] - contact
    left = np.asarray(before[0]) * t + 0.5 * np.asarray(before[1]) * t**2
    right = np.asarray(after[0]) * t + 0.5 * np.asarray(after[1]) * t**2
    return np.asarray(start) + np.where(t < 0, left, right)


FALL = ((3.0, 9.0), (0.0, 0.8))
RISE = ((2.5, -6.0), (0.0, 0.8))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("contact", [7.25, 10.5, 11.0, 14.9])
def test_exact_bounce_is_found_at_its_time(dtype: Any, contact: float) -> None:
    fit = fit_segments(bounce(24, contact, FALL, RISE)[None].astype(dtype), max_segments=4)
    assert fit.n_segments[0] == 2
    assert fit.boundaries[0].tolist() == [int(np.ceil(contact)), -1, -1]  # the earlier of two equal splits
    np.testing.assert_allclose(fit.contact_times[0, 0], contact, atol=1e-10 if dtype == np.float64 else 1e-4)
    np.testing.assert_allclose(fit.coefficients[0, 0, 2], FALL[1], atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", range(3))
def test_exact_polynomial_is_one_segment(dtype: Any, order: int) -> None:
    t = np.arange(30.0)[:, None]
    p = 317.0 + np.array([3.3, -7.1]) * t * (order > 0) + np.array([0.21, 0.4]) * t**2 * (order > 1)
    for shift in (0.0, 1e4):
        fit = fit_segments((p + shift)[None].astype(dtype), order=order, max_segments=4)
        assert (fit.n_segments[0], fit.status[0]) == (1, OK)
        assert (fit.boundaries == -1).all()
        assert np.isnan(fit.contact_times).all()


def test_three_exact_pieces_and_zero_data() -> None:
    first = bounce(30, 9.5, FALL, RISE)
    t = np.arange(30)[:, None] - 20.25
    velocity = np.array([2.5, -6.0 + 0.8 * (20.25 - 9.5)])
    first[21:] += (t * (np.array([1.0, -9.0]) - velocity))[21:]
    fit = fit_segments(first[None], max_segments=4)
    assert fit.n_segments[0] == 3
    assert fit.boundaries[0].tolist() == [10, 21, -1]
    np.testing.assert_allclose(fit.contact_times[0, :2], [9.5, 20.25], atol=1e-9)
    zero = fit_segments(np.zeros((1, 20, 2)), max_segments=4)
    assert (zero.n_segments[0], zero.residual_rms[0]) == (1, 0)


def test_noise_alone_is_seldom_split_and_a_bounce_in_noise_is() -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(size=(100, 16, 2)) * 0.3
    assert np.count_nonzero(fit_segments(noise).n_segments > 1) <= 5
    fit = fit_segments(noise + bounce(16, 7.6, FALL, RISE))
    assert np.count_nonzero(fit.n_segments == 2) >= 95
    found = fit.n_segments == 2
    assert np.median(np.abs(fit.contact_times[found, 0] - 7.6)) < 0.1


@pytest.mark.parametrize("seed", range(10))
def test_contact_is_the_nearest_approach_in_the_gap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = bounce(20, 9.4, FALL, RISE) + rng.normal(size=(20, 2)) * 0.5
    visible = np.ones((1, 20), dtype=bool)
    visible[0, 9:12] = seed % 2
    fit = fit_segments(p[None], visible=visible, max_segments=2)
    assert fit.n_segments[0] == 2
    first = int(fit.boundaries[0, 0])
    last = int(np.flatnonzero(visible[0, :first])[-1])
    t = np.linspace(last - 1, first + 1, 200001)
    powers = np.stack([np.ones_like(t), t, t**2 / 2])
    gap = np.sum(((fit.coefficients[0, 0] - fit.coefficients[0, 1]).T @ powers) ** 2, axis=0)
    assert abs(fit.contact_times[0, 0] - t[np.argmin(gap)]) < 1e-4
    assert last - 1 <= fit.contact_times[0, 0] <= first + 1


def test_constant_pieces_meet_in_the_middle_of_their_gap() -> None:
    p = np.where(np.arange(12) < 5, 3.0, 8.0)[None, :, None]
    fit = fit_segments(p, order=0, dt=0.5)
    assert (fit.n_segments[0], fit.boundaries[0, 0], fit.contact_times[0, 0]) == (2, 5, 2.25)


def test_unused_points_do_not_matter_and_least_points_hold() -> None:
    p = bounce(24, 10.5, FALL, RISE)[None]
    visible = np.ones((1, 24), dtype=bool)
    visible[0, [3, 11]] = False
    p[0, 3], p[0, 11] = np.nan, np.inf
    fit = fit_segments(p, visible=visible)
    assert (fit.n_segments[0], fit.boundaries[0, 0]) == (2, 12)
    np.testing.assert_allclose(fit.contact_times[0, 0], 10.5)
    assert fit_segments(p, visible=visible, min_points=12).n_segments[0] == 1
    assert fit_segments(p, visible=visible, max_segments=1).boundaries.shape == (1, 0)


def _statuses() -> list[Any]:
    nan = np.nan
    p = [0.0, 1, 4, 9, 16]
    return [
        pytest.param(p, None, [1, 1, 1, 1, 1], OK, id="ok"),
        pytest.param(p, None, [1, 1, 1, 1, -1], INVALID_WEIGHT, id="negative-weight"),
        pytest.param([0, nan, 4, 9, 1], None, [1, 1, 0, 0, 0], NON_FINITE, id="non-finite-before-too-few"),
        pytest.param(p, None, [1, 1, 1, 0, 0], TOO_FEW_POINTS, id="fewer-than-least"),
        pytest.param(p, [0, 1, 2, 2, 3], [1, 1, 1, 1, 1], SINGULAR, id="equal-times"),
        pytest.param(p, [0, 1, 3, 2, 4], [1, 1, 1, 1, 1], SINGULAR, id="times-step-back"),
        pytest.param(p, [0, 1, nan, 2, 3], [1, 1, 0, 1, 1], OK, id="unused-time"),
        pytest.param([0, 1.7e308, -1.7e308, 1, 2], None, [1, 1, 1, 1, 1], NON_FINITE, id="overflow"),
    ]


@pytest.mark.parametrize(("p", "times", "weights", "status"), _statuses())
def test_status(p: list[float], times: list[float] | None, weights: list[float], status: int) -> None:
    fit = fit_segments(
        np.array(p)[None, :, None],
        times=None if times is None else np.array(times),
        weights=np.array(weights, dtype=float)[None],
    )
    assert fit.status[0] == status
    assert fit.n_segments[0] == (1 if status == OK else 0)
    assert (fit.boundaries == -1).all()
    assert np.isnan(fit.residual_rms[0]) == (status != OK)
    assert np.isnan(fields(fit)["coefficients"][0, 0]).all() == (status != OK)


@pytest.mark.parametrize("shape", [(0, 8, 2), (2, 0, 2)])
def test_empty_shapes(shape: tuple[int, int, int]) -> None:
    fit = fit_segments(np.zeros(shape), max_segments=3)
    assert fit.coefficients.shape == (shape[0], 3, 3, shape[2])
    assert fit.boundaries.shape == fit.contact_times.shape == (shape[0], 2)
    assert (fit.status == TOO_FEW_POINTS).all()
