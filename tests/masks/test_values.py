"""mask_centroids, mask_iou and mask_chamfer on every back end against their definitions and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits, assert_within
from kinetrace import _reference
from mask_cases import Mask, chamfer_by_trees, draw_mask, mask_pairs
from strategies import LAYOUTS, lay_out
from tolerances import rounding


def _bound(expected: Any) -> Any:
    return rounding("mask_chamfer", "value", np.float64) * np.abs(np.nan_to_num(expected))


@given(pair=mask_pairs(largest=40), layouts=st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS)))
def test_values_agree_with_the_definitions(backend: Any, pair: tuple[Mask, Mask], layouts: tuple[str, str]) -> None:
    a, b = (lay_out(x, layout) for x, layout in zip(pair, layouts, strict=True))
    assert_same_bits(backend.call("mask_centroids", a), _reference.mask_centroids(pair[0]))
    assert_same_bits(backend.call("mask_iou", a, b), _reference.mask_iou(*pair))
    expected = _reference.mask_chamfer(*pair)
    assert_within(backend.call("mask_chamfer", a, b), expected, _bound(expected))


@given(pair=mask_pairs(), swap=st.booleans())
def test_symmetries(backend: Any, pair: tuple[Mask, Mask], swap: bool) -> None:
    a, b = pair
    chamfer, iou = backend.call("mask_chamfer", a, b), backend.call("mask_iou", a, b)
    assert_same_bits(backend.call("mask_chamfer", b, a), chamfer)
    assert_same_bits(backend.call("mask_iou", b, a), iou)
    other = (a.swapaxes(-1, -2), b.swapaxes(-1, -2)) if swap else (a[..., ::-1, :], b[..., ::-1, :])
    assert_within(backend.call("mask_chamfer", *other), chamfer, _bound(chamfer))
    assert_same_bits(backend.call("mask_iou", *other), iou)
    centroids = backend.call("mask_centroids", a)
    turned = backend.call("mask_centroids", a.swapaxes(-1, -2))
    assert_same_bits(turned, np.ascontiguousarray(centroids[..., ::-1]))
    same = backend.call("mask_chamfer", a, a)
    np.testing.assert_array_equal(same, np.where(np.isnan(centroids[..., 0]), np.nan, 0.0))


@pytest.mark.parametrize("size", [(1, 700), (500, 1), (260, 300), (33, 520), (300, 65)])
def test_far_and_near_pixels_of_large_images(backend: Any, size: tuple[int, int]) -> None:
    # Beyond 124 columns the CPU looks no longer outwards but along an envelope: distances on both sides of that.
    rng = np.random.default_rng(size[0])
    kinds = [("disc", "disc"), ("pixel", "disc"), ("sparse", "pixel"), ("outline", "rows"), ("pixel", "pixel")]
    if backend.name.startswith("cpu"):
        kinds = kinds * 5 + [("noise", "disc"), ("full", "pixel"), ("sparse", "sparse")]
    pairs = [tuple(draw_mask(rng, *size, kind) for kind in both) for both in kinds]
    a, b = (np.stack([pair[i] for pair in pairs]) for i in range(2))
    expected = np.array([chamfer_by_trees(*pair) for pair in pairs])
    assert np.isfinite(expected).any()
    assert_within(backend.call("mask_chamfer", a, b), expected, 8 * _bound(expected))


def test_two_pixels_at_every_distance(backend: Any) -> None:
    a = np.zeros((90, 7, 420), dtype=np.uint8)
    b = a.copy()
    shifts = np.concatenate([np.arange(1, 60), np.arange(110, 141)]) * np.resize([1, -1], 90)
    for t, dx in enumerate(shifts):
        a[t, 1, 210], b[t, 1 + t % 6, 210 + dx] = 1, 200
    dy = np.arange(90) % 6
    np.testing.assert_array_equal(backend.call("mask_chamfer", a, b), 2 * np.sqrt((shifts**2 + dy**2).astype(float)))
    np.testing.assert_array_equal(backend.call("mask_centroids", b), np.stack([210.0 + shifts, 1.0 + dy], axis=-1))


def test_shifted_rectangles(backend: Any) -> None:
    # Shifted by s along x: of each row s pixels stick out on either side, at distances 1 to s.
    a = np.zeros((1, 40, 200), dtype=bool)
    a[0, 5:30, 20:80] = True
    for s in (0, 1, 7, 59):
        b = np.roll(a, s, axis=2)
        assert backend.call("mask_chamfer", a, b)[0] == pytest.approx(2 * (s * (s + 1) / 2) / 60, rel=1e-14)
        assert backend.call("mask_iou", a, b)[0] == (60 - s) / (60 + s)
        assert backend.call("mask_centroids", b)[0].tolist() == [49.5 + s, 17.0]


def test_empty_masks(backend: Any) -> None:
    none, some = np.zeros((1, 9, 11), dtype=bool), np.zeros((1, 9, 11), dtype=bool)
    some[0, 3, 4] = True
    assert np.isnan(backend.call("mask_centroids", none)).all()
    assert backend.call("mask_iou", none, none).tolist() == [1.0]
    assert backend.call("mask_iou", some, none).tolist() == [0.0]
    for pair in ((none, none), (some, none), (none, some)):
        assert np.isnan(backend.call("mask_chamfer", *pair)).all()


@pytest.mark.parametrize("shape", [(0, 3, 4, 5), (2, 0, 4, 5), (2, 3, 0, 5), (2, 3, 4, 0), (0, 4, 5), (3, 1, 1)])
def test_empty_axes(backend: Any, shape: tuple[int, ...]) -> None:
    masks = np.zeros(shape, dtype=bool)
    assert_same_bits(backend.call("mask_centroids", masks), np.full((*shape[:-2], 2), np.nan))
    assert_same_bits(backend.call("mask_iou", masks, masks), np.ones(shape[:-2]))
    assert_same_bits(backend.call("mask_chamfer", masks, masks), np.full(shape[:-2], np.nan))


def test_rows_longer_than_what_a_byte_counts(backend: Any) -> None:
    # Counts are kept in bytes over up to 255 vectors and rows: 16 bytes each at the narrowest.
    masks = np.ones((1, 2, 30_000), dtype=np.uint8)
    assert backend.call("mask_centroids", masks).tolist() == [[14999.5, 0.5]]
    assert backend.call("mask_centroids", masks.swapaxes(1, 2)).tolist() == [[0.5, 14999.5]]
    other = masks.copy()
    other[0, 1, 1:] = 0
    assert backend.call("mask_iou", masks, other).tolist() == [30_001 / 60_000]
    tall = np.ones((1, 600, 3), dtype=bool)
    assert backend.call("mask_centroids", tall).tolist() == [[1.0, 299.5]]


def test_the_largest_side(backend: Any) -> None:
    a, b = np.zeros((2, 1, 1, 32_767), dtype=bool)
    a[0, 0, 0] = b[0, 0, 32_766] = True
    for pair in ((a, b), (a.swapaxes(1, 2), b.swapaxes(1, 2))):
        assert backend.call("mask_chamfer", *pair).tolist() == [65_532.0]
    assert backend.call("mask_centroids", b).tolist() == [[32_766.0, 0.0]]
