"""soft_dtw in torch: autograd in eager mode, torch.ops.kinetrace.soft_dtw* under torch.compile."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kinetrace import _torch
from kinetrace._alignment import Sequences
from kinetrace._torch import LIBRARY, TAGS
from kinetrace.soft_dtw import native

_LENGTHS = "Tensor? x_lengths, Tensor? y_lengths"
_OPTIONS = "Scalar? window, float gamma"
# keep_*: whether the slopes, d value / d argument per pair, are wanted; else they are empty.
LIBRARY.define(
    f"soft_dtw(Tensor x, Tensor y, {_LENGTHS}, str metric, {_OPTIONS}, int? num_threads, bool keep_x, bool keep_y)"
    " -> (Tensor, Tensor, Tensor)",
    tags=TAGS,
)
LIBRARY.define(
    f"soft_dtw_from_cost(Tensor cost, {_LENGTHS}, {_OPTIONS}, int? num_threads, bool keep) -> (Tensor, Tensor)",
    tags=TAGS,
)
LIBRARY.define(
    f"soft_dtw_alignment(Tensor x, Tensor y, {_LENGTHS}, str metric, {_OPTIONS}, int? num_threads) -> Tensor", tags=TAGS
)
# `of`: the argument that the slopes belong to; only its batch matters.
LIBRARY.define("soft_dtw_backward(Tensor upstream, Tensor slopes, Tensor of) -> Tensor", tags=TAGS)


def _forward(x: Tensor, y: Tensor, xl: Any, yl: Any, *options: Any) -> tuple[Tensor, Tensor, Tensor]:
    *plain, keep_x, keep_y = options
    value, _, x_slopes, y_slopes, *_ = native(
        Sequences(x, y, None, xl, yl), *plain, x_gradient=keep_x, y_gradient=keep_y
    )
    return value, _or_empty(x_slopes, value), _or_empty(y_slopes, value)


def _forward_from_cost(cost: Tensor, xl: Any, yl: Any, *options: Any) -> tuple[Tensor, Tensor]:
    *plain, keep = options
    value, _, _, _, slopes, _ = native(Sequences(None, None, cost, xl, yl), "sqeuclidean", *plain, alignment=keep)
    return value, _or_empty(slopes, value)


def _alignment(x: Tensor, y: Tensor, xl: Any, yl: Any, *options: Any) -> Tensor:
    alignment: Tensor = native(Sequences(x, y, None, xl, yl), *options, alignment=True)[4]
    return alignment


def _or_empty(slopes: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty((0,)) if slopes is None else slopes


def _backward(upstream: Tensor, slopes: Tensor, of: Tensor) -> Tensor:
    up = upstream.reshape(-1, *(1 for _ in slopes.shape[1:]))
    # A pair whose value is masked out contributes 0, even where its slopes are NaN.
    gradient = up * slopes
    if not (upstream.is_cpu and bool(upstream.all())):  # looked up where that costs no synchronisation
        gradient.masked_fill_(up == 0, 0)
    return gradient.sum(0, keepdim=True) if of.shape[0] == 1 and slopes.shape[0] != 1 else gradient


class _SoftDtw(torch.autograd.Function):
    """Eager autograd; old-style forward because setup_context costs several microseconds a call."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, *rest: Any) -> Tensor:
        xl, yl, *plain = rest
        keep_x, keep_y = ctx.needs_input_grad[:2]
        value: Tensor
        value, _, x_slopes, y_slopes, *_ = native(
            Sequences(x, y, None, xl, yl), *plain, x_gradient=keep_x, y_gradient=keep_y
        )
        ctx.save_for_backward(x, y, x_slopes, y_slopes)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, y, x_slopes, y_slopes = ctx.saved_tensors
        return (
            _scaled(upstream, x_slopes, x) if ctx.needs_input_grad[0] else None,
            _scaled(upstream, y_slopes, y) if ctx.needs_input_grad[1] else None,
            *(None for _ in range(6)),
        )


class _SoftDtwFromCost(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, *rest: Any) -> Tensor:
        value, slopes = _forward_from_cost(cost, *rest, True)
        ctx.save_for_backward(cost, slopes)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        cost, slopes = ctx.saved_tensors
        return (_scaled(upstream, slopes, cost), *(None for _ in range(5)))


def _scaled(upstream: Tensor, slopes: Tensor, of: Tensor) -> Tensor:
    # Gradients are enabled when the caller asked for create_graph: then the gradient is recorded, so that a second
    # derivative fails instead of being that of constant slopes.
    run = _Gradient.apply if torch.is_grad_enabled() else _backward
    gradient: Tensor = run(upstream, slopes, of)
    return gradient


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        return _backward(*arguments)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        _no_second_derivative(ctx, *upstream)


def call(x: Any, y: Any, *rest: Any) -> Tensor:
    """The cheapest path that records what autograd needs: the kernel itself, a Function, or an operator."""
    if _torch.through_operator(x, y):
        rest = (*rest[:3], *_plain(*rest[3:]))
        value: Tensor = torch.ops.kinetrace.soft_dtw(x, y, *rest, _torch.needs_grad(x), _torch.needs_grad(y))[0]
        return value
    if _torch.needs_grad(x, y):
        recorded: Tensor = _SoftDtw.apply(x, y, *rest)  # type: ignore[no-untyped-call]
        return recorded
    return _forward(x, y, *rest, False, False)[0]


def call_from_cost(cost: Any, *rest: Any) -> Tensor:
    """The same for given costs."""
    if _torch.through_operator(cost):
        rest = (*rest[:2], *_plain(*rest[2:]))
        value: Tensor = torch.ops.kinetrace.soft_dtw_from_cost(cost, *rest, _torch.needs_grad(cost))[0]
        return value
    if _torch.needs_grad(cost):
        recorded: Tensor = _SoftDtwFromCost.apply(cost, *rest)  # type: ignore[no-untyped-call]
        return recorded
    return _forward_from_cost(cost, *rest, False)[0]


def call_alignment(given: Sequences, metric: str, *rest: Any) -> Tensor:
    """Expected alignments; without a gradient."""
    x, y, cost, xl, yl = given
    alignment: Tensor
    if not _torch.through_operator(x, y, cost):
        alignment = native(given, metric, *rest, alignment=True)[4]
    elif cost is None:
        alignment = torch.ops.kinetrace.soft_dtw_alignment(x, y, xl, yl, metric, *_plain(*rest))
    else:
        alignment = torch.ops.kinetrace.soft_dtw_from_cost(cost, xl, yl, *_plain(*rest), True)[1]
    return alignment


def _plain(window: Any, gamma: Any, num_threads: Any) -> tuple[Any, ...]:
    """What an operator takes: a whole gamma is a float there."""
    return window, float(gamma), num_threads


def _pairs(x: Tensor, y: Tensor) -> int:
    pairs: int = y.shape[0] if x.shape[0] == 1 else x.shape[0]
    return pairs


def _fake_forward(x: Tensor, y: Tensor, xl: Any, yl: Any, *options: Any) -> tuple[Tensor, Tensor, Tensor]:
    *_, keep_x, keep_y = options
    pairs = _pairs(x, y)
    x_slopes = x.new_empty((pairs, *x.shape[1:]) if keep_x else (0,))
    return x.new_empty((pairs,)), x_slopes, x.new_empty((pairs, *y.shape[1:]) if keep_y else (0,))


def _fake_from_cost(cost: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    return cost.new_empty((cost.shape[0],)), cost.new_empty(cost.shape if rest[-1] else (0,))


def _fake_alignment(x: Tensor, y: Tensor, *rest: Any) -> Tensor:
    return x.new_empty((_pairs(x, y), x.shape[1], y.shape[1]))


def _fake_backward(upstream: Tensor, slopes: Tensor, of: Tensor) -> Tensor:
    batch = 1 if of.shape[0] == 1 else slopes.shape[0]
    return slopes.new_empty((batch, *slopes.shape[1:]))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, y, xl, yl, *ctx.options = inputs
    ctx.save_for_backward(x, y, xl, yl, *output[1:])
    ctx.mark_non_differentiable(*output[1:])


def _operator_backward(ctx: Any, upstream: Tensor, *_slopes: Any) -> tuple[Tensor | None, ...]:
    x, y, xl, yl, x_slopes, y_slopes = ctx.saved_tensors
    *options, kept_x, kept_y = ctx.options
    need_x, need_y = ctx.needs_input_grad[:2]
    if (need_x and not kept_x) or (need_y and not kept_y):  # whoever called the operator did not ask for them
        _, x_slopes, y_slopes = torch.ops.kinetrace.soft_dtw(
            x.detach(), y.detach(), xl, yl, *options, need_x or kept_x, need_y or kept_y
        )
    scaled = torch.ops.kinetrace.soft_dtw_backward
    return (
        scaled(upstream, x_slopes, x) if need_x else None,
        scaled(upstream, y_slopes, y) if need_y else None,
        *(None for _ in range(8)),
    )


def _setup_from_cost(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    cost, xl, yl, *ctx.options = inputs
    ctx.save_for_backward(cost, xl, yl, output[1])
    ctx.mark_non_differentiable(output[1])


def _operator_backward_from_cost(ctx: Any, upstream: Tensor, _slopes: Any) -> tuple[Tensor | None, ...]:
    cost, xl, yl, slopes = ctx.saved_tensors
    *options, kept = ctx.options
    if not kept:
        slopes = torch.ops.kinetrace.soft_dtw_from_cost(cost.detach(), xl, yl, *options, True)[1]
    return (torch.ops.kinetrace.soft_dtw_backward(upstream, slopes, cost), *(None for _ in range(6)))


def _no_second_derivative(ctx: Any, *upstream: Any) -> Any:
    raise RuntimeError("soft_dtw: a second derivative was asked for, which kinetrace does not have")


_KERNELS: dict[str, tuple[Any, Any]] = {
    "soft_dtw": (_forward, _fake_forward),
    "soft_dtw_from_cost": (_forward_from_cost, _fake_from_cost),
    "soft_dtw_alignment": (_alignment, _fake_alignment),
    "soft_dtw_backward": (_backward, _fake_backward),
}
for _name, (_kernel, _fake) in _KERNELS.items():
    for _key in ("CPU", "CUDA"):
        LIBRARY.impl(_name, _kernel, _key)
    torch.library.register_fake(f"kinetrace::{_name}", _fake, lib=LIBRARY)
torch.library.register_autograd("kinetrace::soft_dtw", _operator_backward, setup_context=_setup_context, lib=LIBRARY)
torch.library.register_autograd(
    "kinetrace::soft_dtw_from_cost", _operator_backward_from_cost, setup_context=_setup_from_cost, lib=LIBRARY
)
torch.library.register_autograd("kinetrace::soft_dtw_backward", _no_second_derivative, lib=LIBRARY)
