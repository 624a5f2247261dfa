"""Scores of one clip against its truth: centroid errors and mask overlap, with the names that NewtonBench gives them."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from kinetrace.metrics import newtonbench
from kinetrace.video.errors import load_cv2

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]
Norm = Literal["vector", "component"]

MEASURES: Final = ("l2", "rmse_v", "rmse_a", "iou", "chamfer", "coverage")


def centroid_scores(predicted: Floats, true: Floats, *, dt: float, scale: float, norm: Norm) -> dict[str, float]:
    """l2, rmse_v, rmse_a and coverage of two paths (T, 2) in px, NaN where missing: `kinetrace.metrics.newtonbench`."""
    return newtonbench(predicted, true, dt=dt, scale=scale, norm=norm)


def mask_scores(predicted: Masks, true: Masks, *, scale: float) -> dict[str, float]:
    """iou and chamfer of masks (T, H, W), means over frames, as PISA's code defines them.

    Both masks empty: iou 1; one empty: iou 0 and no chamfer. Chamfer: the mean distance in px of each mask's pixels
    to the other mask, the two directions added, times scale.
    """
    cv2 = load_cv2()
    both = (predicted & true).sum((1, 2))
    either = (predicted | true).sum((1, 2))
    iou = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    chamfer = np.full(len(true), np.nan)
    for t in np.flatnonzero(predicted.any((1, 2)) & true.any((1, 2))):
        y, x = np.nonzero(predicted[t] | true[t])
        box = np.s_[y.min() : y.max() + 1, x.min() : x.max() + 1]
        a, b = predicted[t][box], true[t][box]
        chamfer[t] = _to(cv2, b)[a].mean() + _to(cv2, a)[b].mean()
    return {"iou": float(iou.mean()), "chamfer": scale * _mean(chamfer)}


def _to(cv2: Any, mask: Masks) -> Floats:
    """Distance of each pixel to the mask."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _mean(values: npt.NDArray[np.floating]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
