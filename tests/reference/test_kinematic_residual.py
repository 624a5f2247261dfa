"""The definition of kinematic_residual against loops, torch autograd, finite differences and known motion."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from compare import assert_within
from kinetrace._reference import kinematic_residual, kinematic_residual_backward

NORMS = ("squared", "abs", "signed")
REDUCTIONS = ("mean", "mean_elements", "sum", "none")
RULES = ("center", "all", "any", "explicit")


def _brute_force(flow: Any, mask: Any, rule: str, norm: str, reduction: str, dt: float) -> Any:
    """One problem by loops over frames and pixels."""
    t_count, _, height, width = flow.shape
    field = np.zeros((t_count - 2, 2, height, width) if norm == "signed" else (t_count - 2, height, width))
    total = 0.0
    for t, y, x in product(range(1, t_count - 1), range(height), range(width)):
        r = [(flow[t + 1, c, y, x] - 2 * flow[t, c, y, x] + flow[t - 1, c, y, x]) / dt for c in (0, 1)]
        around = [1.0] if mask is None else [mask[t - 1, y, x]]
        if mask is not None and rule != "explicit":
            around = [mask[t + k, y, x] for k in (-1, 0, 1)]
        w = {
            "center": around[len(around) // 2],
            "all": min(around),
            "any": max(around),
            "explicit": around[0],
        }[rule]
        total += w
        if norm == "signed":
            field[t - 1, :, y, x] = [w * v for v in r]
        else:
            field[t - 1, y, x] = w * sum(v * v if norm == "squared" else abs(v) for v in r)
    if reduction == "none":
        return field
    count = {"sum": 1.0, "mean": total, "mean_elements": 2 * total}[reduction]
    return field.sum(axis=(0, 2, 3) if norm == "signed" else None) / count


@pytest.mark.parametrize(("norm", "reduction", "rule"), list(product(NORMS, REDUCTIONS, RULES)))
def test_agrees_with_loops(norm: str, reduction: str, rule: str) -> None:
    rng = np.random.default_rng(1)
    flow = rng.normal(size=(2, 5, 2, 3, 4)) * 4
    mask = rng.uniform(0, 1, (2, 3 if rule == "explicit" else 5, 3, 4)) * rng.integers(0, 2, (3, 4))
    options: dict[str, Any] = {"norm": norm, "reduction": reduction, "dt": 0.25}
    value = kinematic_residual(flow, mask=mask, mask_rule=rule, **options)
    for b in range(2):
        expected = _brute_force(flow[b], mask[b], rule, norm, reduction, 0.25)
        assert_within(value[b], expected, 1e-11 * np.abs(expected) + 1e-11)
        alone = kinematic_residual(flow[b], mask=mask[b], mask_rule=rule, **options)
        np.testing.assert_array_equal(alone, value[b])
    dense = kinematic_residual(flow, **options)
    assert_within(dense[1], _brute_force(flow[1], None, "center", norm, reduction, 0.25), 1e-9)
    shared = kinematic_residual(flow, mask=mask[0], mask_rule=rule, **options)
    np.testing.assert_array_equal(shared[0], value[0])


def _torch_sample(image: Any, x: Any, y: Any) -> Any:
    """torch's own bilinear sampling of (2,H,W) at pixel coordinates (H,W)."""
    height, width = image.shape[1:]
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
    return torch.nn.functional.grid_sample(image[None], grid[None], align_corners=True)[0]


def _torch_residual(flow: Any, mask: Any, norm: str, reduction: str, dt: float, iterations: int | None) -> Any:
    """One problem in torch operations; iterations None is the Eulerian mode; mask is per residual."""
    t_count, _, height, width = flow.shape
    y, x = torch.meshgrid(torch.arange(height) * 1.0, torch.arange(width) * 1.0, indexing="ij")
    x, y = x.to(flow.dtype), y.to(flow.dtype)
    residuals, weights = [], []
    for t in range(1, t_count - 1):
        weight = mask[t - 1].clone()
        ahead, behind = flow[t + 1], flow[t - 1]
        if iterations is not None:
            at = (x + flow[t, 0], y + flow[t, 1])
            ahead = _torch_sample(flow[t + 1], *at)
            points = [at, (x - flow[t - 1, 0], y - flow[t - 1, 1])]
            for _ in range(iterations):
                step = _torch_sample(flow[t - 1], *points[-1])
                points.append((x - step[0], y - step[1]))
            behind = _torch_sample(flow[t - 1], *points[-1])
            for px, py in points:
                weight = weight * ((px >= 0) & (px <= width - 1) & (py >= 0) & (py <= height - 1))
        residuals.append((ahead - 2 * flow[t] + behind) / dt)
        weights.append(weight)
    r, w = torch.stack(residuals), torch.stack(weights)
    field = r * w[:, None] if norm == "signed" else (r**2 if norm == "squared" else r.abs()).sum(dim=1) * w
    if reduction == "none":
        return field
    total = field.sum(dim=(0, 2, 3) if norm == "signed" else (0, 1, 2))
    return total / {"sum": 1.0, "mean": w.sum(), "mean_elements": 2 * w.sum()}[reduction]


@pytest.mark.parametrize("iterations", [None, 0, 1, 3])
@pytest.mark.parametrize(("norm", "reduction"), list(product(NORMS, REDUCTIONS)))
def test_value_and_gradient_agree_with_torch(iterations: int | None, norm: str, reduction: str) -> None:
    rng = np.random.default_rng(2)
    array = rng.normal(size=(5, 2, 6, 7)) * 1.3
    mask = rng.uniform(0, 1, (3, 6, 7)) * (rng.uniform(size=(3, 6, 7)) > 0.3)
    mode = "eulerian" if iterations is None else "advected"
    options: dict[str, Any] = {
        "norm": norm,
        "reduction": reduction,
        "dt": 0.5,
        "mask": mask,
        "mask_rule": "explicit",
    }
    options |= {"mode": mode, "iterations": iterations or 0}
    flow = torch.tensor(array, requires_grad=True)
    expected = _torch_residual(flow, torch.tensor(mask), norm, reduction, 0.5, iterations)
    value = kinematic_residual(array, **options)
    assert_within(value, expected.detach().numpy(), 1e-10)
    upstream = rng.normal(size=value.shape)
    expected.backward(torch.tensor(upstream))
    assert flow.grad is not None
    assert np.count_nonzero(flow.grad.numpy()) > 50
    assert_within(kinematic_residual_backward(array, upstream, **options), flow.grad.numpy(), 1e-9)


def test_gradient_agrees_with_finite_differences() -> None:
    rng = np.random.default_rng(3)
    flow = rng.normal(size=(4, 2, 4, 5)) * 0.8
    options: dict[str, Any] = {"mode": "advected", "iterations": 2}
    gradient = kinematic_residual_backward(flow, 1.0, **options)
    for index in rng.integers(0, flow.size, 30):
        step = np.zeros(flow.size)
        step[index] = 1e-6
        step = step.reshape(flow.shape)
        slope = (kinematic_residual(flow + step, **options) - kinematic_residual(flow - step, **options)) / 2e-6
        assert_within(slope, gradient.ravel()[index], 1e-6)


def test_uniform_acceleration_is_zero_only_along_the_motion() -> None:
    # A shear flow u(y) advances points by different amounts; each keeps its own speed for ever.
    height, width = 12, 16
    y = np.arange(height)[:, None] * np.ones(width)
    steady = np.stack([0.1 * y, np.zeros_like(y)])
    static = np.stack([steady] * 5)
    for mode in ("eulerian", "advected"):
        assert_within(kinematic_residual(static, mode=mode), 0.0, 1e-25)
    # A patch of constant speed over a still background: at fixed pixels its edges count. Advection sees
    # nothing but its leading column, where y_0 = x - flow[t-1](x) has no motion to follow back.
    flow = np.zeros((6, 2, height, width))
    for t in range(6):
        flow[t, 0, 3:9, 2 + t : 7 + t] = 1.0
    assert kinematic_residual(flow) > 0.01
    mask = np.zeros((6, height, width))
    for t in range(6):
        mask[t, 3:9, 2 + t : 6 + t] = 1
    assert kinematic_residual(flow, mask=mask, mode="advected") == 0.0


def test_weight_zero_hides_everything_and_no_weight_gives_zero() -> None:
    rng = np.random.default_rng(4)
    flow = rng.normal(size=(5, 2, 3, 4))
    mask = np.ones((5, 3, 4))
    mask[:, 1, 2] = 0
    plain = kinematic_residual(flow, mask=mask)
    spoilt = flow.copy()
    spoilt[:, :, 1, 2] = [[np.nan, np.inf]] * 5
    assert kinematic_residual(spoilt, mask=mask) == plain
    gradient = kinematic_residual_backward(spoilt, 1.0, mask=mask)
    np.testing.assert_array_equal(gradient, kinematic_residual_backward(flow, 1.0, mask=mask))
    assert (gradient[:, :, 1, 2] == 0).all()
    for reduction in REDUCTIONS:
        value = kinematic_residual(np.full_like(flow, np.nan), mask=np.zeros((5, 3, 4)), reduction=reduction)
        assert (value == 0).all()
    away = np.full_like(flow, 100.0)
    assert kinematic_residual(away, mode="advected") == 0.0
    assert (kinematic_residual_backward(away, 1.0, mode="advected") == 0).all()
    assert np.isnan(kinematic_residual(spoilt))


def test_signed_mean_telescopes() -> None:
    flow = np.random.default_rng(5).normal(size=(9, 2, 3, 4))
    mean = kinematic_residual(flow, norm="signed")
    ends = ((flow[-1] - flow[-2]) - (flow[1] - flow[0])).mean(axis=(1, 2)) / 7
    assert_within(mean, ends, 1e-15)


@pytest.mark.parametrize("shape", [(0, 4, 2, 3, 3), (2, 3, 2, 0, 5), (1, 3, 2, 1, 1)])
def test_shapes(shape: tuple[int, ...]) -> None:
    b_count, t_count, _, height, width = shape
    for norm, mode in product(NORMS, ("eulerian", "advected")):
        channels = (2,) if norm == "signed" else ()
        value = kinematic_residual(np.zeros(shape), norm=norm, mode=mode)
        assert value.shape == (b_count, *channels)
        assert (value == 0).all()
        field = kinematic_residual(np.zeros(shape), norm=norm, mode=mode, reduction="none")
        assert field.shape == (b_count, t_count - 2, *channels, height, width)
        assert kinematic_residual_backward(np.zeros(shape), value, norm=norm, mode=mode).shape == shape
