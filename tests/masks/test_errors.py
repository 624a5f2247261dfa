"""Every check of the mask functions has a call that fails it, with the whole message."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from kinetrace import _testing

MASKS = np.zeros((2, 3, 8, 9), dtype=bool)
ARRAY = "expected an array (NumPy, Torch, CuPy, DLPack or CUDA array interface), got"

ONE: list[tuple[type[Exception], Any, str]] = [
    (ValueError, MASKS.astype(np.float32), "expected bool or uint8, got float32"),
    (ValueError, MASKS.astype(np.int64), "expected bool or uint8, got int64"),
    (ValueError, MASKS[0, 0], "expected shape (B, T, H, W) or (T, H, W), got (8, 9)"),
    (ValueError, MASKS[None], "expected shape (B, T, H, W) or (T, H, W), got (1, 2, 3, 8, 9)"),
    (ValueError, np.zeros((1, 32_768, 1), bool), "expected at most 32767 pixels a side, got (1, 32768, 1)"),
    (ValueError, np.zeros((1, 0, 32_768), bool), "expected at most 32767 pixels a side, got (1, 0, 32768)"),
    (TypeError, MASKS.tolist(), f"{ARRAY} list"),
    (TypeError, 1, f"{ARRAY} int"),
]
SECOND: list[tuple[type[Exception], Any, str]] = [
    (ValueError, MASKS.astype(np.float64), "b: expected bool or uint8, got float64"),
    (ValueError, MASKS[:1], "b: expected shape (B, T, H, W) of a = (2, 3, 8, 9), got (1, 3, 8, 9)"),
    (ValueError, MASKS[0], "b: expected shape (B, T, H, W) of a = (2, 3, 8, 9), got (3, 8, 9)"),
    (ValueError, MASKS[..., 1:], "b: expected shape (B, T, H, W) of a = (2, 3, 8, 9), got (2, 3, 8, 8)"),
    (TypeError, None, f"b: {ARRAY} NoneType"),
]


@pytest.mark.parametrize(("kind", "masks", "message"), ONE, ids=[m for *_, m in ONE])
def test_bad_masks(backend: Any, kind: type[Exception], masks: Any, message: str) -> None:
    with _testing.use_backend(backend.name):
        with pytest.raises(kind, match=f"^{re.escape('masks: ' + message)}$"):
            kt.mask_centroids(masks)
        for function in (kt.mask_iou, kt.mask_chamfer):
            with pytest.raises(kind, match=f"^{re.escape('a: ' + message)}$"):
                function(masks, masks)


@pytest.mark.parametrize(("kind", "masks", "message"), SECOND, ids=[m for *_, m in SECOND])
def test_bad_second_masks(backend: Any, kind: type[Exception], masks: Any, message: str) -> None:
    with _testing.use_backend(backend.name):
        for function in (kt.mask_iou, kt.mask_chamfer):
            with pytest.raises(kind, match=f"^{re.escape(message)}$"):
                function(MASKS, masks)


def test_batch_axis_must_match() -> None:
    with pytest.raises(ValueError, match=re.escape("b: expected shape (T, H, W) of a = (3, 8, 9), got (2, 3, 8, 9)")):
        kt.mask_iou(MASKS[0], MASKS)


@pytest.mark.parametrize("threads", [0, -1, 4097])
def test_bad_threads(backend: Any, threads: int) -> None:
    message = f"num_threads: expected a positive int up to 4096 or None, got {threads}"
    with _testing.use_backend(backend.name):
        with pytest.raises(ValueError, match=f"^{message}$"):
            kt.mask_centroids(MASKS, num_threads=threads)
        for function in (kt.mask_iou, kt.mask_chamfer):
            with pytest.raises(ValueError, match=f"^{message}$"):
                function(MASKS, MASKS, num_threads=threads)
