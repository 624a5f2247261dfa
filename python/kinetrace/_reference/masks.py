"""Definitions of mask_centroids, mask_iou and mask_chamfer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def mask_centroids(masks: npt.ArrayLike) -> Float:
    """(..., H, W) to (..., 2): mean x and y of the pixels that are not 0; NaN where there is none."""
    inside = np.asarray(masks) != 0
    out = np.full((*inside.shape[:-2], 2), np.nan)
    for index in np.ndindex(inside.shape[:-2]):
        y, x = np.nonzero(inside[index])
        if len(x):
            out[index] = x.mean(), y.mean()
    return out


def mask_iou(a: npt.ArrayLike, b: npt.ArrayLike) -> Float:
    """(..., H, W) twice to (...): pixels in both over pixels in either; 1 where both masks are empty."""
    inside_a, inside_b = np.asarray(a) != 0, np.asarray(b) != 0
    both = np.count_nonzero(inside_a & inside_b, axis=(-2, -1))
    either = np.count_nonzero(inside_a | inside_b, axis=(-2, -1))
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def mask_chamfer(a: npt.ArrayLike, b: npt.ArrayLike) -> Float:
    """(..., H, W) twice to (...): from each pixel of one mask to the nearest of the other, mean, both ways, added.

    NaN where either mask is empty.
    """
    inside_a, inside_b = np.asarray(a) != 0, np.asarray(b) != 0
    out = np.full(inside_a.shape[:-2], np.nan)
    for index in np.ndindex(out.shape):
        p, q = np.argwhere(inside_a[index]), np.argwhere(inside_b[index])
        if len(p) and len(q):
            out[index] = _mean_distance(p, q) + _mean_distance(q, p)
    return out


def _mean_distance(p: npt.NDArray[np.intp], q: npt.NDArray[np.intp]) -> float:
    nearest = [((q - point) ** 2).sum(axis=1).min() for point in p]
    return float(np.sqrt(np.array(nearest, dtype=np.float64)).mean())
