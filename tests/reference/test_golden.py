"""The definitions against the golden vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from golden_cases import allowed, case_id, cases
from kinetrace import _reference

DOUBLE = np.float64


def _check(actual: Any, expected: Any, name: str) -> None:
    assert_within(actual, expected, allowed(expected, DOUBLE), name)


@pytest.mark.parametrize("case", cases("eulerian"), ids=case_id)
def test_eulerian(case: dict[str, Any]) -> None:
    flow, expected = np.array(case["flow"]), case["expected"]
    options = {"norm": case["norm"], "dt": case["dt"], "reduction": case["reduce"]}
    _check(_reference.kinematic_residual(flow, **options), expected["value"], "value")
    _check(_reference.kinematic_residual_backward(flow, 1.0, **options), expected["grad"], "grad")
    field = _reference.kinematic_residual(flow, norm=case["norm"], dt=case["dt"], reduction="none")
    assert field.size == expected["n_residual_vectors"]
    residual = _reference.kinematic_residual(flow, norm="signed", reduction="none")
    if "residual" in expected:
        _check(residual, expected["residual"], "residual")
        _check(residual.mean(axis=0), expected["signed_mean_over_t"], "signed_mean_over_t")
        signed = _reference.kinematic_residual(flow, norm="signed", reduction="mean")
        _check(signed, expected["signed_mean"], "signed_mean")


@pytest.mark.parametrize("case", cases("masked"), ids=case_id)
def test_masked(case: dict[str, Any]) -> None:
    flow, mask, expected = np.array(case["flow"]), np.array(case["mask"]), case["expected"]
    options = {
        "mask": mask,
        "mask_rule": case["mask_rule"],
        "norm": case["norm"],
        "dt": case["dt"],
        "reduction": case["reduce"],
    }
    _check(_reference.kinematic_residual(flow, **options), expected["value"], "value")
    _check(_reference.kinematic_residual_backward(flow, 1.0, **options), expected["grad"], "grad")
    # With a residual of 1 in one channel everywhere the sum is the sum of the weights.
    ramp = np.zeros_like(flow)
    ramp[:, 0] = 0.5 * (np.arange(len(flow)) ** 2)[:, None, None]
    total = _reference.kinematic_residual(ramp, mask=mask, mask_rule=case["mask_rule"], reduction="sum")
    _check(total, expected["weight_sum"], "weight_sum")


@pytest.mark.parametrize("case", cases("tracks"), ids=case_id)
def test_tracks(case: dict[str, Any]) -> None:
    positions, expected = np.array(case["positions"]), case["expected"]
    visible = None if case["visible"] is None else np.array(case["visible"], dtype=bool)
    options = {"norm": case["norm"], "dt": case["dt"]}
    _check(_reference.track_residual(positions, visible, **options), expected["value"], "value")
    ramp = np.zeros_like(positions)
    ramp[..., 0] = (np.arange(len(ramp)) ** 3 / 6)[:, None]
    count = _reference.track_residual(ramp, visible, reduction="sum")
    _check(count, expected["n_valid"], "n_valid")


@pytest.mark.parametrize("case", cases("rmse"), ids=case_id)
def test_rmse(case: dict[str, Any]) -> None:
    difference = np.array(case["centroids_gen"]) - np.array(case["centroids_gt"])
    expected, dt = case["expected"], case["dt"]
    _check(np.linalg.norm(difference, axis=1).mean(), expected["position_mean_distance"], "position")
    for order, name in ((1, "v"), (2, "a")):
        squares = (np.diff(difference, n=order, axis=0) / dt**order) ** 2
        _check(np.sqrt(squares.sum(axis=1).mean()), expected[f"rmse_{name}_vector"], name)
        _check(np.sqrt(squares.mean()), expected[f"rmse_{name}_component"], name)
