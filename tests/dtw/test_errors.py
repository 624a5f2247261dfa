"""Every check of the alignment functions has a call that fails it, with the whole message."""

from __future__ import annotations

import re
from typing import Any

import numba
import numpy as np
import pytest
from scipy import LowLevelCallable

import kinetrace as kt
from kinetrace import _testing

X = np.zeros((3, 4), dtype=np.float32)
Y = np.zeros((3, 5), dtype=np.float32)
X3 = np.zeros((3, 4, 2), dtype=np.float32)
COST = np.zeros((3, 4, 5), dtype=np.float32)
ARRAY = "an array (NumPy, Torch, CuPy, DLPack or CUDA array interface)"
STEPS = "'symmetric1', 'symmetric2', 'asymmetric', 'classic_jump', 'sequential', 'sequential_jump', 'sigma21'"
WINDOW = "None, an int >= 0 or a float 0 to 1"


def _dtw(**changes: Any) -> Any:
    return kt.dtw(**{"x": X, "y": Y, **changes})


VALUES: list[tuple[dict[str, Any], str]] = [
    ({"x": X.astype(np.int32)}, "x: expected float32 or float64, got int32"),
    ({"x": X[0]}, "x: expected shape (B, N) or (B, N, D), got (4,)"),
    ({"x": X3[None]}, "x: expected shape (B, N) or (B, N, D), got (1, 3, 4, 2)"),
    ({"x": X3[:, :, :0], "y": X3[:, :, :0]}, "x: expected at least one coordinate, got (3, 4, 0)"),
    ({"y": Y.astype(np.float64)}, "y: expected float32 like x, got float64"),
    ({"y": X3}, "y: expected shape (B, M) = (*, *), got (3, 4, 2)"),
    ({"x": X3}, "y: expected shape (B, M, D) = (*, *, 2), got (3, 5)"),
    ({"y": Y[:2]}, "y: expected a batch of 3 or 1 like x, got 2"),
    ({"x_lengths": np.zeros(3)}, "x_lengths: expected int32 or int64, got float64"),
    ({"x_lengths": np.zeros(2, int)}, "x_lengths: expected shape (B,) = (3,), got (2,)"),
    ({"y_lengths": np.zeros((3, 1), int)}, "y_lengths: expected shape (B,) = (3,), got (3, 1)"),
    ({"metric": "manhattan"}, "metric: expected 'sqeuclidean', 'euclidean', 'l1', 'cosine' or 'dot', got 'manhattan'"),
    ({"step": "symmetric3"}, f"step: expected a StepPattern or one of {STEPS}, got 'symmetric3'"),
    ({"window": -1}, f"window: expected {WINDOW}, got -1"),
    ({"window": -0.5}, f"window: expected {WINDOW}, got -0.500000"),
    ({"window": 1.5}, f"window: expected {WINDOW}, got 1.500000"),
    ({"window": np.nan}, f"window: expected {WINDOW}, got nan"),
    ({"subsequence": "both"}, "subsequence: expected 'start' or 'end', got 'both'"),
    ({"normalize": "n"}, "normalize: expected None, 'x', 'y', 'sum' or 'path', got 'n'"),
    ({"num_threads": 0}, "num_threads: expected a positive int up to 4096 or None, got 0"),
    ({"x": []}, "x: expected at least one array in the list, got none"),
    ({"x": [X[0], X3[0]]}, "x: expected shape (*) like the first array, got (4, 2) at 1"),
    ({"x": [X[0], X[0].astype(float)]}, "x: expected float32 like the first array, got float64 at 1"),
    ({"x": list(X), "x_lengths": np.zeros(3, int)}, "x_lengths: expected None where x is a list, got ndarray"),
]
TYPES: list[tuple[dict[str, Any], str]] = [
    ({"x": None}, "x: expected an array or a list of arrays, got None"),
    ({"y": None}, "y: expected an array or a list of arrays, got None"),
    ({"x": 1.0}, f"x: expected {ARRAY}, got float"),
    ({"x": [1.0, 2.0]}, "x: expected a list of arrays, got float at 0"),
    ({"x_lengths": 3}, f"x_lengths: expected {ARRAY}, got int"),
    ({"step": 1}, "step: expected a StepPattern or its name, got int"),
    ({"window": "wide"}, f"window: expected {WINDOW}, got str"),
    ({"window": True}, f"window: expected {WINDOW}, got bool"),
    ({"subsequence": None}, "subsequence: expected True, False, 'start' or 'end', got NoneType"),
    ({"subsequence": 1}, "subsequence: expected True, False, 'start' or 'end', got int"),
    ({"normalize": 1}, "normalize: expected None, 'x', 'y', 'sum' or 'path', got int"),
    ({"metric": None}, "metric: expected a name or a compiled callback, got NoneType"),
    (
        {"metric": max},
        "metric: expected a name or a compiled callback (numba.cfunc or scipy.LowLevelCallable), "
        "got builtin_function_or_method, which would be called once per cell",
    ),
]


@pytest.mark.parametrize(("changes", "message"), VALUES, ids=[m for _, m in VALUES])
def test_bad_values(backend: Any, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _dtw(**changes)


@pytest.mark.parametrize(("changes", "message"), TYPES, ids=[m for _, m in TYPES])
def test_bad_types(backend: Any, changes: dict[str, Any], message: str) -> None:
    with _testing.use_backend(backend.name), pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        _dtw(**changes)


OTHERS: list[tuple[Any, str]] = [
    (lambda: kt.dtw_from_cost(COST[0]), "cost: expected shape (B, N, M) = (*, *, *), got (4, 5)"),
    (lambda: kt.dtw_from_cost(COST.astype(np.int64)), "cost: expected float32 or float64, got int64"),
    (
        lambda: kt.dtw_from_cost([COST[0]], x_lengths=np.array([4])),
        "x_lengths: expected None where cost is a list, got ndarray",
    ),
    (
        lambda: kt.dtw_from_cost([COST[0], COST[0, 0]]),
        "cost: expected shape (*, *) like the first array, got (5,) at 1",
    ),
    (
        lambda: kt.dtw_curve(X, Y, cost=COST),
        "cost: expected None together with x and y in dtw_curve, got ndarray",
    ),
    (lambda: kt.dtw_curve(X, Y, normalize="path"), "normalize: expected None, 'x', 'y' or 'sum', got 'path'"),
    (lambda: kt.dtw_matrix(X, y_lengths=np.array([1, 1, 1])), "y_lengths: expected None without ys, got ndarray"),
    (lambda: kt.StepPattern([]), "steps: expected 1 to 16 steps, got 0"),
    (lambda: kt.StepPattern([(1, 1, 1)] * 17), "steps: expected 1 to 16 steps, got 17"),
    (lambda: kt.StepPattern([(0, 0, 1)]), "steps: expected di or dj above 0, got (0, 0)"),
    (lambda: kt.StepPattern([(1, 9, 1)]), "steps: expected an int 0 to 8, got 9"),
    (lambda: kt.StepPattern([(-1, 1, 1)]), "steps: expected an int 0 to 8, got -1"),
    (lambda: kt.StepPattern([(1, 1)]), "steps: expected triples (di, dj, weight), got 2 values"),  # type: ignore[list-item]
    (lambda: kt.StepPattern([(1, 1, -1.0)]), "steps: expected a finite weight >= 0, got -1.0"),
    (lambda: kt.StepPattern([(1, 1, np.inf)]), "steps: expected a finite weight >= 0, got inf"),
    (lambda: kt.StepPattern.named("sequential_jump", jump=0), "jump: expected an int 1 to 8, got 0"),
]


@pytest.mark.parametrize(("call", "message"), OTHERS, ids=[m for _, m in OTHERS])
def test_other_bad_values(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


STEP_TYPES: list[tuple[Any, str]] = [
    ("symmetric1", "steps: expected triples (di, dj, weight), got str"),
    (3, "steps: expected triples (di, dj, weight), got int"),
    ([1, 2], "steps: expected triples (di, dj, weight), got int"),
    ([(1.0, 1, 1)], "steps: expected an int 0 to 8, got float"),
    ([(True, 1, 1)], "steps: expected an int 0 to 8, got bool"),
    ([(1, 1, None)], "steps: expected a weight >= 0, got NoneType"),
]


@pytest.mark.parametrize(("steps", "message"), STEP_TYPES, ids=[m for _, m in STEP_TYPES])
def test_bad_types_of_steps(steps: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        kt.StepPattern(steps)


@pytest.mark.parametrize(("length", "dtype"), [(-1, np.int32), (5, np.int64)])
def test_lengths_out_of_range(backend: Any, length: int, dtype: Any) -> None:
    lengths = np.array([4, length, 0], dtype=dtype)
    with _testing.use_backend(backend.name):
        if backend.name.startswith("cpu"):
            with pytest.raises(ValueError, match=rf"^x_lengths: expected lengths 0 to 4, got {length} at 1$"):
                _dtw(x_lengths=lengths)
            return
        result = _dtw(x_lengths=lengths, return_path=True)  # on a device nobody looks: as if it were empty
    assert result.status.tolist() == [0, 6, 6]


def test_callbacks_of_another_signature() -> None:
    @numba.cfunc("float64(CPointer(float64), CPointer(float64), int64)")
    def double(x: Any, y: Any, dims: int) -> float:
        return 0.0

    @numba.cfunc("float32(CPointer(float32), CPointer(float32), int64)")
    def short(x: Any, y: Any, dims: int) -> float:
        return numba.float32(0)

    expected = r"^metric: expected a callback float64\(float32\*, float32\*, int64\), got "
    with pytest.raises(TypeError, match=expected + r"float64\(float64\*, float64\*, int64\)$"):
        _dtw(metric=double)
    with pytest.raises(TypeError, match=expected + r"float32\(float32\*, float32\*, int64\)$"):
        _dtw(metric=short)
    with pytest.raises(TypeError, match=r"^metric: expected a callback double \(float \*, float \*, int64_t\) or "):
        _dtw(metric=LowLevelCallable(double.ctypes))
