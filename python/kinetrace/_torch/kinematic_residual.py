"""kinematic_residual in torch: autograd in eager mode, torch.ops.kinetrace.kinematic_residual under torch.compile."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kinetrace import _torch
from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

_OPTIONS = "str mode, str norm, str reduction, float dt, str mask_rule, int iterations, int? num_threads"
LIBRARY.define(f"kinematic_residual(Tensor flow, Tensor? mask, {_OPTIONS}) -> (Tensor, Tensor)", tags=TAGS)
LIBRARY.define(
    f"kinematic_residual_backward(Tensor upstream, Tensor flow, Tensor? mask, Tensor total_weight, {_OPTIONS}) -> Tensor",
    tags=TAGS,
)


def _forward(flow: Tensor, mask: Tensor | None, *options: Any) -> tuple[Tensor, Tensor]:
    result: tuple[Tensor, Tensor] = backend_for(flow, "flow").kinematic_residual(flow, mask, *options)
    return result


def _backward(upstream: Tensor, flow: Tensor, mask: Tensor | None, total_weight: Tensor, *options: Any) -> Tensor:
    result: Tensor = backend_for(flow, "flow").kinematic_residual_backward(upstream, flow, mask, total_weight, *options)
    return result


class _Residual(torch.autograd.Function):
    """Eager autograd; old-style forward because setup_context costs several microseconds a call."""

    @staticmethod
    def forward(ctx: Any, flow: Tensor, mask: Tensor | None, *options: Any) -> Tensor:
        value, total_weight = _forward(flow, mask, *options)
        ctx.save_for_backward(flow, mask, total_weight)
        ctx.options = options
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        flow, mask, total_weight = ctx.saved_tensors
        run = _Gradient.apply if torch.is_grad_enabled() else _backward  # enabled: the caller wants create_graph
        gradient: Tensor = run(upstream, flow, mask, total_weight, *ctx.options)
        return (gradient, None, *(None for _ in ctx.options))


class _Gradient(torch.autograd.Function):
    """The gradient as something that is recorded, so that a second derivative fails instead of being 0."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        return _backward(*arguments)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        _no_second_derivative(ctx, *upstream)


def call(flow: Tensor, mask: Any, *options: Any) -> Tensor:
    """The cheapest path that records what autograd needs: the kernel itself, a Function, or an operator."""
    _torch.refuse_grad("kinematic_residual", mask=mask)
    if _torch.is_compiling():
        value: Tensor = operator(flow, mask, *options)[0]
        return value
    if _torch.needs_grad(flow):
        recorded: Tensor = _Residual.apply(flow, mask, options)
        return recorded
    return _forward(flow, mask, *options)[0]


def _fake_forward(flow: Tensor, mask: Tensor | None, *options: Any) -> tuple[Tensor, Tensor]:
    _, norm, reduction, *_ = options
    *batch, t, _, h, w = flow.shape
    channels = [2] if norm == "signed" else []
    field = reduction == "none"
    shape = [*batch, t - 2, *channels, h, w] if field else [*batch, *channels]
    total = 0 if field else batch[0] if batch else 1
    return flow.new_empty(shape), flow.new_empty((total,), dtype=torch.float64)


def _fake_backward(upstream: Tensor, flow: Tensor, mask: Tensor | None, total_weight: Tensor, *options: Any) -> Tensor:
    return flow.new_empty(flow.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    flow, mask, *options = inputs
    ctx.save_for_backward(flow, mask, output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.options = options


def _operator_backward(ctx: Any, upstream: Tensor, _total_weight: Tensor | None) -> tuple[Tensor | None, ...]:
    flow, mask, total_weight = ctx.saved_tensors
    gradient = torch.ops.kinetrace.kinematic_residual_backward(upstream, flow, mask, total_weight, *ctx.options)
    return (gradient, None, *(None for _ in ctx.options))


def _no_second_derivative(ctx: Any, *upstream: Any) -> Any:
    raise RuntimeError("kinematic_residual: a second derivative was asked for, which kinetrace does not have")


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("kinematic_residual", _forward, _key)
    LIBRARY.impl("kinematic_residual_backward", _backward, _key)
torch.library.register_fake("kinetrace::kinematic_residual", _fake_forward, lib=LIBRARY)
torch.library.register_fake("kinetrace::kinematic_residual_backward", _fake_backward, lib=LIBRARY)
torch.library.register_autograd(
    "kinetrace::kinematic_residual", _operator_backward, setup_context=_setup_context, lib=LIBRARY
)
torch.library.register_autograd("kinetrace::kinematic_residual_backward", _no_second_derivative, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.kinematic_residual.default
