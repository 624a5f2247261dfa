"""Judges a fit_segments result: is its division the best one, up to rounding, and are its numbers right?

Two divisions can be equally good up to rounding, so the chosen one is measured with the definition rather
than compared with the definition's choice; where the choice is clear the two must be equal.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from compare import assert_within
from fit_checks import used
from kinetrace import _reference
from kinetrace._reference._problem import derivatives_at, fit_polynomial
from scales import fit_scale
from strategies import Case
from tolerances import rounding, smallest

definition = importlib.import_module("kinetrace._reference.fit_segments")


def check_shapes(case: Case, fit: Any) -> None:
    """dtypes, shapes, and the fillers: NaN, -1 and 0 beyond the segments found and in rows that failed."""
    (positions,) = case.args
    b_count, _, d_count = positions.shape
    most, size = case.options.get("max_segments", 3), case.options.get("order", 2) + 1
    assert fit.coefficients.shape == (b_count, most, size, d_count)
    assert fit.boundaries.shape == fit.contact_times.shape == (b_count, most - 1)
    assert fit.n_segments.shape == fit.residual_rms.shape == fit.status.shape == (b_count,)
    assert fit.coefficients.dtype == fit.contact_times.dtype == fit.residual_rms.dtype == positions.dtype
    assert fit.n_segments.dtype == fit.boundaries.dtype == fit.status.dtype == np.int32
    for b in range(b_count):
        k = int(fit.n_segments[b])
        assert (1 <= k <= most) if fit.status[b] == 0 else k == 0
        assert np.isfinite(fit.coefficients[b, :k]).all()
        assert np.isnan(fit.coefficients[b, k:]).all()
        assert np.isfinite(fit.residual_rms[b]) == (k > 0)
        splits = max(k - 1, 0)
        assert (fit.boundaries[b, :splits] >= 0).all()
        assert (fit.boundaries[b, splits:] == -1).all()
        assert np.isfinite(fit.contact_times[b, :splits]).all()
        assert np.isnan(fit.contact_times[b, splits:]).all()


def check_segments(case: Case, fit: Any) -> None:
    """Statuses equal those of the definition, and every row that worked is right."""
    expected = _reference.fit_segments(*case.args, **case.options)
    check_shapes(case, fit)
    np.testing.assert_array_equal(fit.status, expected.status)
    for b in np.flatnonzero(expected.status == 0):
        starts = _check_choice(case, fit, expected, int(b))
        _check_numbers(case, fit, starts, int(b))


def _check_choice(case: Case, fit: Any, expected: Any, b: int) -> list[int]:
    """The division of row b is allowed and as good as the best; returns where its segments start."""
    problem, order = used(case, b), case.options.get("order", 2)
    least = case.options.get("min_points") or order + 2
    noise, most = case.options.get("noise"), case.options.get("max_segments", 3)
    n, d_count = problem.p.shape
    cost = definition.segment_costs(problem, order, least)
    floor = definition.sum_of_squares_floor(problem, float(np.finfo(case.dtype).eps))
    best = [_least_cost(cost, k) for k in range(1, most + 1)]
    scores = np.array([definition.score(e, k, n, d_count, order, noise, floor) for k, e in enumerate(best, start=1)])
    k = int(fit.n_segments[b])
    frames = fit.boundaries[b, : k - 1]
    starts = [0, *np.searchsorted(problem.frames, frames).tolist()]
    np.testing.assert_array_equal(problem.frames[starts[1:]], frames)
    ends = [*starts[1:], n]
    sse = sum(cost[i, j] for i, j in zip(starts, ends, strict=True))
    tie = definition.tie_tolerance(problem, float(np.finfo(case.dtype).eps))
    assert sse <= best[k - 1] * (1 + 1e-9) + k * tie, "not the best division into that many segments"
    if best[0] <= 0.9 * floor:
        assert k == 1
    elif best[0] > 1.1 * floor:
        # A sum of squares is known to 1e-5 of itself and to a fiftieth of the floor.
        unsure = np.array([2e-5 * max(e, floor) + 0.02 * floor if np.isfinite(e) else 0.0 for e in best])
        unsure *= n * d_count / np.maximum(best, floor) if noise is None else 1 / noise**2
        assert scores[k - 1] <= scores.min() + 2 * unsure.max(), f"{k} segments score {scores}"
        if np.count_nonzero(scores <= scores.min() + 4 * unsure.max()) == 1:
            assert k == expected.n_segments[b]
    return starts


def _least_cost(cost: Any, k: int) -> float:
    """Least sum of squares of any division into k segments; inf where there is none."""
    n = len(cost) - 1
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    for _ in range(k):
        best = np.array([np.min(best + cost[:, j]) for j in range(n + 1)])
    return float(best[n])


def _check_numbers(case: Case, fit: Any, starts: list[int], b: int) -> None:
    """Coefficients, contact times and residual of row b belong to its division."""
    problem, order = used(case, b), case.options.get("order", 2)
    t, p, w = problem.t, problem.p, problem.w
    ends = [*starts[1:], len(t)]
    spread = np.ptp(p, axis=0)  # of the whole track: it may be centred once for all segments
    scales = [fit_scale(t[i:j], p[i:j], w[i:j], order, spread) for i, j in zip(starts, ends, strict=True)]
    fits = [fit_polynomial(t[i:j], p[i:j], w[i:j], order) for i, j in zip(starts, ends, strict=True)]
    for s, (one, scale) in enumerate(zip(fits, scales, strict=True)):
        bound = rounding("fit_segments", "coefficients", case.dtype) * scale.coefficients + smallest(case.dtype)
        assert_within(fit.coefficients[b, s], one.coefficients, bound, f"coefficients[{b},{s}]")
    sse = sum(float(w[i:j] @ (one.residuals**2).sum(axis=1)) for i, j, one in zip(starts, ends, fits, strict=True))
    largest = max(scale.residual_rms for scale in scales)
    bound = rounding("fit_segments", "residual_rms", case.dtype) * largest + smallest(case.dtype)
    assert_within(fit.residual_rms[b], np.sqrt(sse / w.sum()), bound, f"residual_rms[{b}]")
    for s, i in enumerate(starts[1:]):
        interval = (t[i] - t[i - 1]) / (problem.frames[i] - problem.frames[i - 1])
        middle, half = 0.5 * (t[i - 1] + t[i]), 0.5 * (t[i] - t[i - 1]) + interval
        units = rounding("fit_segments", "contact", case.dtype)
        contact = float(fit.contact_times[b, s])
        assert abs(contact - middle) <= half + units * (abs(middle) + half)

        def distance(time: float, left: Any = fits[s].local, right: Any = fits[s + 1].local) -> float:
            return float(np.linalg.norm(derivatives_at(left, time)[0] - derivatives_at(right, time)[0]))

        gap = derivatives_at(fits[s].local, middle) - derivatives_at(fits[s + 1].local, middle)
        closest = distance(middle + half * definition.nearest_approach(gap, half))
        error = np.linalg.norm(scales[s].gap(contact) + scales[s + 1].gap(contact))
        speed = np.linalg.norm(gap[1]) * half if order else 0.0
        assert distance(contact) <= closest + units * (error + speed), f"contact_times[{b},{s}]"
