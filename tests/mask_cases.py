"""Masks that tests are made of: blobs, noise, outlines, single pixels, nothing; and the Chamfer distance as PISA takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from scipy.spatial import cKDTree

Mask = npt.NDArray[Any]
KINDS = ("disc", "noise", "sparse", "outline", "rows", "pixel", "empty", "full")


def draw_mask(rng: np.random.Generator, height: int, width: int, kind: str) -> Mask:
    """One mask (H, W), bool."""
    mask = np.zeros((height, width), dtype=bool)
    if mask.size == 0 or kind == "empty":
        return mask
    if kind == "full":
        return ~mask
    if kind in ("noise", "sparse"):
        return np.asarray(rng.random(mask.shape) < (0.5 if kind == "noise" else 0.02))
    if kind == "rows":
        mask[:: int(rng.integers(1, 5)), int(rng.integers(width)) :] = True
        return mask
    if kind == "pixel":
        mask[rng.integers(height), rng.integers(width)] = True
        return mask
    y, x = np.mgrid[:height, :width]
    radius = rng.uniform(0.5, 0.4 * max(height, width) + 1)
    distance = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height))
    return np.asarray(distance <= radius if kind == "disc" else np.abs(distance - radius) < 0.8)


@st.composite
def mask_pairs(draw: Any, *, largest: int = 70) -> tuple[Mask, Mask]:
    """Two batches of masks (B, T, H, W) or (T, H, W), bool or uint8 with any value for "set"."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lead = draw(st.sampled_from([(1,), (3,), (0,), (2, 2), (1, 0)]))
    height, width = (draw(st.integers(0, largest) | st.sampled_from([1, 16, 32, 64])) for _ in range(2))
    pair = []
    for _ in range(2):
        masks = np.zeros((*lead, height, width), dtype=bool)
        for index in np.ndindex(lead):
            masks[index] = draw_mask(rng, height, width, draw(st.sampled_from(KINDS)))
        values = rng.integers(1, 256, masks.shape).astype(np.uint8)
        pair.append(masks if draw(st.booleans()) else masks * values)
    return pair[0], pair[1]


def chamfer_by_trees(a: Mask, b: Mask) -> float:
    """Chamfer distance of two masks (H, W) through nearest neighbours in k-d trees; NaN when either is empty."""
    p, q = np.argwhere(a), np.argwhere(b)
    if not len(p) or not len(q):
        return np.nan
    return float(cKDTree(q).query(p)[0].mean() + cKDTree(p).query(q)[0].mean())
