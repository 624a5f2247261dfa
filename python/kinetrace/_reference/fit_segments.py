"""Definition of fit_segments: piecewise polynomials in time, split by exact search, and where they meet."""

from __future__ import annotations

from math import factorial, inf, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._reference._problem import (
    NON_FINITE,
    OK,
    SINGULAR,
    TOO_FEW_POINTS,
    Fit,
    Float,
    Problem,
    derivatives_at,
    dtype_info,
    fit_polynomial,
    frame_times,
    point_visibility,
    point_weights,
    used_points,
)

# Residuals below this part of the spread of the positions say nothing about the number of segments.
SPREAD_FLOOR = 1e-5
CONTACT_GRID = 16  # intervals on either side of the middle of the gap
CONTACT_STEPS = 4  # Newton steps from the best grid point


class SegmentFit(NamedTuple):
    """Arrays of float64 and int32, see fit_segments."""

    n_segments: npt.NDArray[np.int32]
    boundaries: npt.NDArray[np.int32]
    contact_times: Float
    coefficients: Float
    residual_rms: Float
    status: npt.NDArray[np.int32]


def fit_segments(
    positions: npt.ArrayLike,
    *,
    dt: float = 1.0,
    times: npt.ArrayLike | None = None,
    order: int = 2,
    weights: npt.ArrayLike | None = None,
    visible: npt.ArrayLike | None = None,
    max_segments: int = 3,
    min_points: int | None = None,
    criterion: str = "bic",
    noise: float | None = None,
) -> SegmentFit:
    """Cuts each track into segments with a polynomial of their own; the whole rule is kinetrace's choice.

    A segment is a run of at least min_points (default order+2) consecutive used points, fitted as in
    fit_kinematics without regard to its neighbours. With n used points in D dimensions, N = n D, W = sum
    w, S the largest |p - p_first| of a coordinate, M the largest |p|, and eps the rounding unit of the
    dtype of positions:

    1. E_k is the least weighted sum of squares of any division into k segments (dynamic programming over
       all of them), k = 1 .. max_segments as far as k min_points <= n.
    2. floor = W D (1e-5 S + eps M)^2: what is below it is rounding.
    3. m_k = k (order+1) D + 2 (k-1) free numbers (a split counts for two, its place being searched for).
       The number of segments is the least k with the least score, k = 1 or N > m_k, after the criterion of
       Schwarz: noise None: score_k = N log(max(E_k, floor) / (N - m_k)) + m_k log N, the variance
       estimated without bias; noise given (standard deviation of a coordinate of a point of weight 1):
       score_k = E_k / noise^2 + m_k log N. E_1 <= floor settles for k = 1. On noise alone the plain form
       (no N - m_k, a split counted once) finds a split in 20 to 50 % of the tracks of 8 to 16 frames, this
       one in at most 5 %.
    4. Of the divisions, going back from the last segment: a segment starts at the earliest point with
       which the sum of squares up to its end is the least, E, but for rounding: E (1 + 1e-12) + W D (4 eps M)^2.
    5. The contact of two neighbours L, R lies in the gap between the last point of L (time a) and the
       first of R (time b) widened by one mean frame interval (b-a)/(frames between) on both sides: the
       time with the least f = |L - R|^2 of 33 equidistant ones (ties: nearest the middle, then the
       earlier), improved by 4 Newton steps on f, each made only where f'' > 0 and held within one grid
       interval of the start and in the bracket.

    Args:
        positions, dt, times, order, weights, visible: as fit_kinematics; the times of used points must
            increase.
        max_segments: 1 to 4.
        min_points: least number of used points in a segment, at least order+1.
        criterion: "bic": step 3. "fixed": instead of step 3 the largest k with k min_points <= n.
        noise: known standard deviation, or None for an unknown one.

    Returns:
        n_segments (B,), 0 where it failed. boundaries (B,max_segments-1): frame index of the first used
        point of the second, third, ... segment, else -1. contact_times (B,max_segments-1), else NaN.
        coefficients (B,max_segments,order+1,D): derivatives at t=0 of each segment, else NaN. residual_rms
        (B,) over all segments. status (B,): INVALID_WEIGHT, NON_FINITE (a used position or time),
        TOO_FEW_POINTS (fewer than min_points), NON_FINITE (a time span, a weighted sum or an output beyond
        the dtype), SINGULAR (times of used points that do not increase).
    """
    given = np.asarray(positions)
    p = given.astype(np.float64)
    b_count, t_count, d_count = p.shape
    t = frame_times(times, dt, (b_count, t_count))
    w = point_weights(weights, (b_count, t_count))
    seen = point_visibility(visible, (b_count, t_count))
    least = order + 2 if min_points is None else min_points
    limits = dtype_info(given)
    out = SegmentFit(
        np.zeros(b_count, dtype=np.int32),
        np.full((b_count, max_segments - 1), -1, dtype=np.int32),
        np.full((b_count, max_segments - 1), np.nan),
        np.full((b_count, max_segments, order + 1, d_count), np.nan),
        np.full(b_count, np.nan),
        np.zeros(b_count, dtype=np.int32),
    )
    for b in range(b_count):
        problem = used_points(p[b], t[b], w[b], seen[b])
        out.status[b] = _status(problem, least, float(limits.max))
        if out.status[b] == OK:
            with np.errstate(all="ignore"):
                cost = segment_costs(problem, order, least)
                eps = float(limits.eps)
                starts = choose_starts(problem, cost, order, least, max_segments, criterion, noise, eps)
                try:
                    out.status[b] = _write(problem, starts, order, float(limits.max), out, b)
                except np.linalg.LinAlgError:
                    out.status[b] = SINGULAR  # increasing times that float64 cannot tell apart once centred
    return out


def _status(problem: Problem, least: int, limit: float) -> int:
    if problem.status != OK:
        return problem.status
    if len(problem.t) < least:
        return TOO_FEW_POINTS
    with np.errstate(all="ignore"):
        spread = np.abs(problem.p - problem.p[0]).max()
        total = problem.w.sum() * problem.p.shape[1] * spread**2
        span = problem.t[-1] - problem.t[0]
    if not (total <= limit and problem.w.sum() <= limit and np.isfinite(span)):
        return NON_FINITE
    return OK if (np.diff(problem.t) > 0).all() else SINGULAR


def segment_costs(problem: Problem, order: int, least: int) -> Float:
    """cost[i,j]: weighted sum of squares of the fit to used points i .. j-1, inf if too few."""
    n = len(problem.t)
    cost = np.full((n + 1, n + 1), np.inf)
    for i in range(n):
        for j in range(i + least, n + 1):
            # The residuals of fit_polynomial without its coefficients: what the basis does not span.
            t, w = problem.t[i:j], problem.w[i:j]
            root = np.sqrt(w)
            centre = t[0] + np.dot(w, t - t[0]) / w.sum()
            scaled = (t - centre) / max(t[-1] - centre, centre - t[0])
            q = np.linalg.qr(root[:, None] * scaled[:, None] ** np.arange(order + 1))[0]
            y = root[:, None] * (problem.p[i:j] - problem.p[i])
            cost[i, j] = np.sum((y - q @ (q.T @ y)) ** 2)
    return cost


def sum_of_squares_floor(problem: Problem, eps: float) -> float:
    """Weighted sum of squares that rounding alone may leave."""
    spread = float(np.abs(problem.p - problem.p[0]).max())
    size = float(np.abs(problem.p).max())
    rounding = SPREAD_FLOOR * spread + eps * size
    return float(problem.w.sum() * problem.p.shape[1] * rounding * rounding)


def tie_tolerance(problem: Problem, eps: float) -> float:
    """Difference of two sums of squares that rounding of the positions alone may make."""
    rounding = 4.0 * eps * float(np.abs(problem.p).max())
    return float(problem.w.sum() * problem.p.shape[1] * rounding * rounding)


def score(sse: float, k: int, n: int, d_count: int, order: int, noise: float | None, floor: float) -> float:
    """Step 3's score of k segments with this sum of squares; inf where k is not allowed."""
    values = n * d_count
    free = k * (order + 1) * d_count + 2 * (k - 1)
    if not np.isfinite(sse) or values <= free:
        return inf
    misfit = values * log(max(sse, floor) / (values - free)) if noise is None else sse / noise / noise
    return misfit + free * log(values)


def choose_starts(
    problem: Problem,
    cost: Float,
    order: int,
    least: int,
    max_segments: int,
    criterion: str,
    noise: float | None,
    eps: float,
) -> list[int]:
    """Index of the first used point of each segment of the division that steps 1 to 4 choose."""
    n, d_count = problem.p.shape
    floor, tie = sum_of_squares_floor(problem, eps), tie_tolerance(problem, eps)
    # best[k][j]: least sum of squares of points 0 .. j-1 in k segments.
    best = [np.full(n + 1, np.inf) for _ in range(max_segments + 1)]
    best[0][0] = 0.0
    for k in range(1, max_segments + 1):
        for j in range(k * least, n + 1):
            best[k][j] = np.min(best[k - 1][:j] + cost[:j, j])
    k_best = 1
    if criterion == "fixed":
        k_best = min(max_segments, n // least)
    elif best[1][n] > floor:
        least_sse = [float(best[k][n]) for k in range(1, max_segments + 1)]
        scores = [score(e, k, n, d_count, order, noise, floor) for k, e in enumerate(least_sse, start=1)]
        k_best = 1 + int(np.argmin(scores))
    starts: list[int] = []
    end = n
    for k in range(k_best, 0, -1):
        close = best[k - 1][:end] + cost[:end, end] <= best[k][end] * (1 + 1e-12) + tie
        end = int(np.flatnonzero(close)[0])
        starts.insert(0, end)
    return starts


def _write(problem: Problem, starts: list[int], order: int, limit: float, out: SegmentFit, b: int) -> int:
    """Fits the chosen segments into row b of out and returns the status."""
    t, p, w = problem.t, problem.p, problem.w
    ends = [*starts[1:], len(t)]
    fits = [fit_polynomial(t[i:j], p[i:j], w[i:j], order) for i, j in zip(starts, ends, strict=True)]
    contacts = [
        _contact(problem, i, left, right) for i, left, right in zip(starts[1:], fits[:-1], fits[1:], strict=True)
    ]
    if not all(np.all(np.abs(fit.coefficients) <= limit) for fit in fits) or not np.all(np.abs(contacts) <= limit):
        return NON_FINITE
    sse = 0.0
    for s, (i, j, fit) in enumerate(zip(starts, ends, fits, strict=True)):
        sse += float(np.sum(w[i:j] * np.sum(fit.residuals**2, axis=1)))
        out.coefficients[b, s] = fit.coefficients
        if s > 0:
            out.boundaries[b, s - 1] = problem.frames[i]
            out.contact_times[b, s - 1] = contacts[s - 1]
    out.n_segments[b] = len(starts)
    out.residual_rms[b] = np.sqrt(sse / w.sum())
    return OK


def _contact(problem: Problem, i: int, left: Fit, right: Fit) -> float:
    """Time of the contact of two fits whose points are apart before used point i: step 5."""
    t, frames = problem.t, problem.frames
    middle = 0.5 * t[i - 1] + 0.5 * t[i]
    half = 0.5 * (t[i] - t[i - 1]) + (t[i] - t[i - 1]) / (frames[i] - frames[i - 1])
    gap = derivatives_at(left.local, middle) - derivatives_at(right.local, middle)
    return float(middle + half * nearest_approach(gap, half))


def nearest_approach(gap: Float, half: float) -> float:
    """x in [-1,1] with the least |g(x)|^2, g(x) = sum_k gap[k] (half x)^k / k!: step 5."""
    order = len(gap) - 1
    q = np.stack([gap[k] * half**k / factorial(k) for k in range(order + 1)])
    first = np.stack([k * q[k] for k in range(1, order + 1)] or [np.zeros_like(q[0])])
    second = np.stack([k * (k - 1) * q[k] for k in range(2, order + 1)] or [np.zeros_like(q[0])])

    def value(coefficients: Float, x: float) -> Float:
        powers = x ** np.arange(len(coefficients))
        result: Float = powers @ coefficients
        return result

    grid = [m / CONTACT_GRID for m in range(-CONTACT_GRID, CONTACT_GRID + 1)]
    start = min(grid, key=lambda x: (float(np.sum(value(q, x) ** 2)), abs(x), x))
    low, high = max(start - 1 / CONTACT_GRID, -1.0), min(start + 1 / CONTACT_GRID, 1.0)
    x = start
    for _ in range(CONTACT_STEPS):
        q0, q1, q2 = value(q, x), value(first, x), value(second, x)
        slope, curvature = float(q0 @ q1), float(q1 @ q1 + q0 @ q2)
        if curvature > 0:
            x = min(max(x - slope / curvature, low), high)
    return float(x)
