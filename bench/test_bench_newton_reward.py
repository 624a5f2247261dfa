"""NewtonReward's loss of flow, forward and backward, beside the same in eager torch, in the layouts of trainers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kinetrace import _reference
from kinetrace.rewards import NewtonReward
from measure import Case, Comparison, Contender

Run = Callable[[Any], Any]


@dataclass
class Clips:
    """One round's flow in a layout."""

    flow: Tensor


def eager_loss(flow: Tensor) -> Tensor:
    """What one writes in torch, flow (B, T, 2, H, W)."""
    r = flow[:, 2:] - 2 * flow[:, 1:-1] + flow[:, :-2]
    return r.square().sum(2).mean()


def with_gradient(loss: Callable[[Tensor], Tensor]) -> Run:
    def run(clips: Clips) -> tuple[Tensor, Tensor]:
        flow = clips.flow.detach().requires_grad_()
        value = loss(flow)
        value.backward()
        assert flow.grad is not None
        return value.detach(), flow.grad

    return run


def check(name: str, clips: Clips, answer: Any, layout: str) -> None:
    """The last clip's first rows against the definition; the loss against float64 sums."""
    value, gradient = answer
    flow, gradient = (x.permute([layout.index(axis) for axis in "BTCHW"]) for x in (clips.flow, gradient))
    total = sum(float(_reference.kinematic_residual(clip[..., :, :].numpy(), reduction="sum")) for clip in flow)
    vectors = flow[:, 2:, 0].numel()
    np.testing.assert_allclose(value.item(), total / vectors, rtol=1e-4, err_msg=name)
    part = flow[-1, ..., :8, :].numpy()
    slope = _reference.kinematic_residual_backward(part, np.float64(part[2:, 0].size / vectors))
    got = gradient[-1, ..., :8, :].numpy()
    np.testing.assert_allclose(got, slope, rtol=0, atol=1e-5 * np.abs(slope).max(), err_msg=name)


def _case(layout: str, quick: bool) -> Case:
    sizes = {"B": 2, "T": 31, "C": 2, "H": 256, "W": 256}
    if quick:
        sizes.update(T=5, H=12, W=16)
    shape = [sizes[axis] for axis in layout]
    reward = NewtonReward(layout=layout, num_threads=1)
    order = [layout.index(axis) for axis in "BTCHW"]

    def inputs(seed: int) -> Clips:
        return Clips(torch.empty(shape).uniform_(-5, 5, generator=torch.Generator().manual_seed(seed)))

    contenders: dict[str, Contender | Run] = {
        "kinetrace": with_gradient(lambda flow: reward(flow)[0]),
        "torch eager": with_gradient(lambda flow: eager_loss(flow.permute(order))),
    }
    nbytes = 4 * int(np.prod(shape))
    return Case(
        f"newton_reward/{layout}",
        contenders,
        inputs,
        lambda name, clips, answer: check(name, clips, answer, layout),
        bytes_read=nbytes,
        problems=sizes["B"],
        keep_memory=True,
    )


CASES = {layout: lambda quick=False, layout=layout: _case(layout, quick) for layout in ("BTCHW", "BCTHW", "BTHWC")}


@pytest.mark.parametrize("name", list(CASES))
def test_newton_reward(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=4)
