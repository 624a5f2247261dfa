"""Gradients of NewtonReward and MassReward: checked numerically in every mode, through frozen models, under autocast."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kinetrace.rewards import MassReward, NewtonReward, OpenCVFlow, RaftFlow, mass_distance
from newton_models import PairModule, SmoothFeatures, SmoothFlow, random_frames


def check(function: Any, *inputs: torch.Tensor) -> None:
    assert torch.autograd.gradcheck(function, [x.detach().requires_grad_() for x in inputs])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layout", ["TCHW", "BTCHW", "BCTHW", "THWC"])
@pytest.mark.parametrize("norm", ["squared", "abs"])
@pytest.mark.parametrize("reduction", ["mean", "mean_elements", "sum"])
@pytest.mark.parametrize("mode", ["eulerian", "advected"])
def test_kinematic_loss_of_flow(mode: str, reduction: str, norm: str, layout: str, masked: bool) -> None:
    sizes = {"B": 2, "T": 4, "C": 2, "H": 3, "W": 4}
    shape = [sizes[axis] for axis in layout]
    # Displacements that stay away from pixel centres, where the derivative of a bilinear sample jumps.
    flow = 0.3 + 0.4 * random_frames(1, *shape)
    mask = (random_frames(2, *([2] if "B" in layout else []), 4, 3, 4) < 0.7) if masked else None
    reward = NewtonReward(layout=layout, mode=mode, norm=norm, reduction=reduction, dt=0.5, kinematic_weight=1.5)
    check(lambda x: reward(x, mask=mask)[0], flow)
    assert torch.autograd.gradcheck(lambda x: reward(x, mask=mask)[1], (flow.requires_grad_(),), fast_mode=True)


@pytest.mark.parametrize("rule", ["center", "all", "any", "explicit"])
def test_kinematic_loss_under_every_mask_rule(rule: str) -> None:
    flow, mask = random_frames(3, 2, 5, 2, 3, 4), random_frames(4, 2, 3 if rule == "explicit" else 5, 3, 4)
    check(lambda x: NewtonReward(mask_rule=rule)(x, mask=mask)[0], flow)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("distance", ["mse", "l1", "cosine"])
def test_mass_loss(distance: str, reduction: str) -> None:
    features, reference = random_frames(5, 2, 3, 4), 0.5 - random_frames(6, 2, 3, 4)
    check(lambda x: mass_distance(x, reference, distance=distance, reduction=reduction), features)
    reward = MassReward(distance=distance, reduction=reduction, weight=0.7)
    check(lambda x: reward(x, reference=reference)[0], features)


@pytest.mark.parametrize("range_", ["[0,1]", "[-1,1]", "[0,255]"])
@pytest.mark.parametrize("layout", ["TCHW", "BCTHW"])
def test_through_frozen_models_to_the_frames(layout: str, range_: str) -> None:
    shape = {"TCHW": (4, 3, 3, 4), "BCTHW": (2, 3, 4, 3, 4)}[layout]
    frames, reference = random_frames(7, *shape), random_frames(8, *shape)
    flow, features = SmoothFlow().double().train(), SmoothFeatures().double()
    reward = NewtonReward(flow=flow, features=features, mass_weight=2.0, layout=layout, range=range_, mode="eulerian")
    frames.requires_grad_()
    fast = (layout, range_) != ("TCHW", "[0,1]")
    assert torch.autograd.gradcheck(lambda x: reward(x, reference=reference)[0], (frames,), fast_mode=fast)
    loss, mean = reward(frames, reference=reference)
    assert loss.requires_grad
    assert mean.requires_grad
    loss.backward()
    assert frames.grad is not None
    assert (frames.grad != 0).float().mean() > 0.9
    for module in (flow, features):
        assert not module.training
        for parameter in module.parameters():
            assert not parameter.requires_grad
            assert parameter.grad is None


def test_frozen_again_after_somebody_trains_it() -> None:
    flow = SmoothFlow()
    reward = NewtonReward(flow=flow)
    flow.train().requires_grad_(True)
    frames = random_frames(9, 1, 5, 3, 4, 4, dtype=torch.float32).requires_grad_()
    reward(frames)[0].backward()
    assert not flow.training
    assert all(not p.requires_grad and p.grad is None for p in flow.parameters())
    assert reward.get_reward(frames).equal(reward.get_reward(frames))  # no dropout


def test_no_gradient_through_the_reference() -> None:
    frames, reference = (random_frames(i, 1, 4, 3, 4, 4, dtype=torch.float32).requires_grad_() for i in (10, 11))
    MassReward(SmoothFeatures())(frames, reference=reference)[0].backward()
    assert frames.grad is not None
    assert reference.grad is None
    features = torch.ones(1, 2, 3, requires_grad=True)
    with pytest.raises(ValueError, match=r"^reference: expected a tensor without requires_grad"):
        mass_distance(torch.zeros(1, 2, 3), features)


def test_a_scoring_model_refuses_a_gradient() -> None:
    frames = random_frames(12, 1, 4, 3, 16, 16, dtype=torch.float32).requires_grad_()
    reward = NewtonReward(flow="dis")
    with pytest.raises(
        ValueError, match=r"^clips: expected a tensor without requires_grad \(OpenCVFlow has no gradient"
    ):
        reward(frames)
    with pytest.raises(ValueError, match=r"^frames: expected a tensor without requires_grad"):
        OpenCVFlow()(frames)
    with torch.no_grad():
        assert reward.get_reward(frames).shape == (1,)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast(dtype: torch.dtype) -> None:
    flow, features = SmoothFlow(), SmoothFeatures()
    reward = NewtonReward(flow=flow, features=features, mass_weight=2.0, layout="BCTHW")
    reference = random_frames(13, 2, 3, 5, 8, 8, dtype=torch.float32)
    results = []
    for enabled in (False, True):
        frames = random_frames(14, 2, 3, 5, 8, 8, dtype=torch.float32).requires_grad_()
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            assert flow(frames.transpose(1, 2)).dtype == (dtype if enabled else torch.float32)
            loss, mean = reward(frames, reference=reference)
        assert loss.dtype == mean.dtype == torch.float32
        loss.backward()
        assert frames.grad is not None
        results.append((loss.detach(), frames.grad))
    (full, slope), (half, half_slope) = results
    torch.testing.assert_close(half, full, rtol=0.02, atol=0)
    assert (half_slope - slope).norm() < 0.1 * slope.norm()


def test_half_precision_frames_get_half_precision_gradients() -> None:
    frames = random_frames(15, 2, 5, 3, 8, 8, dtype=torch.float32).bfloat16().requires_grad_()
    loss, _ = NewtonReward(flow=SmoothFlow().bfloat16())(frames)
    assert loss.dtype == torch.float32
    loss.backward()
    assert frames.grad is not None
    assert frames.grad.dtype == torch.bfloat16
    assert (frames.grad != 0).any()


@pytest.mark.parametrize("size", [(8, 16), (9, 13)])
@pytest.mark.parametrize("pairs", [None, 1, 2, 9])
@pytest.mark.parametrize("recompute", [False, True])
def test_raft_s_call_form(size: tuple[int, int], pairs: int | None, recompute: bool) -> None:
    module = PairModule().double()
    model = RaftFlow(module, num_flow_updates=7, pairs_per_call=pairs, checkpoint=recompute)
    frames = random_frames(16, 2, 4, 3, *size) * 2 - 1
    with torch.no_grad():
        flow = model(frames)
        padded = torch.nn.functional.pad(frames, (0, -size[1] % 8, 0, -size[0] % 8, 0, 0), mode="replicate")
        for b in range(2):
            for t in range(3):
                want = module(padded[b, t][None], padded[b, t + 1][None])[1][0, :, : size[0], : size[1]]
                torch.testing.assert_close(flow[b, t], want)
    assert all(call[-1] == 7 and call[2] % 8 == 0 and call[3] % 8 == 0 for call in module.calls[:-6])
    assert max(call[0] for call in module.calls) <= (pairs or 6)
    if size[0] == 8:
        reward = NewtonReward(flow=model, range="[-1,1]")
        assert torch.autograd.gradcheck(lambda x: reward(x)[0], (frames[:1].requires_grad_(),), fast_mode=True)
