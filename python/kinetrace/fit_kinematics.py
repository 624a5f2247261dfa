"""Polynomial fits to batches of tracks: position, velocity, acceleration and jerk with their uncertainty."""

from __future__ import annotations

from typing import NamedTuple

from kinetrace._arrays import Array, any_torch, is_torch
from kinetrace._dispatch import backend_for


class KinematicFit(NamedTuple):
    """Result of `fit_kinematics`, in the library and on the device of `positions`.

    A problem that failed has NaN in every real-valued field; `status` says why.
    """

    coefficients: Array
    """(B, order + 1, D), dtype of positions: the polynomial's derivatives at t = 0, i.e. position, velocity (per
    second), acceleration (per second squared), jerk. p(t) = sum over k of coefficients[k] t^k / k!."""
    residual_rms: Array
    """(B,), position units: sqrt(sum w |r|^2 / sum w) with |r| the norm over the D coordinates."""
    covariance: Array
    """(B, order + 1, order + 1): covariance of the coefficients of one coordinate per unit noise, weights being
    1 / variance. Multiply by the noise variance when the weights are relative."""
    r_squared: Array
    """(B,): 1 - residual / total weighted sum of squares over all coordinates; 1 for an exact fit of a constant."""
    n_points: Array
    """(B,) int32: points used, visible and of non-zero weight."""
    status: Array
    """(B,) int32: a `kinetrace.Status`."""


def fit_kinematics(
    positions: Array,
    *,
    dt: float = 1.0,
    times: Array | None = None,
    order: int = 2,
    weights: Array | None = None,
    visible: Array | None = None,
    robust: str | None = None,
    robust_threshold: float | None = None,
    robust_iterations: int = 5,
    num_threads: int | None = None,
) -> KinematicFit:
    """Fits a polynomial in time to every track by weighted least squares.

    Minimises sum over t of w_t |p(t) - x_t|^2 per track. Solved with polynomials orthogonal over each track's own used
    points, which keeps float32 exact to about 1e-6 of the curvature even when a short window of a long track is visible.

    Args:
        positions (array, (B, T, D), float32 | float64): tracks, any length unit, D 1 to 4. Strided arrays are read in
            place; (T, B, D) data goes in as a transposed view.
        dt: seconds per frame, when `times` is not given.
        times (array, (T,) or (B, T), dtype of positions): seconds; may be irregular, any order.
        order: degree of the polynomial, 0 to 3.
        weights (array, (B, T), dtype of positions): 1 / variance of each point, >= 0; 0 leaves a point out.
        visible (array, (B, T), bool | uint8): points to use. Values at other points are never looked at.
        robust: None, "huber" or "tukey": iterative re-weighting by the residual norm (Tukey starts from Huber).
        robust_threshold: residual norm, in position units, where points begin to lose weight (Huber) or have lost it
            all (Tukey). None: 1.345 (Huber) or 4.685 (Tukey) times 1.4826 times the median residual norm; the constants
            are the usual ones for one coordinate, their use on norms is kinetrace's choice.
        robust_iterations: re-weightings (Tukey: as many again after the Huber ones). They end early for a track where
            one would leave too few points with a weight.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        KinematicFit: derivatives at t = 0, residual RMS, covariance, R squared, points used, status.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Notes:
        Status: INVALID_WEIGHT, NON_FINITE, TOO_FEW_POINTS, SINGULAR, in this order of precedence. Squares below the
        smallest number of the dtype (1e-38 in float32) count as zero.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> t = np.arange(32) / 16.0
        >>> fall = np.stack([40.0 + 8.0 * t, 30.0 + 0.5 * 90.0 * t**2], axis=-1)[None]
        >>> fit = kt.fit_kinematics(fall, dt=1 / 16)
        >>> [round(float(a)) for a in fit.coefficients[0, 2]]
        [0, 90]
        >>> int(fit.status[0]), bool(fit.residual_rms[0] < 1e-9)
        (0, True)
    """
    arguments = (times, weights, visible, dt, order, robust, robust_threshold, robust_iterations, num_threads)
    if any_torch(positions, times, weights, visible):
        from kinetrace import _torch
        from kinetrace._torch import fit_kinematics as torch_op

        _torch.refuse_grad("fit_kinematics", positions=positions, times=times, weights=weights)
        if is_torch(positions) and _torch.through_operator(positions, times, weights, visible):
            return KinematicFit(*torch_op.operator(positions, *arguments))
    return KinematicFit(*backend_for(positions, "positions").fit_kinematics(positions, *arguments))
