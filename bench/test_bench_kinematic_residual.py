"""kinematic_residual beside torch and numba: 16 clips of 48 flows of 480 x 832, forward and gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt
from kinetrace import _reference
from measure import OURS, Case, Comparison, Contender

Function = Callable[[Tensor, Tensor | None], Tensor]

#: Clips that the eager peers run on; their times are multiplied up. All 16 would need memory for many copies.
EAGER_CLIPS = 4


@dataclass
class Flows:
    """One round's clips, and memory that a peer may reuse."""

    flow: Tensor  # (B, T, 2, H, W)
    mask: Tensor  # (B, T, H, W)
    buffers: list[Tensor]  # two of (4, T-2, 2, H, W)


@cache
def memory(shape: tuple[int, ...]) -> Flows:
    """Arrays that every round fills again: fresh ones of this size would be page faults."""
    b, t, _, h, w = shape
    few = (min(b, EAGER_CLIPS), t - 2, 2, h, w)
    return Flows(torch.empty(shape), torch.empty((b, t, h, w), dtype=torch.bool), [torch.empty(few) for _ in range(2)])


def make_flows(seed: int, shape: tuple[int, ...]) -> Flows:
    """Random flows of a few pixels; half of the pixels are masked out."""
    generator = torch.Generator().manual_seed(seed)
    flows = memory(shape)
    flows.flow.uniform_(-5, 5, generator=generator)
    flows.mask.random_(0, 2, generator=generator)
    return flows


def torch_residual(flow: Tensor, mask: Tensor | None = None) -> Tensor:
    """What one writes in torch: differences of slices, mean over each clip."""
    r = flow[:, 2:] - 2 * flow[:, 1:-1] + flow[:, :-2]
    squares = r.square().sum(2)
    if mask is None:
        return squares.mean((1, 2, 3))
    weights = mask[:, 1:-1].to(flow.dtype)
    return (squares * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))


def torch_in_place(flows: Flows) -> Tensor:
    """The same with out= everywhere, into memory that is already there."""
    flow, (r, s) = flows.flow[:EAGER_CLIPS], flows.buffers
    torch.add(flow[:, 2:], flow[:, :-2], out=r)
    torch.mul(flow[:, 1:-1], 2, out=s)
    torch.sub(r, s, out=r)
    torch.mul(r, r, out=r)
    return 2 * r.mean((1, 2, 3, 4))


@cache
def compiled() -> Function:
    return torch.compile(torch_residual)


@cache
def numba_residual() -> Callable[[Any], Any]:
    """Rows of three frames at a time; float32 sums per row, double over rows."""
    import numba

    @numba.njit(fastmath=True)
    def residual(flow: Any) -> Any:
        batch, frames, _, height, width = flow.shape
        values = np.zeros(batch)
        for b in range(batch):
            for t in range(1, frames - 1):
                for c in range(2):
                    for y in range(height):
                        before, at, after = flow[b, t - 1, c, y], flow[b, t, c, y], flow[b, t + 1, c, y]
                        row = np.float32(0)
                        for x in range(width):
                            r = after[x] - np.float32(2) * at[x] + before[x]
                            row += r * r
                        values[b] += row
        return values / ((frames - 2) * height * width)

    run: Callable[[Any], Any] = residual
    return run


def ours(flow: Tensor, mask: Tensor | None = None, num_threads: int = 1) -> Tensor:
    return kt.kinematic_residual(flow, mask=mask, num_threads=num_threads)


def value(function: Callable[[], Function], clips: int | None = None, masked: bool = False) -> Callable[[Flows], Any]:
    return lambda x: function()(x.flow[:clips], x.mask[:clips] if masked else None)


def with_gradient(function: Callable[[], Function], clips: int | None = None) -> Callable[[Flows], Any]:
    def run(flows: Flows) -> tuple[Tensor, Tensor]:
        flow = flows.flow[:clips].detach().requires_grad_()
        result = function()(flow, None)
        result.sum().backward()
        assert flow.grad is not None
        return result.detach(), flow.grad

    return run


def check(name: str, flows: Flows, answer: Any, masked: bool = False) -> None:
    """The last clip of the answer against the definition: kinetrace 1e-6, float32 elsewhere 1e-3."""
    limit = 1e-6 if name.startswith(OURS) else 1e-3
    values, gradient = answer if isinstance(answer, tuple) else (answer, None)
    last = len(values) - 1
    rows = slice(0, 24) if flows.flow.shape[3] > 24 else slice(None)  # of the gradient: a few rows say enough
    want = _value_of(flows, last, masked)
    np.testing.assert_allclose(np.asarray(values)[last], want, rtol=limit, err_msg=name)
    if gradient is not None:
        part = flows.flow[last, ..., rows, :].numpy()
        share = part[:, 0].size / flows.flow[last, :, 0].numel()
        slope = _reference.kinematic_residual_backward(part, np.float64(share))
        got = gradient[last, ..., rows, :].numpy()
        np.testing.assert_allclose(got, slope, rtol=0, atol=limit * np.abs(slope).max(), err_msg=name)


def _value_of(flows: Flows, clip: int, masked: bool) -> float:
    """The definition on one clip, in double, a few rows at a time."""
    total, weight = 0.0, 0.0
    for y in range(0, flows.flow.shape[3], 60):
        part = flows.flow[clip, ..., y : y + 60, :].numpy()
        mask = flows.mask[clip, :, y : y + 60].numpy() if masked else None
        total += float(_reference.kinematic_residual(part, mask=mask, reduction="sum"))
        weight += float(mask[1:-1].sum()) if mask is not None else part[1:-1, 0].size
    return total / weight


def _case(name: str, contenders: dict[str, Any], quick: bool, masked: bool = False, **options: Any) -> Case:
    shape = (5, 7, 2, 30, 40) if quick else (16, 48, 2, 480, 832)
    nbytes = int(np.prod(shape)) * 4 + (int(np.prod(shape)) // 2 if masked else 0)
    return Case(
        f"kinematic_residual/{name}",
        contenders,
        lambda seed: make_flows(seed, shape),
        lambda who, flows, answer: check(who, flows, answer, masked),
        bytes_read=nbytes,
        problems=shape[0],
        **options,
    )


def _eager(run: Callable[[Flows], Any], quick: bool) -> Contender:
    return Contender(run, scale=(5 if quick else 16) / EAGER_CLIPS, max_rounds=2)


def case_forward(quick: bool = False) -> Case:
    contenders: dict[str, Any] = {
        "kinetrace": value(lambda: ours),
        "torch compile": value(compiled),
        "torch eager": _eager(value(lambda: torch_residual, EAGER_CLIPS), quick),
        "torch eager out=": _eager(torch_in_place, quick),
        "numba": lambda x: numba_residual()(x.flow.numpy()),
    }
    return _case("forward", contenders, quick)


def case_gradient(quick: bool = False) -> Case:
    contenders: dict[str, Any] = {
        "kinetrace": with_gradient(lambda: ours),
        "torch compile": with_gradient(compiled),
        "torch eager": _eager(with_gradient(lambda: torch_residual, EAGER_CLIPS), quick),
    }
    return _case("gradient", contenders, quick, keep_memory=True)


def case_masked(quick: bool = False) -> Case:
    contenders: dict[str, Any] = {
        "kinetrace": value(lambda: ours, masked=True),
        "torch compile": value(compiled, masked=True),
        "torch eager": _eager(value(lambda: torch_residual, EAGER_CLIPS, masked=True), quick),
    }
    return _case("masked", contenders, quick, masked=True)


def case_threads(quick: bool = False) -> Case:
    contenders: dict[str, Any] = {
        "kinetrace 1 thread": value(lambda: ours),
        "kinetrace 2 threads": value(lambda: lambda flow, mask: ours(flow, mask, 2)),
    }
    return _case("threads", contenders, quick, clock="wall", threads=2)


CASES = {"forward": case_forward, "gradient": case_gradient, "masked": case_masked, "threads": case_threads}


@pytest.mark.filterwarnings("default")  # torch.compile warns about its own internals
@pytest.mark.parametrize("name", list(CASES))
def test_kinematic_residual(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=4)
