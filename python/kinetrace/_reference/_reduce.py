"""Norms and reductions of residual vectors, forward and backward, shared by both residuals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def forward_field(r: Float, w: Float, norm: str, reduction: str) -> Float:
    """Reduces residuals r (T,C,...) with weights w (T,...), where r is 0 wherever w is.

    Returns () or, for norm "signed", (C,); reduction "none": (T,...) or (T,C,...).
    """
    with np.errstate(all="ignore"):
        field = r * w[:, None] if norm == "signed" else np.sum(r**2 if norm == "squared" else np.abs(r), axis=1) * w
        if reduction == "none":
            return field
        axes = tuple(i for i in range(field.ndim) if norm != "signed" or i != 1)
        return np.asarray(np.sum(field, axis=axes) * _factor(w, reduction, r.shape[1]))


def backward_field(r: Float, w: Float, norm: str, reduction: str, upstream: Float) -> Float:
    """Gradient (T,C,...) of sum(upstream * forward_field) with respect to r, 0 wherever w is."""
    with np.errstate(all="ignore"):
        if reduction == "none":
            up = upstream if norm == "signed" else upstream[:, None]
        else:
            up = _factor(w, reduction, r.shape[1]) * upstream
            if norm == "signed":
                up = up.reshape(1, -1, *([1] * (r.ndim - 2)))
        slope = {"squared": 2 * r, "abs": np.sign(r), "signed": np.ones_like(r)}[norm]
        return np.where(w[:, None] != 0, up * slope * w[:, None], 0.0)


def _factor(w: Float, reduction: str, channels: int) -> float:
    """1/N of a reduction: N = sum w, channels times it, or 1; 0 if no weight is left."""
    if reduction == "sum":
        return 1.0
    total = float(np.sum(w)) * (channels if reduction == "mean_elements" else 1)
    return 1.0 / total if total != 0 else 0.0
