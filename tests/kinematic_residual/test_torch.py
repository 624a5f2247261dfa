"""kinematic_residual in torch: gradients, the operators, torch.compile, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt
import kinetrace._torch.kinematic_residual as op

NORMS = ["squared", "abs", "signed"]
REDUCTIONS = ["mean", "mean_elements", "sum", "none"]
DEFAULTS = ("eulerian", "squared", "mean", 1.0, "center", 0, None)


def random_flow(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


def random_mask(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(size=shape) < 0.7)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", [None, "bool", "uint8", "values", "shared"])
def test_gradcheck_at_fixed_pixels(norm: str, reduction: str, kind: str | None) -> None:
    flow = random_flow(1, 2, 5, 2, 3, 4).requires_grad_()
    mask = random_mask(2, 2, 5, 3, 4)
    masks = {None: None, "bool": mask, "uint8": mask.to(torch.uint8), "values": mask * 0.7, "shared": mask[0]}
    masks["values"] = masks["values"].to(torch.float64)

    def value(f: torch.Tensor) -> torch.Tensor:
        return kt.kinematic_residual(f, mask=masks[kind], norm=norm, reduction=reduction, dt=0.5)

    assert torch.autograd.gradcheck(value, (flow,))


@pytest.mark.parametrize("rule", ["all", "any", "explicit"])
@pytest.mark.parametrize("norm", NORMS)
def test_gradcheck_under_every_mask_rule(norm: str, rule: str) -> None:
    flow = random_flow(3, 5, 2, 3, 4).requires_grad_()
    mask = random_mask(4, 3 if rule == "explicit" else 5, 3, 4)
    assert torch.autograd.gradcheck(lambda f: kt.kinematic_residual(f, mask=mask, mask_rule=rule, norm=norm), (flow,))


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_gradcheck_along_the_motion(norm: str, reduction: str, iterations: int) -> None:
    # Displacements that stay away from pixel centres, where the derivative of a bilinear sample jumps.
    flow = (0.5 + 0.2 * torch.tanh(random_flow(5, 2, 4, 2, 5, 6))).requires_grad_()
    mask = random_mask(6, 2, 4, 5, 6)

    def value(f: torch.Tensor) -> torch.Tensor:
        options: dict[str, Any] = {"mode": "advected", "iterations": iterations, "norm": norm}
        return kt.kinematic_residual(f, mask=mask, reduction=reduction, dt=0.5, **options)

    assert (value(flow) != 0).any()
    assert torch.autograd.gradcheck(value, (flow,), atol=1e-6)


@pytest.mark.parametrize("mode", ["eulerian", "advected"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_has_the_bits_of_numpy(mode: str, dtype: torch.dtype) -> None:
    flow = random_flow(7, 3, 6, 2, 9, 40, dtype=dtype)
    for norm in NORMS:
        for reduction in REDUCTIONS:
            ours = kt.kinematic_residual(flow, mode=mode, norm=norm, reduction=reduction)
            same = kt.kinematic_residual(flow.numpy(), mode=mode, norm=norm, reduction=reduction)
            assert isinstance(ours, torch.Tensor)
            np.testing.assert_array_equal(ours.numpy(), same)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("batched", [False, True])
def test_opcheck_forward(norm: str, reduction: str, masked: bool, batched: bool) -> None:
    shape = (2, 5, 2, 3, 4) if batched else (5, 2, 3, 4)
    flow = random_flow(8, *shape, dtype=torch.float32).requires_grad_()
    mask = random_mask(9, *shape[:-3], 3, 4) if masked else None
    results = torch.library.opcheck(op.operator, (flow, mask, "eulerian", norm, reduction, 0.5, "center", 0, None))
    assert set(results.values()) == {"SUCCESS"}, results


def test_opcheck_backward() -> None:
    flow = random_flow(10, 2, 5, 2, 3, 4, dtype=torch.float32)
    _, total = op.operator(flow, None, *DEFAULTS)
    backward = torch.ops.kinetrace.kinematic_residual_backward.default
    results = torch.library.opcheck(backward, (torch.ones(2), flow, None, total, *DEFAULTS))
    assert set(results.values()) == {"SUCCESS"}, results


@pytest.mark.parametrize("options", [{}, {"norm": "signed"}, {"reduction": "none"}, {"mode": "advected"}])
def test_compiles_as_one_graph_with_the_bits_of_eager(options: dict[str, Any]) -> None:
    def loss(f: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        return (kt.kinematic_residual(f * 2, mask=m, **options) ** 2).sum()

    mask = random_mask(11, 2, 5, 6, 7)
    eager, traced = (random_flow(12, 2, 5, 2, 6, 7).requires_grad_() for _ in range(2))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    value, expected = compiled(traced, mask), loss(eager, mask)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected, rtol=0, atol=0)
    torch.testing.assert_close(traced.grad, eager.grad, rtol=0, atol=0)


def test_upstream_gradients_of_any_layout() -> None:
    flow = random_flow(13, 2, 5, 2, 6, 7)
    up = random_flow(14, 7, 6, 3, 2).permute(3, 2, 1, 0)
    gradients = []
    for upstream in (up, up.contiguous(), up[:, :, :1, :1].expand_as(up)):
        f = flow.clone().requires_grad_()
        kt.kinematic_residual(f, reduction="none").backward(upstream)
        gradients.append(f.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
    f = flow.clone().requires_grad_()
    kt.kinematic_residual(f, reduction="none").backward(up[:, :, :1, :1].expand_as(up).contiguous())
    torch.testing.assert_close(gradients[2], f.grad, rtol=0, atol=0)


def test_a_second_derivative_raises() -> None:
    flow = random_flow(15, 5, 2, 3, 4).requires_grad_()
    first = torch.autograd.grad(kt.kinematic_residual(flow), flow, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="kinematic_residual: a second derivative was asked for"):
        first.sum().backward()


def test_a_second_derivative_of_the_operator_raises() -> None:
    flow = random_flow(15, 5, 2, 3, 4).requires_grad_()
    first = torch.autograd.grad(op.operator(flow, None, *DEFAULTS)[0], flow, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="kinematic_residual: a second derivative was asked for"):
        first.sum().backward()


def test_a_mask_that_requires_grad_is_refused() -> None:
    flow, mask = random_flow(16, 5, 2, 3, 4), torch.rand(5, 3, 4, dtype=torch.float64, requires_grad=True)
    with pytest.raises(ValueError, match=r"^mask: expected a tensor without requires_grad"):
        kt.kinematic_residual(flow, mask=mask)
    with torch.no_grad():
        assert not kt.kinematic_residual(flow, mask=mask).requires_grad


def test_no_graph_is_recorded_without_need() -> None:
    flow = random_flow(17, 5, 2, 3, 4)
    assert kt.kinematic_residual(flow).grad_fn is None
    with torch.no_grad():
        assert kt.kinematic_residual(flow.requires_grad_()).grad_fn is None
