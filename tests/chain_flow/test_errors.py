"""Every check of chain_flow has a call that fails it, with the whole message."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from kinetrace import _testing

FLOW = np.zeros((3, 2, 4, 5), dtype=np.float32)
POINTS = np.zeros((6, 2), dtype=np.float32)
BATCH = {"flow": np.stack([FLOW, FLOW]), "points": np.stack([POINTS, POINTS])}


def _call(**changes: Any) -> Any:
    arguments = {"flow": FLOW, "points": POINTS, **changes}
    return kt.chain_flow(arguments.pop("flow"), arguments.pop("points"), **arguments)


VALUES: list[tuple[dict[str, Any], str]] = [
    ({"flow": FLOW.astype(np.float16)}, "flow: expected float32 or float64, got float16"),
    ({"flow": FLOW.astype(np.int32)}, "flow: expected float32 or float64, got int32"),
    ({"flow": FLOW[0]}, "flow: expected shape (T, 2, H, W) or (B, T, 2, H, W), got (2, 4, 5)"),
    ({"flow": FLOW[:, :1]}, "flow: expected 2 channels, got 1"),
    (
        {"flow": np.broadcast_to(np.float32(0), (1, 2, 1, 2**24 + 1))},
        "flow: expected at most 16777216 pixels a side, got (1, 2, 1, 16777217)",
    ),
    ({"points": POINTS[0]}, "points: expected shape (N, 2) = (*, 2), got (2,)"),
    ({"points": np.zeros((6, 3), np.float32)}, "points: expected shape (N, 2) = (*, 2), got (6, 3)"),
    ({"points": POINTS.astype(np.float64)}, "points: expected float32 like flow, got float64"),
    (BATCH | {"points": POINTS}, "points: expected shape (B, N, 2) = (2, *, 2), got (6, 2)"),
    (
        {"backward_flow": FLOW[:2]},
        "backward_flow: expected shape (T, 2, H, W) = (3, 2, 4, 5), got (2, 2, 4, 5)",
    ),
    (
        BATCH | {"backward_flow": FLOW},
        "backward_flow: expected shape (B, T, 2, H, W) = (2, 3, 2, 4, 5), got (3, 2, 4, 5)",
    ),
    ({"backward_flow": FLOW.astype(np.float64)}, "backward_flow: expected float32 like flow, got float64"),
    ({"start": -1}, "start: expected a frame 0 to 3 or an array of them, got -1"),
    ({"start": 4}, "start: expected a frame 0 to 3 or an array of them, got 4"),
    ({"start": np.zeros(6, np.float32)}, "start: expected int32 or int64, got float32"),
    ({"start": np.zeros(5, np.int64)}, "start: expected shape (N,) = (6,), got (5,)"),
    (BATCH | {"start": np.zeros((1, 6), np.int64)}, "start: expected shape (N,) or (B, N) = (2, 6), got (1, 6)"),
    (BATCH | {"start": np.zeros(2, np.int64)}, "start: expected shape (N,) or (B, N) = (6,), got (2,)"),
    ({"max_cycle_error": 1.0}, "max_cycle_error: expected None without backward_flow, got 1.0"),
    (
        {"max_cycle_error": -0.5, "backward_flow": FLOW},
        "max_cycle_error: expected a number of pixels >= 0 or None, got -0.5",
    ),
    (
        {"max_cycle_error": np.nan, "backward_flow": FLOW},
        "max_cycle_error: expected a number of pixels >= 0 or None, got nan",
    ),
    ({"num_threads": 0}, "num_threads: expected a positive int up to 4096 or None, got 0"),
]
TYPES: list[tuple[dict[str, Any], str]] = [
    ({"flow": [1.0]}, "flow: expected an array (NumPy, Torch, CuPy, DLPack or CUDA array interface), got list"),
    ({"points": None}, "points: expected an array (NumPy, Torch, CuPy, DLPack or CUDA array interface), got NoneType"),
    (
        {"backward_flow": 1},
        "backward_flow: expected an array (NumPy, Torch, CuPy, DLPack or CUDA array interface), got int",
    ),
    ({"start": [0] * 6}, "start: expected a frame 0 to 3 or an array of them, got list"),
    ({"start": True}, "start: expected a frame 0 to 3 or an array of them, got bool"),
    ({"start": 1.0}, "start: expected a frame 0 to 3 or an array of them, got float"),
    (
        {"max_cycle_error": "1", "backward_flow": FLOW},
        "max_cycle_error: expected a number of pixels >= 0 or None, got str",
    ),
]


@pytest.mark.parametrize(("changes", "message"), VALUES, ids=[m for _, m in VALUES])
def test_bad_values(backend: Any, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _call(**changes)


@pytest.mark.parametrize(("changes", "message"), TYPES, ids=[m for _, m in TYPES])
def test_bad_types(backend: Any, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        _call(**changes)


@pytest.mark.parametrize(("frame", "dtype"), [(-1, np.int32), (4, np.int64)])
def test_a_start_frame_out_of_range(backend: Any, frame: int, dtype: Any) -> None:
    start = np.array([0, 1, 2, 3, frame, 0], dtype=dtype)
    with _testing.use_backend(backend.name):
        if backend.name.startswith("cpu"):
            message = f"start: expected frames 0 to 3, got {frame} for point 4"
            with pytest.raises(ValueError, match=f"^{message}$"):
                _call(start=start)
            return
        tracks = _call(start=start)  # on a device nobody looks: the point never appears
    assert not tracks.visible[:, 4].any()
    assert np.isnan(tracks.positions[:, 4]).all()
    assert tracks.visible.sum(axis=0).tolist() == [4, 3, 2, 1, 0, 4]
