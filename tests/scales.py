"""How large the rounding of a result may be per unit of rounding: error propagation for each problem."""

from __future__ import annotations

from math import factorial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


class FitScale(NamedTuple):
    """Scale of the outputs of one weighted polynomial fit."""

    coefficients: Float  # (order+1,D)
    covariance: Float  # (order+1,order+1)
    residual_rms: float
    r_squared: float
    gap: Any  # function of a time: scale of the position (D,) there


def fit_scale(t: Float, p: Float, w: Float, order: int, spread: Float | None = None) -> FitScale:
    """Scale for used points t (n,), p (n,D), w (n,), in float64; spread (D,), if given, is taken for S.

    If every position moved by one unit of the largest deviation S from the mean, coefficient a_j in centred
    and scaled time would move by at most S sum_i |G_ji|, G the pseudo-inverse; the move to t=0 multiplies by
    |M|. A basis of condition number k passes k times the rounding of its own construction on.
    """
    mean = (w @ p) / w.sum()
    y = p - mean
    largest = np.abs(y).max(axis=0) if spread is None else spread
    t0 = float(w @ t / w.sum())
    s = float(np.abs(t - t0).max()) or 1.0
    root = np.sqrt(w)[:, None]
    basis = np.vander((t - t0) / s, order + 1, increasing=True)
    q, r = np.linalg.qr(root * basis)
    inverse = np.linalg.inv(r)
    g = inverse @ (q * root).T
    a = np.abs(g @ y)
    condition = float(np.linalg.cond(r / np.linalg.norm(r, axis=0)))
    moved = condition * (a + np.abs(g).sum(axis=1)[:, None] * largest)

    def matrix(time: float) -> Float:
        m = np.zeros((order + 1, order + 1))
        u = abs(time - t0) / s
        for k in range(order + 1):
            for j in range(k, order + 1):
                m[k, j] = factorial(j) / factorial(j - k) * u ** (j - k) / s**k
        return m

    def at(time: float) -> Float:
        scale: Float = (matrix(time) @ moved)[0] + np.abs(mean)
        return scale

    coefficients = matrix(0.0) @ moved
    coefficients[0] += np.abs(mean)
    half = matrix(0.0) @ np.abs(inverse)
    residuals = y - basis @ (g @ y)
    rms = np.sqrt((w @ residuals**2).sum() / w.sum())
    total = np.sqrt((w @ y**2).sum() / w.sum())
    size = float(largest.max())
    ratio = size / total if total > 0 else 0.0
    relative = rms / total if total > 0 else 0.0
    rms_scale, r2_scale = condition * size + rms, 1.0 + condition * ratio * relative
    return FitScale(coefficients, condition * half @ half.T, rms_scale, r2_scale, at)
