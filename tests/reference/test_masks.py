"""The definitions of the mask functions against SciPy and by hand."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from compare import assert_within
from kinetrace._reference import mask_centroids, mask_chamfer, mask_iou
from mask_cases import draw_mask


def test_chamfer_agrees_with_distance_transforms() -> None:
    rng = np.random.default_rng(1)
    for kinds in (("disc", "noise"), ("outline", "sparse"), ("pixel", "disc"), ("rows", "pixel")):
        a, b = (draw_mask(rng, 31, 44, kind) for kind in kinds)
        transform = scipy.ndimage.distance_transform_edt
        expected = transform(~b)[a].mean() + transform(~a)[b].mean()
        assert_within(mask_chamfer(a, b), expected, 1e-13 * expected)


def test_centroids_agree_with_centres_of_mass() -> None:
    rng = np.random.default_rng(2)
    masks = np.stack([draw_mask(rng, 31, 44, kind) for kind in ("disc", "noise", "outline", "pixel")])
    expected = [scipy.ndimage.center_of_mass(mask)[::-1] for mask in masks]
    assert_within(mask_centroids(masks * np.uint8(9)), np.array(expected), 1e-12)


def test_by_hand() -> None:
    a, b, none = np.zeros((3, 1, 5, 6), dtype=bool)
    a[0, 1, 1:3] = b[0, 1, 2:5] = True  # 1, 2 against 2, 3, 4
    assert mask_iou(a, b).tolist() == [0.25]
    assert mask_chamfer(a, b).tolist() == [0.5 + 1.0]
    assert mask_centroids(b).tolist() == [[3.0, 1.0]]
    assert (mask_iou(none, none).tolist(), mask_iou(a, none).tolist()) == ([1.0], [0.0])
    assert np.isnan([mask_chamfer(a, none), mask_chamfer(none, a), mask_chamfer(none, none)]).all()
    assert np.isnan(mask_centroids(none)).all()
