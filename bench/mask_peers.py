"""Chamfer distance, IoU, centroids and PISA's three scores as others compute them: SciPy, OpenCV, NumPy, torch."""

from __future__ import annotations

import cv2
import numpy as np
import scipy.ndimage
import torch
from scipy.spatial import cKDTree


def chamfer_trees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """PISA's form: a k-d tree over all pixels of either mask, queried with all pixels of the other."""
    out = np.full(len(a), np.nan)
    for t in range(len(a)):
        p, q = (np.column_stack(np.where(x[t])).astype(np.float32) for x in (a, b))
        if len(p) and len(q):
            out[t] = cKDTree(q).query(p)[0].mean() + cKDTree(p).query(q)[0].mean()
    return out


def chamfer_edt(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SciPy's exact distance transform of the whole image, both ways."""
    transform = scipy.ndimage.distance_transform_edt
    return np.array([transform(~y)[x].mean() + transform(~x)[y].mean() for x, y in zip(a, b, strict=True)])


def chamfer_cv2(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """OpenCV's precise distance transform, in float32; its 5 x 5 masks are approximate and not used."""
    out = []
    for x, y in zip(a, b, strict=True):
        to_x, to_y = (cv2.distanceTransform((~m).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for m in (x, y))
        out.append(to_y[x].mean(dtype=np.float64) + to_x[y].mean(dtype=np.float64))
    return np.array(out)


def chamfer_cdist(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """torch.cdist: all pairs, as many video metrics do it."""
    out = []
    for x, y in zip(a, b, strict=True):
        d = torch.cdist(torch.from_numpy(x).nonzero().float(), torch.from_numpy(y).nonzero().float())
        out.append(float(d.amin(1).mean() + d.amin(0).mean()))
    return np.array(out)


def centroids_nonzero(a: np.ndarray) -> np.ndarray:
    """PISA's form: indices of the set pixels, and their means."""
    out = np.full((len(a), 2), np.nan)
    for t, mask in enumerate(a):
        y, x = np.where(mask)
        if len(x):
            out[t] = x.mean(), y.mean()
    return out


def centroids_counts(a: np.ndarray) -> np.ndarray:
    """NumPy's fastest: counts along rows and columns."""
    columns, rows = np.count_nonzero(a, axis=1), np.count_nonzero(a, axis=2)
    total = rows.sum(axis=1)
    x, y = columns @ np.arange(a.shape[2]), rows @ np.arange(a.shape[1])
    return np.stack([x / total, y / total], axis=-1)


def centroids_cv2(a: np.ndarray) -> np.ndarray:
    """cv2.moments, image by image."""
    moments = [cv2.moments(mask.view(np.uint8), binaryImage=True) for mask in a]
    return np.array([[m["m10"] / m["m00"], m["m01"] / m["m00"]] for m in moments])


def centroids_torch(a: np.ndarray) -> np.ndarray:
    """Sums along rows and columns in torch."""
    masks = torch.from_numpy(a)
    columns, rows = masks.sum(1).double(), masks.sum(2).double()
    x, y = columns @ torch.arange(a.shape[2]).double(), rows @ torch.arange(a.shape[1]).double()
    return (torch.stack([x, y], -1) / rows.sum(1, keepdim=True)).numpy()


def iou_numpy(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whole arrays in NumPy."""
    return np.count_nonzero(a & b, axis=(1, 2)) / np.count_nonzero(a | b, axis=(1, 2))


def iou_torch(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whole arrays in torch."""
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    return ((x & y).sum((1, 2)).double() / (x | y).sum((1, 2))).numpy()


def pisa_published(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """PISA's three scores of one clip from the forms above."""
    unit = 1 / (np.sqrt(2) * a.shape[1])
    l2 = np.nanmean(np.abs(centroids_nonzero(a) - centroids_nonzero(b)))
    return {"l2": unit * l2, "chamfer": unit * np.nanmean(chamfer_trees(a, b)), "iou": np.nanmean(iou_numpy(a, b))}
