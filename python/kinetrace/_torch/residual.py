"""What kinematic_residual and track_residual share in torch: autograd in eager mode, an operator under torch.compile.

Both take the array that is differentiated, an array that says which of it counts, and options; their kernels return a value
and what the value was divided by, which the backward kernel wants again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kinetrace import _torch
from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

#: (array, options) -> shape of the value, length of the divisors.
Shapes = Callable[..., tuple[list[Any], Any]]


class Residual(NamedTuple):
    """A residual in torch: `call` as the public function calls it, and the operator that torch.compile records."""

    call: Callable[..., Tensor]
    operator: Any


def register(name: str, array: str, counted: str, options: str, shapes: Shapes) -> Residual:
    """Defines torch.ops.kinetrace.<name> and its gradient.

    Args:
        name: of the kernel; `<name>_backward` is its gradient's.
        array: name of the argument that is differentiated.
        counted: name of the one that says what of it counts, or None.
        options: schema of the further arguments.
        shapes: of the outputs, for tensors without data.
    """
    LIBRARY.define(f"{name}(Tensor {array}, Tensor? {counted}, {options}) -> (Tensor, Tensor)", tags=TAGS)
    LIBRARY.define(
        f"{name}_backward(Tensor upstream, Tensor {array}, Tensor? {counted}, Tensor divisor, {options}) -> Tensor",
        tags=TAGS,
    )

    def forward(x: Tensor, counts: Tensor | None, *rest: Any) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = getattr(backend_for(x, array), name)(x, counts, *rest)
        return result

    def backward(upstream: Tensor, x: Tensor, counts: Tensor | None, divisor: Tensor, *rest: Any) -> Tensor:
        kernel = getattr(backend_for(x, array), f"{name}_backward")
        result: Tensor = kernel(upstream, x, counts, divisor, *rest)
        return result

    def no_second_derivative(ctx: Any, *upstream: Any) -> Any:
        raise RuntimeError(f"{name}: a second derivative was asked for, which kinetrace does not have")

    class Gradient(torch.autograd.Function):
        """The gradient as something that is recorded, so that a second derivative fails instead of being 0."""

        @staticmethod
        def forward(ctx: Any, *arguments: Any) -> Tensor:
            return backward(*arguments)

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            no_second_derivative(ctx, *upstream)

    class Value(torch.autograd.Function):
        """Eager autograd; old-style forward because setup_context costs several microseconds a call."""

        @staticmethod
        def forward(ctx: Any, x: Tensor, counts: Tensor | None, *rest: Any) -> Tensor:
            value, divisor = forward(x, counts, *rest)
            ctx.save_for_backward(x, counts, divisor)
            ctx.rest = rest
            return value

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
            # Gradients are enabled when the caller asked for create_graph. once_differentiable would not notice unless
            # upstream required a gradient, and the second derivative would silently be 0.
            run = Gradient.apply if torch.is_grad_enabled() else backward
            gradient: Tensor = run(upstream, *ctx.saved_tensors, *ctx.rest)
            return (gradient, None, *(None for _ in ctx.rest))

    def fake_forward(x: Tensor, counts: Tensor | None, *rest: Any) -> tuple[Tensor, Tensor]:
        value, divisors = shapes(x, *rest)
        return x.new_empty(value), x.new_empty((divisors,), dtype=torch.float64)

    def fake_backward(upstream: Tensor, x: Tensor, counts: Tensor | None, divisor: Tensor, *rest: Any) -> Tensor:
        return x.new_empty(x.shape)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, counts, *ctx.rest = inputs
        ctx.save_for_backward(x, counts, output[1])
        ctx.mark_non_differentiable(output[1])

    def operator_backward(ctx: Any, upstream: Tensor, _divisor: Tensor | None) -> tuple[Tensor | None, ...]:
        gradient = getattr(torch.ops.kinetrace, f"{name}_backward")(upstream, *ctx.saved_tensors, *ctx.rest)
        return (gradient, None, *(None for _ in ctx.rest))

    for key in ("CPU", "CUDA"):
        LIBRARY.impl(name, forward, key)
        LIBRARY.impl(f"{name}_backward", backward, key)
    torch.library.register_fake(f"kinetrace::{name}", fake_forward, lib=LIBRARY)
    torch.library.register_fake(f"kinetrace::{name}_backward", fake_backward, lib=LIBRARY)
    torch.library.register_autograd(f"kinetrace::{name}", operator_backward, setup_context=setup_context, lib=LIBRARY)
    torch.library.register_autograd(f"kinetrace::{name}_backward", no_second_derivative, lib=LIBRARY)
    operator = getattr(torch.ops.kinetrace, name).default

    def call(x: Tensor, counts: Any, *rest: Any) -> Tensor:
        """The cheapest path that records what autograd needs: the kernel itself, a Function, or an operator."""
        _torch.refuse_grad(name, **{counted: counts})
        if _torch.through_operator(x, counts):
            value: Tensor = operator(x, counts, *rest)[0]
            return value
        if _torch.needs_grad(x):
            recorded: Tensor = Value.apply(x, counts, *rest)  # type: ignore[no-untyped-call]
            return recorded
        return forward(x, counts, *rest)[0]

    return Residual(call, operator)
