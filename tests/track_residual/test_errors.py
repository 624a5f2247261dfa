"""Every check of track_residual has a call that fails it, with the whole message."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from kinetrace import _testing

POSITIONS = np.zeros((2, 6, 5, 2), dtype=np.float32)
VISIBLE = np.ones((2, 6, 5), dtype=bool)


def _call(**changes: Any) -> Any:
    arguments = {"positions": POSITIONS, **changes}
    return kt.track_residual(arguments.pop("positions"), arguments.pop("visible", None), **arguments)


VALUES: list[tuple[dict[str, Any], str]] = [
    ({"positions": POSITIONS.astype(np.float16)}, "positions: expected float32 or float64, got float16"),
    ({"positions": POSITIONS.astype(np.int64)}, "positions: expected float32 or float64, got int64"),
    ({"positions": POSITIONS[0, 0]}, "positions: expected shape (B, T, N, D) or (T, N, D), got (5, 2)"),
    ({"positions": POSITIONS[:, :3]}, "positions: expected at least 4 frames T, got 3"),
    ({"positions": POSITIONS[..., :0]}, "positions: expected 1 to 4 coordinates D, got 0"),
    ({"positions": np.zeros((6, 5, 5))}, "positions: expected 1 to 4 coordinates D, got 5"),
    ({"visible": VISIBLE.astype(np.float32)}, "visible: expected bool or uint8, got float32"),
    ({"visible": VISIBLE[:, :5]}, "visible: expected shape (B, T, N) = (2, 6, 5), got (2, 5, 5)"),
    ({"visible": VISIBLE[:, 0]}, "visible: expected shape (T, N) = (6, 5), got (2, 5)"),
    ({"positions": POSITIONS[0], "visible": VISIBLE}, "visible: expected shape (T, N) = (6, 5), got (2, 6, 5)"),
    ({"dt": 0}, "dt: expected a positive finite number, got 0"),
    ({"dt": -1.0}, "dt: expected a positive finite number, got -1.0"),
    ({"dt": np.inf}, "dt: expected a positive finite number, got inf"),
    ({"norm": "l2"}, "norm: expected 'squared', 'abs' or 'signed', got 'l2'"),
    ({"reduction": "max"}, "reduction: expected 'mean', 'mean_elements', 'sum' or 'none', got 'max'"),
    ({"num_threads": -1}, "num_threads: expected a positive int up to 4096 or None, got -1"),
]
TYPES: list[tuple[dict[str, Any], str]] = [
    (
        {"positions": 1.0},
        "positions: expected an array (NumPy, Torch, CuPy, DLPack or CUDA array interface), got float",
    ),
    ({"visible": [1]}, "visible: expected an array (NumPy, Torch, CuPy, DLPack or CUDA array interface), got list"),
    ({"dt": "1"}, "dt: expected a positive finite number, got str"),
    ({"norm": None}, "norm: expected 'squared', 'abs' or 'signed', got NoneType"),
    ({"reduction": 1}, "reduction: expected 'mean', 'mean_elements', 'sum' or 'none', got int"),
]


@pytest.mark.parametrize(("changes", "message"), VALUES, ids=[m for _, m in VALUES])
def test_bad_values(backend: Any, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _call(**changes)


@pytest.mark.parametrize(("changes", "message"), TYPES, ids=[m for _, m in TYPES])
def test_bad_types(backend: Any, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        _call(**changes)


GRADIENT: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"upstream": np.ones(3, np.float32)}, {}, "upstream: expected shape like the value = (2,), got (3,)"),
    ({"upstream": np.ones(2)}, {}, "upstream: expected float32 like positions, got float64"),
    ({}, {"norm": "signed"}, "upstream: expected shape like the value = (2, 2), got (2,)"),
    ({}, {"reduction": "none"}, "upstream: expected shape like the value = (2, 3, 5), got (2,)"),
    ({"count": np.ones(2, np.float32)}, {}, "count: expected float64, got float32"),
    ({"count": np.ones(1)}, {}, "count: expected shape (B,) = (2,), got (1,)"),
]


@pytest.mark.parametrize(("changes", "options", "message"), GRADIENT, ids=[m for *_, m in GRADIENT])
def test_bad_gradients(backend: Any, changes: dict[str, Any], options: dict[str, str], message: str) -> None:
    from kinetrace import _dispatch

    arrays = {"upstream": np.ones(2, np.float32), "count": np.ones(2), **changes}
    names = {"norm": "squared", "reduction": "mean", **options}
    with _testing.use_backend(backend.name), pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _dispatch._host.track_residual_backward(
            positions=POSITIONS, visible=None, dt=1.0, num_threads=None, **arrays, **names
        )
