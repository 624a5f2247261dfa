"""track_residual in torch: autograd in eager mode, torch.ops.kinetrace.track_residual under torch.compile."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kinetrace import _torch
from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

_OPTIONS = "float dt, str norm, str reduction, int? num_threads"
LIBRARY.define(f"track_residual(Tensor positions, Tensor? visible, {_OPTIONS}) -> (Tensor, Tensor)", tags=TAGS)
LIBRARY.define(
    f"track_residual_backward(Tensor upstream, Tensor positions, Tensor? visible, Tensor count, {_OPTIONS}) -> Tensor",
    tags=TAGS,
)


def _forward(positions: Tensor, visible: Tensor | None, *options: Any) -> tuple[Tensor, Tensor]:
    result: tuple[Tensor, Tensor] = backend_for(positions, "positions").track_residual(positions, visible, *options)
    return result


def _backward(upstream: Tensor, positions: Tensor, visible: Tensor | None, count: Tensor, *options: Any) -> Tensor:
    result: Tensor = backend_for(positions, "positions").track_residual_backward(
        upstream, positions, visible, count, *options
    )
    return result


class _Residual(torch.autograd.Function):
    """Eager autograd; old-style forward because setup_context costs several microseconds a call."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor, visible: Tensor | None, *options: Any) -> Tensor:
        value, count = _forward(positions, visible, *options)
        ctx.save_for_backward(positions, visible, count)
        ctx.options = options
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        positions, visible, count = ctx.saved_tensors
        # Gradients are enabled when the caller asked for create_graph. once_differentiable would not notice unless
        # upstream required a gradient, and the second derivative would silently be 0.
        run = _Gradient.apply if torch.is_grad_enabled() else _backward
        gradient: Tensor = run(upstream, positions, visible, count, *ctx.options)
        return (gradient, None, *(None for _ in ctx.options))


class _Gradient(torch.autograd.Function):
    """The gradient as something that is recorded, so that a second derivative fails instead of being 0."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        return _backward(*arguments)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        _no_second_derivative(ctx, *upstream)


def call(positions: Tensor, visible: Any, *options: Any) -> Tensor:
    """The cheapest path that records what autograd needs: the kernel itself, a Function, or an operator."""
    if _torch.through_operator(positions, visible):
        value: Tensor = operator(positions, visible, *options)[0]
        return value
    if _torch.needs_grad(positions):
        recorded: Tensor = _Residual.apply(positions, visible, *options)  # type: ignore[no-untyped-call]
        return recorded
    return _forward(positions, visible, *options)[0]


def _fake_forward(positions: Tensor, visible: Tensor | None, *options: Any) -> tuple[Tensor, Tensor]:
    _, norm, reduction, _ = options
    *batch, t, n, d = positions.shape
    coordinates = [d] if norm == "signed" else []
    field = reduction == "none"
    shape = [*batch, t - 3, n, *coordinates] if field else [*batch, *coordinates]
    counts = 0 if field else batch[0] if batch else 1
    return positions.new_empty(shape), positions.new_empty((counts,), dtype=torch.float64)


def _fake_backward(upstream: Tensor, positions: Tensor, visible: Tensor | None, count: Tensor, *options: Any) -> Tensor:
    return positions.new_empty(positions.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    positions, visible, *options = inputs
    ctx.save_for_backward(positions, visible, output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.options = options


def _operator_backward(ctx: Any, upstream: Tensor, _count: Tensor | None) -> tuple[Tensor | None, ...]:
    positions, visible, count = ctx.saved_tensors
    gradient = torch.ops.kinetrace.track_residual_backward(upstream, positions, visible, count, *ctx.options)
    return (gradient, None, *(None for _ in ctx.options))


def _no_second_derivative(ctx: Any, *upstream: Any) -> Any:
    raise RuntimeError("track_residual: a second derivative was asked for, which kinetrace does not have")


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("track_residual", _forward, _key)
    LIBRARY.impl("track_residual_backward", _backward, _key)
torch.library.register_fake("kinetrace::track_residual", _fake_forward, lib=LIBRARY)
torch.library.register_fake("kinetrace::track_residual_backward", _fake_backward, lib=LIBRARY)
torch.library.register_autograd(
    "kinetrace::track_residual", _operator_backward, setup_context=_setup_context, lib=LIBRARY
)
torch.library.register_autograd("kinetrace::track_residual_backward", _no_second_derivative, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.track_residual.default
