"""masks over back ends, batches, threads and memory layouts: always the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _testing
from mask_cases import KINDS, draw_mask


def _inputs(height: int = 61, width: int = 147) -> tuple[Any, Any]:
    rng = np.random.default_rng(height)
    kinds = [KINDS[i % len(KINDS)] for i in range(12)]
    return tuple(
        np.stack([draw_mask(rng, height, width, kind) for kind in rng.permutation(kinds)]).reshape(3, 4, height, width)
        for _ in range(2)
    )


def _all(a: Any, b: Any, **more: Any) -> dict[str, Any]:
    return {
        "centroids": kt.mask_centroids(a, **more),
        "iou": kt.mask_iou(a, b, **more),
        "chamfer": kt.mask_chamfer(a, b, **more),
    }


def _assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, array in one.items():
        assert_same_bits(array, other[name])


@pytest.mark.parametrize("size", [(61, 147), (17, 31), (40, 260)])
def test_every_back_end_has_the_same_bits(size: tuple[int, int]) -> None:
    a, b = _inputs(*size)
    results = []
    for name in _testing.backends():
        with _testing.use_backend(name):
            results.append(_all(a, b))
    assert np.isfinite(results[0]["chamfer"]).sum() > 5
    for result in results[1:]:
        _assert_same(result, results[0])


def test_a_batch_is_its_images_and_threads_change_nothing(backend: Any) -> None:
    a, b = _inputs()
    with _testing.use_backend(backend.name):
        together = _all(a, b, num_threads=1)
        _assert_same(_all(a, b, num_threads=3), together)
        _assert_same(_all(a[::-1], b[::-1]), {name: x[::-1] for name, x in together.items()})
        for i in range(3):
            _assert_same(_all(a[i], b[i]), {name: x[i] for name, x in together.items()})
        broadcast = np.broadcast_to(a[:1], a.shape)
        _assert_same(_all(broadcast, broadcast.copy()), _all(broadcast.copy(), broadcast))


def test_padding_at_the_right_and_below_changes_no_bit(backend: Any) -> None:
    a, b = _inputs()
    wide = [np.pad(x, ((0, 0), (0, 0), (0, 37), (0, 70))) for x in (a, b)]
    with _testing.use_backend(backend.name):
        _assert_same(_all(*wide), _all(a, b))


def test_strided_masks_are_read_in_place(backend: Any) -> None:
    a, b = _inputs()
    instances = np.ascontiguousarray(np.stack([a, b], axis=-1))  # (B, T, H, W, 2), as some segmenters give them
    views = [
        (instances[..., 0], instances[..., 1]),
        (np.asfortranarray(a), b),
        (np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1], np.ascontiguousarray(b[::-1, ::-1])[::-1, ::-1]),
        (np.ascontiguousarray(a.transpose(2, 0, 3, 1)).transpose(1, 3, 0, 2), b.view(np.uint8) * np.uint8(255)),
        (np.pad(a, ((0, 0), (0, 0), (1, 2), (3, 4)))[:, :, 1:-2, 3:-4], np.asfortranarray(b.view(np.uint8))),
    ]
    with _testing.use_backend(backend.name):
        plain = _all(a, b)
        for left, right in views:
            left.setflags(write=False)
            _assert_same(_all(left, right), plain)
