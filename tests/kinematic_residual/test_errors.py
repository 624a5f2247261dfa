"""One test per check of kinematic_residual: the exception, and a message that names the argument."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt

FLOW = np.zeros((2, 5, 2, 3, 4), dtype=np.float32)
MASK = np.ones((2, 5, 3, 4), dtype=np.float32)


def zeros(*shape: int) -> Any:
    """A large array of little memory."""
    return np.broadcast_to(np.float32(0), shape)


@pytest.mark.parametrize(
    ("flow", "expected", "got"),
    [
        (FLOW[0, 0], "shape (B, T, 2, H, W) or (T, 2, H, W)", "(2, 3, 4)"),
        (FLOW[None], "shape (B, T, 2, H, W) or (T, 2, H, W)", "(1, 2, 5, 2, 3, 4)"),
        (FLOW[:, :, :1], "2 channels", "1"),
        (FLOW[:, :2], "at least 3 frames T", "2"),
        (FLOW.astype(np.float16), "float32 or float64", "float16"),
        (FLOW.astype(np.int32), "float32 or float64", "int32"),
        (
            np.broadcast_to(np.float32(0), (3, 2, 1 << 16, 1 << 15)),
            "images of fewer than 2147483648 pixels",
            "(3, 2, 65536, 32768)",
        ),
        (zeros(3, 2, 1, 16777217), "extents up to 16777216", "(3, 2, 1, 16777217)"),
    ],
)
def test_flow(flow: Any, expected: str, got: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"flow: expected {expected}, got {got}")):
        kt.kinematic_residual(flow)


def test_flow_that_is_no_array() -> None:
    with pytest.raises(TypeError, match=r"^flow: expected an array .*, got list$"):
        kt.kinematic_residual([[1.0]])


@pytest.mark.parametrize(
    ("mask", "options", "expected", "got"),
    [
        (MASK[:, 1:], {}, "shape (B, T, H, W) = (2, 5, 3, 4)", "(2, 4, 3, 4)"),
        (MASK[:1], {}, "shape (B, T, H, W) = (2, 5, 3, 4)", "(1, 5, 3, 4)"),
        (MASK[0, 1:], {}, "shape (T, H, W) = (5, 3, 4)", "(4, 3, 4)"),
        (MASK, {"mask_rule": "explicit"}, "shape (B, T-2, H, W) = (2, 3, 3, 4)", "(2, 5, 3, 4)"),
        (MASK[0], {"mask_rule": "explicit"}, "shape (T-2, H, W) = (3, 3, 4)", "(5, 3, 4)"),
        (MASK.astype(np.float64), {}, "bool, uint8 or float32 like flow", "float64"),
        (MASK.astype(np.int32), {}, "bool, uint8 or float32 like flow", "int32"),
        (None, {"mask_rule": "explicit"}, "weights (B, T-2, H, W) with mask_rule 'explicit'", "None"),
    ],
)
def test_mask(mask: Any, options: dict[str, str], expected: str, got: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"mask: expected {expected}, got {got}")):
        kt.kinematic_residual(FLOW, mask=mask, **options)


def test_mask_of_a_single_clip_has_no_batch() -> None:
    with pytest.raises(ValueError, match=re.escape("mask: expected shape (T, H, W) = (5, 3, 4), got (2, 5, 3, 4)")):
        kt.kinematic_residual(FLOW[0], mask=MASK)


@pytest.mark.parametrize(
    ("argument", "choices"),
    [
        ("mode", "'eulerian' or 'advected'"),
        ("norm", "'squared', 'abs' or 'signed'"),
        ("reduction", "'mean', 'mean_elements', 'sum' or 'none'"),
        ("mask_rule", "'center', 'all', 'any' or 'explicit'"),
    ],
)
def test_names(argument: str, choices: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{argument}: expected {choices}, got 'other'")):
        kt.kinematic_residual(FLOW, **{argument: "other"})
    with pytest.raises(TypeError, match=re.escape(f"{argument}: expected {choices}, got NoneType")):
        kt.kinematic_residual(FLOW, **{argument: None})


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan"), float("inf"), 1e-60])
def test_dt(dt: float) -> None:
    with pytest.raises(ValueError, match=r"^dt: expected a positive number that the dtype of flow holds, got "):
        kt.kinematic_residual(FLOW, dt=dt)


def test_a_tiny_dt_is_fine_in_double() -> None:
    assert (kt.kinematic_residual(FLOW.astype(np.float64), dt=1e-60) == 0).all()


@pytest.mark.parametrize("iterations", [-1, 17])
def test_iterations(iterations: int) -> None:
    with pytest.raises(ValueError, match=rf"^iterations: expected an int from 0 to 16, got {iterations}$"):
        kt.kinematic_residual(FLOW, mode="advected", iterations=iterations)


def test_iterations_without_motion() -> None:
    with pytest.raises(ValueError, match=r"^iterations: expected 0 in mode 'eulerian', got 1$"):
        kt.kinematic_residual(FLOW, iterations=1)


@pytest.mark.parametrize(("threads", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_num_threads(threads: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^num_threads: expected "):
        kt.kinematic_residual(FLOW, num_threads=threads)


def test_upstream_of_another_shape_or_dtype() -> None:
    from kinetrace import _testing

    with pytest.raises(ValueError, match=re.escape("upstream: expected shape like the value = (2,), got (3,)")):
        _testing.backward("kinematic_residual", FLOW, np.ones(3, np.float32))
    with pytest.raises(ValueError, match=re.escape("upstream: expected float32 like flow, got float64")):
        _testing.backward("kinematic_residual", FLOW, np.ones(2))
