"""Tracks cut into segments that each move by a polynomial: bounces, releases and stops with their times."""

from __future__ import annotations

from typing import NamedTuple

from kinetrace._arrays import Array, any_torch, is_torch
from kinetrace._dispatch import backend_for


class SegmentFit(NamedTuple):
    """Result of `fit_segments`, in the library and on the device of `positions`; S is max_segments.

    A problem that failed has 0 segments, -1 in `boundaries` and NaN in every real-valued field; `status` says why.
    """

    n_segments: Array
    """(B,) int32: segments found, 1 where nothing speaks for a split."""
    boundaries: Array
    """(B, S - 1) int32: frame index of the first used point of each segment after the first; -1 where there is none."""
    contact_times: Array
    """(B, S - 1), dtype of positions, seconds: when neighbouring segments meet, between frames; else NaN."""
    coefficients: Array
    """(B, S, order + 1, D), dtype of positions: derivatives at t = 0 of each segment's polynomial, as in
    `KinematicFit.coefficients`; NaN beyond n_segments. p(t) = sum over k of coefficients[s, k] t^k / k!."""
    residual_rms: Array
    """(B,), position units: sqrt(sum w |r|^2 / sum w) over all segments, |r| the norm over the D coordinates."""
    status: Array
    """(B,) int32: a `kinetrace.Status`."""


def fit_segments(
    positions: Array,
    *,
    dt: float = 1.0,
    times: Array | None = None,
    order: int = 2,
    weights: Array | None = None,
    visible: Array | None = None,
    max_segments: int = 3,
    min_points: int | None = None,
    criterion: str = "bic",
    noise: float | None = None,
    num_threads: int | None = None,
) -> SegmentFit:
    """Cuts every track into at most `max_segments` segments, each with a polynomial of its own, by exact search.

    A segment is a run of at least `min_points` used points, fitted by weighted least squares without regard to its
    neighbours. Of all ways to cut a track into k segments the one with the least sum of squares E_k is found (dynamic
    programming, no heuristics). The number of segments is the k with the least score after Schwarz (BIC), with n used
    points, N = n D values and m_k = k (order + 1) D + 2 (k - 1) free numbers:

        noise unknown:  N log(max(E_k, floor) / (N - m_k)) + m_k log N
        noise given:    E_k / noise^2 + m_k log N

    so "no split" is an answer, and the usual one for a track without a contact. Where k = 1 leaves no more than
    floor = sum w D (1e-5 S + eps M)^2 (S the largest distance of a coordinate from its first value, M the largest
    coordinate, eps the dtype's rounding unit) there is nothing to explain and k is 1. Of splits that are equally good but
    for rounding the earliest is taken.

    The contact of two neighbours is where their polynomials are nearest to each other (their intersection, if they
    intersect) within the gap between their points widened by one frame interval on both sides.

    The criterion of Schwarz is published (doi:10.1214/aos/1176344136); counting a split twice because its place is
    searched for, the unbiased variance, the floor, and the contact's bracket are kinetrace's choice: on noise alone the
    plain form splits 20 to 50 % of tracks of 8 to 16 frames, this one at most 5 %.

    Args:
        positions (array, (B, T, D), float32 | float64): tracks, any length unit, D 1 to 4. Strided arrays are read in
            place. At most 262144 frames, 4096 where max_segments is above 2 (time grows with T squared then).
        dt: seconds per frame, when `times` is not given.
        times (array, (T,) or (B, T), dtype of positions): seconds; the times of used points must increase.
        order: degree of the polynomials, 0 to 3.
        weights (array, (B, T), dtype of positions): 1 / variance of each point, >= 0; 0 leaves a point out.
        visible (array, (B, T), bool | uint8): points to use. Values at other points are never looked at.
        max_segments: 1 to 4.
        min_points: used points that a segment has at least, order + 1 or more. None: order + 2.
        criterion: "bic" as above, or "fixed": as many segments as min_points and max_segments allow.
        noise: standard deviation of a coordinate of a point of weight 1, in position units. None: unknown.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        SegmentFit: number of segments, boundaries, contact times, derivatives at t = 0, residual RMS, status.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Notes:
        Status, in this order of precedence: INVALID_WEIGHT; NON_FINITE (a used position or time); TOO_FEW_POINTS (fewer
        than min_points); NON_FINITE (a sum or a result beyond the dtype); SINGULAR (times that do not increase).
        Computed in float64 for both dtypes.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> t = np.arange(24) / 24.0                                     # a ball dropped on the floor at 0.45 s
        >>> fall, rise = 5.0 * t**2, 5.0 * 0.45**2 - 3.6 * (t - 0.45) + 5.0 * (t - 0.45) ** 2
        >>> fit = kt.fit_segments(np.where(t < 0.45, fall, rise)[None, :, None], dt=1 / 24)
        >>> int(fit.n_segments[0]), int(fit.boundaries[0, 0]), float(fit.contact_times[0, 0].round(6))
        (2, 11, 0.45)
        >>> fit.coefficients[0, :2, 2, 0].round(6).tolist()              # acceleration before and after
        [10.0, 10.0]
    """
    arguments = (times, weights, visible, dt, order, max_segments, min_points, criterion, noise, num_threads)
    if any_torch(positions, times, weights, visible):
        from kinetrace import _torch
        from kinetrace._torch import fit_segments as torch_op

        _torch.refuse_grad("fit_segments", positions=positions, times=times, weights=weights)
        if is_torch(positions) and _torch.through_operator(positions, times, weights, visible):
            return SegmentFit(*torch_op.operator(positions, *arguments))
    return SegmentFit(*backend_for(positions, "positions").fit_segments(positions, *arguments))
