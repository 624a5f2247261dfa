"""Every check of the soft-DTW functions has a call that fails it, with the whole message."""

from __future__ import annotations

import re
from typing import Any

import numba
import numpy as np
import pytest
import torch

import kinetrace as kt
from kinetrace import _testing
from kinetrace._alignment import Sequences

X = np.zeros((3, 4), dtype=np.float32)
Y = np.zeros((3, 5), dtype=np.float32)
COST = np.zeros((3, 4, 5), dtype=np.float32)
GAMMA = "a number from 1e-30 to 1e30"
WINDOW = "None, an int >= 0 or a float 0 to 1"


def _call(function: str, changes: dict[str, Any]) -> Any:
    start = {"cost": COST} if function == "soft_dtw_from_cost" else {"x": X, "y": Y}
    arguments = {**start, **changes}
    if "cost" in arguments and function == "soft_dtw_from_cost":
        return kt.soft_dtw_from_cost(arguments.pop("cost"), **arguments)
    return getattr(kt, function)(arguments.pop("x"), arguments.pop("y"), **arguments)


VALUES: list[tuple[str, dict[str, Any], str]] = [
    ("soft_dtw", {"x": X.astype(np.int64)}, "x: expected float32 or float64, got int64"),
    ("soft_dtw", {"x": X[0]}, "x: expected shape (B, N) or (B, N, D), got (4,)"),
    ("soft_dtw", {"y": Y.astype(np.float64)}, "y: expected float32 like x, got float64"),
    ("soft_dtw", {"y": Y[:2]}, "y: expected a batch of 3 or 1 like x, got 2"),
    ("soft_dtw", {"x_lengths": np.zeros(3)}, "x_lengths: expected int32 or int64, got float64"),
    ("soft_dtw", {"x_lengths": np.zeros(2, int)}, "x_lengths: expected shape (B,) = (3,), got (2,)"),
    (
        "soft_dtw",
        {"metric": "dtw"},
        "metric: expected 'sqeuclidean', 'euclidean', 'l1', 'cosine' or 'dot', got 'dtw'",
    ),
    ("soft_dtw", {"window": -1}, f"window: expected {WINDOW}, got -1"),
    ("soft_dtw", {"gamma": 0}, f"gamma: expected {GAMMA}, got 0"),
    ("soft_dtw", {"gamma": -1.0}, f"gamma: expected {GAMMA}, got -1.0"),
    ("soft_dtw", {"gamma": np.nan}, f"gamma: expected {GAMMA}, got nan"),
    ("soft_dtw", {"gamma": 1e-31}, f"gamma: expected {GAMMA}, got 1e-31"),
    ("soft_dtw", {"gamma": 1e31}, f"gamma: expected {GAMMA}, got 1e+31"),
    ("soft_dtw", {"num_threads": 0}, "num_threads: expected a positive int up to 4096 or None, got 0"),
    ("soft_dtw_from_cost", {"cost": COST[0]}, "cost: expected shape (B, N, M) = (*, *, *), got (4, 5)"),
    ("soft_dtw_from_cost", {"cost": COST.astype(np.int32)}, "cost: expected float32 or float64, got int32"),
    ("soft_dtw_from_cost", {"gamma": 0.0}, f"gamma: expected {GAMMA}, got 0.0"),
    (
        "soft_dtw_alignment",
        {"cost": COST},
        "cost: expected None together with x and y in soft_dtw_alignment, got ndarray",
    ),
]
TYPES: list[tuple[str, dict[str, Any], str]] = [
    ("soft_dtw", {"y": None}, "y: expected an array or a list of arrays, got None"),
    ("soft_dtw", {"gamma": "1"}, f"gamma: expected {GAMMA}, got str"),
    ("soft_dtw", {"gamma": None}, f"gamma: expected {GAMMA}, got NoneType"),
    ("soft_dtw", {"window": "1"}, f"window: expected {WINDOW}, got str"),
    (
        "soft_dtw",
        {"metric": lambda a, b: 0.0},
        "metric: expected a name, got function, which has no gradient; pass its costs to soft_dtw_from_cost",
    ),
    ("soft_dtw", {"x": torch.zeros(3, 4)}, "y: expected Tensor like x, got ndarray"),
    ("soft_dtw", {"y": torch.zeros(3, 5)}, "y: expected ndarray like x, got Tensor"),
    ("soft_dtw_alignment", {"y": torch.zeros(3, 5)}, "y: expected ndarray like x, got Tensor"),
    ("soft_dtw_alignment", {"x": None}, "x: expected an array or a list of arrays, got None"),
]


@pytest.mark.parametrize(("function", "changes", "message"), VALUES, ids=[m for *_, m in VALUES])
def test_bad_values(backend: Any, function: str, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _call(function, changes)


@pytest.mark.parametrize(("function", "changes", "message"), TYPES, ids=[m for *_, m in TYPES])
def test_bad_types(backend: Any, function: str, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        _call(function, changes)


def test_compiled_callbacks_are_refused() -> None:
    number = numba.types.CPointer(numba.types.float32)
    metric = numba.cfunc(numba.types.float64(number, number, numba.types.int64))(lambda x, y, d: 0.0)
    with pytest.raises(TypeError, match=r"^metric: expected a name, got CFunc"):
        kt.soft_dtw(X, Y, metric=metric)  # type: ignore[arg-type]


def test_what_the_native_layer_cannot_do_at_once(backend: Any) -> None:
    from kinetrace.soft_dtw import native

    with _testing.use_backend(backend.name):
        both = Sequences(X, Y, None, None, None)
        with pytest.raises(ValueError, match=r"^alignment: expected no gradient beside it, got both$"):
            native(both, "l1", None, 1.0, None, x_gradient=True, alignment=True)
        with pytest.raises(ValueError, match=r"^x_gradient: expected False with a cost, got True$"):
            native(Sequences(None, None, COST, None, None), "l1", None, 1.0, None, y_gradient=True)
