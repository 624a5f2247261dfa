"""What the definitions of the fits share: status numbers, which points count, and one weighted fit."""

from __future__ import annotations

from math import factorial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# The numbers of kinetrace.Status; written out so that the definitions depend on nothing but NumPy.
OK, TOO_FEW_POINTS, NON_FINITE, SINGULAR, INVALID_WEIGHT = range(5)


class Problem(NamedTuple):
    """One track reduced to its used points, in frame order."""

    t: Float  # (n,) times
    p: Float  # (n,D) positions
    w: Float  # (n,) weights
    frames: npt.NDArray[np.intp]  # (n,) frame index of each used point
    status: int  # OK, INVALID_WEIGHT or NON_FINITE: what the inputs alone decide


class Local(NamedTuple):
    """A polynomial in centred, scaled time: p(t) = mean + sum_j a[j] ((t - t0)/s)^j."""

    a: Float  # (order+1,D)
    mean: Float  # (D,)
    t0: float
    s: float


class Fit(NamedTuple):
    """One weighted least-squares polynomial and what is left over."""

    local: Local
    coefficients: Float  # (order+1,D) derivatives at t=0
    covariance: Float  # (order+1,order+1) of the derivatives at t=0
    residuals: Float  # (n,D)
    y: Float  # (n,D) positions minus their weighted mean


def dtype_info(positions: npt.NDArray[Any]) -> np.finfo[Any]:
    """The machine limits of the caller's precision (float64 for anything that is not float32)."""
    return np.finfo(np.float32 if positions.dtype == np.float32 else np.float64)


def frame_times(times: npt.ArrayLike | None, dt: float, shape: tuple[int, int]) -> Float:
    """Times (B,T) in float64: frame index times dt, or the given (T,) or (B,T) times."""
    if times is None:
        return np.broadcast_to(np.arange(shape[1], dtype=np.float64) * dt, shape)
    return np.broadcast_to(np.asarray(times, dtype=np.float64), shape)


def point_weights(weights: npt.ArrayLike | None, shape: tuple[int, int]) -> Float:
    """Weights (B,T) in float64, 1 where none are given."""
    return np.ones(shape) if weights is None else np.asarray(weights, dtype=np.float64)


def point_visibility(visible: npt.ArrayLike | None, shape: tuple[int, int]) -> Bool:
    """Visibility (B,T); any non-zero number means visible."""
    return np.ones(shape, dtype=bool) if visible is None else np.asarray(visible) != 0


def used_points(p: Float, t: Float, w: Float, visible: Bool) -> Problem:
    """Keeps the points that are visible and have a weight other than 0; nothing else is ever looked at."""
    bad_weight = visible & ~(np.isfinite(w) & (w >= 0))
    frames = np.flatnonzero(visible & (w != 0))
    t, p, w = t[frames], p[frames], w[frames]
    status = OK
    if not (np.isfinite(p).all() and np.isfinite(t).all()):
        status = NON_FINITE
    if bad_weight.any():
        status = INVALID_WEIGHT
    return Problem(t, p, w, frames, status)


def weighted_mean(values: Float, w: Float) -> Float:
    """Mean over the first axis, taken relative to the first value: equal values give it exactly."""
    mean: Float = values[0] + np.tensordot(w, values - values[0], axes=1) / w.sum()
    return mean


def fit_polynomial(t: Float, p: Float, w: Float, order: int) -> Fit:
    """Weighted least squares by QR of a basis in centred and scaled time, then derivatives at t=0.

    With u = (t - t0)/s, t0 the weighted mean and s the largest distance from it, W^(1/2) U = Q R and M the
    matrix of derivative_matrix at t=0, the derivatives are M a and their covariance per unit noise (M
    R^-1)(M R^-1)^T.

    Raises:
        numpy.linalg.LinAlgError: the times do not determine the polynomial in float64.
    """
    scale_w = w.max()
    w = w / scale_w
    mean = weighted_mean(p, w)
    y = p - mean
    t0 = float(weighted_mean(t, w))
    s = float(np.abs(t - t0).max()) or 1.0
    basis = np.vander((t - t0) / s, order + 1, increasing=True)
    root = np.sqrt(w)[:, None]
    q, r = np.linalg.qr(root * basis)
    local = Local(np.linalg.solve(r, q.T @ (root * y)), mean, t0, s)
    half = derivative_matrix(local, 0.0) @ np.linalg.inv(r)
    return Fit(local, derivatives_at(local, 0.0), half @ half.T / scale_w, y - basis @ local.a, y)


def derivative_matrix(local: Local, time: float) -> Float:
    """M with (M a)_k the k-th derivative at a time: M_kj = j!/(j-k)! u^(j-k) / s^k, u = (time - t0)/s."""
    order = len(local.a) - 1
    # NumPy numbers: their powers overflow to inf where Python's raise.
    s = np.float64(local.s)
    u = (time - local.t0) / s
    m = np.zeros((order + 1, order + 1))
    for k in range(order + 1):
        for j in range(k, order + 1):
            m[k, j] = factorial(j) / factorial(j - k) * u ** (j - k) / s**k
    return m


def derivatives_at(local: Local, time: float) -> Float:
    """Position, velocity, acceleration, ... (order+1,D) at a time."""
    derivatives: Float = derivative_matrix(local, time) @ local.a
    derivatives[0] += local.mean
    return derivatives


def times_determine(t: Float, order: int) -> bool:
    """True iff at least order+1 times are distinct: then, and only then, the polynomial is unique."""
    return len(np.unique(t)) > order
