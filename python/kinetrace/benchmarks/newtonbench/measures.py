"""Scores of one clip against its truth: centroid errors and mask overlap, with the names that NewtonBench gives them."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

import kinetrace
from kinetrace.metrics import newtonbench

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
    chamfer = kinetrace.mask_chamfer(predicted, true)
    return {"iou": float(kinetrace.mask_iou(predicted, true).mean()), "chamfer": scale * _mean(chamfer)}


def _mean(values: npt.NDArray[np.floating]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
