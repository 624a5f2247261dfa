"""track_residual in torch: gradients, the operator, torch.compile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt

NORMS = ["squared", "abs", "signed"]
REDUCTIONS = ["mean", "mean_elements", "sum", "none"]


def _inputs(dtype: torch.dtype = torch.float64, batch: bool = True) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(5)
    positions = torch.from_numpy(rng.normal(size=(2, 7, 5, 3)) * 4).to(dtype)
    visible = torch.from_numpy(rng.uniform(size=(2, 7, 5)) < 0.9)
    return (positions, visible) if batch else (positions[0], visible[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [True, False])
def test_torch_has_the_bits_of_numpy(dtype: torch.dtype, batch: bool) -> None:
    positions, visible = _inputs(dtype, batch)
    for norm in NORMS:
        for reduction in REDUCTIONS:
            ours = kt.track_residual(positions, visible, norm=norm, reduction=reduction)
            same = kt.track_residual(positions.numpy(), visible.numpy(), norm=norm, reduction=reduction)
            assert isinstance(ours, Tensor)
            assert ours.dtype == dtype
            np.testing.assert_array_equal(ours.numpy(), same)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [True, False])
def test_gradcheck(norm: str, reduction: str, masked: bool) -> None:
    positions, visible = _inputs()
    positions.requires_grad_()

    def value(p: Tensor) -> Tensor:
        return kt.track_residual(p, visible if masked else None, norm=norm, reduction=reduction, dt=0.7)

    assert torch.autograd.gradcheck(value, (positions,), fast_mode=False)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradient_of_strided_positions_and_expanded_upstream(reduction: str) -> None:
    positions, visible = _inputs(torch.float32)
    last = positions.permute(3, 0, 2, 1).contiguous().permute(1, 3, 2, 0).requires_grad_()
    plain = positions.clone().requires_grad_()
    for p in (last, plain):
        kt.track_residual(p, visible, reduction=reduction).sum().backward()
    assert plain.grad is not None
    assert last.grad is not None
    assert plain.grad.abs().max() > 1
    torch.testing.assert_close(last.grad, plain.grad, rtol=0, atol=0)


@pytest.mark.parametrize("options", [("squared", "mean"), ("abs", "none"), ("signed", "sum"), ("signed", "none")])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("batch", [True, False])
def test_opcheck(options: tuple[str, str], masked: bool, batch: bool) -> None:
    import kinetrace._torch.track_residual as op

    positions, visible = _inputs(torch.float32, batch)
    arguments: tuple[Any, ...] = (positions.requires_grad_(), visible if masked else None, 0.5, *options, 1)
    results = torch.library.opcheck(op.operator, arguments)
    assert set(results.values()) == {"SUCCESS"}, results


def test_compiles_as_one_graph_with_the_bits_of_eager() -> None:
    def loss(p: Tensor, v: Tensor) -> Tensor:
        return (kt.track_residual(p * 2, v, norm="abs") + kt.track_residual(p, reduction="sum")).sum()

    positions, visible = _inputs(torch.float32)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    gradients = []
    for function in (loss, compiled):
        p = positions.clone().requires_grad_()
        value = function(p, visible)
        value.backward()
        gradients.append((value.detach(), p.grad))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


def test_a_second_derivative_is_refused() -> None:
    positions, visible = _inputs()
    positions.requires_grad_()
    value = kt.track_residual(positions, visible).sum()
    (gradient,) = torch.autograd.grad(value, positions, create_graph=True)
    with pytest.raises(RuntimeError, match=r"^track_residual: a second derivative was asked for"):
        torch.autograd.grad(gradient.sum(), positions)


def test_no_graph_is_kept_without_need() -> None:
    positions, visible = _inputs()
    assert not kt.track_residual(positions, visible).requires_grad
    positions.requires_grad_()
    with torch.no_grad():
        assert not kt.track_residual(positions, visible).requires_grad
    assert kt.track_residual(positions, visible).requires_grad


def test_positions_changed_between_forward_and_backward_are_noticed() -> None:
    positions, visible = _inputs()
    leaf = positions.requires_grad_()
    moved = leaf * 1
    value = kt.track_residual(moved, visible).sum()
    moved.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()
