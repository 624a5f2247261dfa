"""Definition of fit_kinematics: one weighted, optionally robust, polynomial in time per track."""

from __future__ import annotations

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
    dtype_info,
    fit_polynomial,
    frame_times,
    point_visibility,
    point_weights,
    times_determine,
    used_points,
)

# Thresholds for 95 % efficiency under normal noise in one dimension; their use in more is our choice.
HUBER_K, TUKEY_K = 1.345, 4.685
MAD_TO_SIGMA = 1.4826
# A residual of at most this many rounding units of the largest deviation from the mean counts as 0.
ROUNDING_UNITS = 32.0


class KinematicFit(NamedTuple):
    """Arrays of float64 and int32, see fit_kinematics."""

    coefficients: Float
    residual_rms: Float
    covariance: Float
    r_squared: Float
    n_points: npt.NDArray[np.int32]
    status: npt.NDArray[np.int32]


class Robust(NamedTuple):
    """How residuals change weights; rounding is relative to the largest deviation from the mean."""

    kind: str | None
    threshold: float | None
    iterations: int
    rounding: float


def fit_kinematics(
    positions: npt.ArrayLike,
    *,
    dt: float = 1.0,
    times: npt.ArrayLike | None = None,
    order: int = 2,
    weights: npt.ArrayLike | None = None,
    visible: npt.ArrayLike | None = None,
    robust: str | None = None,
    robust_threshold: float | None = None,
    robust_iterations: int = 5,
) -> KinematicFit:
    """Fits p(t) = sum_k c_k t^k / k! to each track.

    A point is used iff it is visible and its weight is not 0; everything at other points is ignored.

    Args:
        positions: (B,T,D), any float dtype; the dtype sets the precision that statuses speak of.
        dt: time between frames; frame i is at i*dt.
        times: (T,) or (B,T) instead of dt, in any order.
        order: 0 to 3.
        weights: (B,T), 1/variance of each point.
        visible: (B,T) bool or uint8.
        robust: None, "huber" or "tukey".
        robust_threshold: h in position units; None takes k * 1.4826 * median |r| anew at each re-weighting.
        robust_iterations: number of re-weightings ("tukey": as many of Huber first).

    Returns:
        coefficients (B,order+1,D): derivatives c_k at t=0. residual_rms (B,): sqrt(sum w|r|^2 / sum w).
        covariance (B,order+1,order+1): inverse normal matrix of the c_k. r_squared (B,):
        1 - sum w|r|^2 / sum w|p - pbar|^2, and 1 where all used positions are equal. n_points (B,): used
        points. status (B,): the first that holds of INVALID_WEIGHT (a visible point with a negative or
        non-finite weight), NON_FINITE (a used position or time, or, in the precision of positions, an
        output, the sum of weights or the weighted sum of squares), TOO_FEW_POINTS (fewer than order+1),
        SINGULAR (fewer than order+1 distinct times). Where the status is not 0 every float is NaN.
    """
    given = np.asarray(positions)
    limit = float(dtype_info(given).max)
    rounding = ROUNDING_UNITS * float(dtype_info(given).eps)
    rule = Robust(robust, robust_threshold, robust_iterations, rounding)
    p = given.astype(np.float64)
    b_count, t_count, d_count = p.shape
    t = frame_times(times, dt, (b_count, t_count))
    w = point_weights(weights, (b_count, t_count))
    seen = point_visibility(visible, (b_count, t_count))
    out = KinematicFit(
        np.full((b_count, order + 1, d_count), np.nan),
        np.full(b_count, np.nan),
        np.full((b_count, order + 1, order + 1), np.nan),
        np.full(b_count, np.nan),
        np.zeros(b_count, dtype=np.int32),
        np.zeros(b_count, dtype=np.int32),
    )
    for b in range(b_count):
        problem = used_points(p[b], t[b], w[b], seen[b])
        out.n_points[b] = len(problem.t)
        status = status_before_fit(problem, order)
        if status == OK:
            with np.errstate(all="ignore"):
                status = _fit_one(problem, order, rule, limit, out, b)
        out.status[b] = status
    return out


def status_before_fit(problem: Problem, order: int) -> int:
    """The status that the inputs decide, in order of precedence."""
    if problem.status != OK:
        return problem.status
    if len(problem.t) < order + 1:
        return TOO_FEW_POINTS
    return OK if times_determine(problem.t, order) else SINGULAR


def _fit_one(problem: Problem, order: int, rule: Robust, limit: float, out: KinematicFit, b: int) -> int:
    """Fits one track into row b of out and returns its status."""
    t, p, w = problem.t, problem.p, problem.w
    if not (np.isfinite(p - p[0]).all() and np.isfinite(t - t[0]).all() and w.sum() <= limit):
        return NON_FINITE
    try:
        fit, w = _reweigh(problem, fit_polynomial(t, p, w, order), order, rule)
    except np.linalg.LinAlgError:
        return SINGULAR  # distinct times that float64 cannot tell apart once centred
    sse = float(np.sum(w * np.sum(fit.residuals**2, axis=1)))
    total = float(np.sum(w * np.sum(fit.y**2, axis=1)))
    if not all(np.all(np.abs(x) <= limit) for x in (fit.coefficients, fit.covariance, sse, total)):
        return NON_FINITE
    out.coefficients[b] = fit.coefficients
    out.covariance[b] = fit.covariance
    out.residual_rms[b] = np.sqrt(sse / w.sum())
    out.r_squared[b] = 1.0 - sse / total if total > 0 else float(sse == 0)
    return OK


def _reweigh(problem: Problem, fit: Fit, order: int, rule: Robust) -> tuple[Fit, Float]:
    """Iteratively re-weighted least squares; returns the last fit and the weights it was made with.

    Each re-weighting multiplies the caller's weights, never the previous ones. All re-weighting ends, and
    the fit so far stands, when a re-weighting would leave fewer than order+1 distinct times with a weight.
    order+1 used points lie on their polynomial, so there is nothing to re-weigh.
    """
    w = problem.w
    if rule.kind is None or len(problem.t) == order + 1:
        return fit, w
    rounding = rule.rounding * float(np.abs(fit.y).max())
    for kind in ("huber",) if rule.kind == "huber" else ("huber", "tukey"):
        for _ in range(rule.iterations):
            distance = np.sqrt(np.sum(fit.residuals**2, axis=1))
            candidate = problem.w * _factors(distance, kind, rule.threshold, rounding)
            if not times_determine(problem.t[candidate > 0], order):
                return fit, w
            w = candidate
            fit = fit_polynomial(problem.t, problem.p, w, order)
    return fit, w


def _factors(distance: Float, kind: str, threshold: float | None, rounding: float) -> Float:
    """Factor of each weight from the length of its residual (position units)."""
    h = threshold
    if h is None:
        lower_median = float(np.sort(distance)[(len(distance) - 1) // 2])
        if lower_median <= rounding:
            return np.where(distance <= rounding, 1.0, 0.0)
        h = (HUBER_K if kind == "huber" else TUKEY_K) * MAD_TO_SIGMA * lower_median
    ratio = distance / h
    if kind == "huber":
        return 1.0 / np.maximum(ratio, 1.0)
    return np.maximum(0.0, 1.0 - ratio**2) ** 2
