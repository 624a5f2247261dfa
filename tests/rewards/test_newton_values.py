"""NewtonReward and MassReward: golden vectors, layouts and ranges, weights, and the laws their values follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import golden_cases
import kinetrace as kt
from kinetrace.rewards import MassReward, NewtonReward, mass_distance
from kinetrace.rewards._clips import LAYOUTS
from newton_models import SmoothFeatures, SmoothFlow, random_frames

EULERIAN = golden_cases.cases("eulerian")
MASKED = golden_cases.cases("masked")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", EULERIAN + MASKED, ids=golden_cases.case_id)
def test_golden(case: dict[str, Any], dtype: torch.dtype) -> None:
    if case["norm"] == "signed":
        pytest.fail("the golden file has no signed losses")
    flow = torch.tensor(case["flow"], dtype=dtype)[None].requires_grad_()
    options = {"dt": case["dt"], "norm": case["norm"], "reduction": case["reduce"]}
    mask = torch.tensor(case["mask"], dtype=dtype)[None] if "mask" in case else None
    reward = NewtonReward(**options, **({"mask_rule": case["mask_rule"]} if mask is not None else {}))
    loss, mean = reward(flow, mask=mask)
    loss.backward()
    want, slope = case["expected"]["value"], np.array(case["expected"]["grad"])
    assert abs(loss.item() - want) <= golden_cases.allowed(want, loss.detach().numpy().dtype)
    assert mean.item() == -loss.item()
    assert flow.grad is not None
    assert (np.abs(flow.grad[0].numpy() - slope) <= golden_cases.allowed(slope, flow.grad.numpy().dtype)).all()


def in_layout(clips: torch.Tensor, layout: str) -> torch.Tensor:
    """Clips (B, T, C, H, W) in another layout, as a view; without B the first clip."""
    if "B" not in layout:
        return clips[0].permute(["TCHW".index(axis) for axis in layout])
    return clips.permute(["BTCHW".index(axis) for axis in layout])


@pytest.mark.parametrize("contiguous", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_flow_gives_the_same_bits(layout: str, contiguous: bool) -> None:
    flow = random_frames(1, 2, 5, 2, 6, 7, dtype=torch.float32)
    want = NewtonReward().get_reward(flow)
    given_ = in_layout(flow, layout)
    given_ = given_.contiguous() if contiguous else given_
    for clips in (given_, given_.numpy()):
        got = torch.as_tensor(NewtonReward(layout=layout).get_reward(clips))
        torch.testing.assert_close(got, want if "B" in layout else want[:1], rtol=0, atol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_frames_are_read_in_place_where_the_model_takes_them(layout: str) -> None:
    frames = in_layout(random_frames(2, 2, 5, 3, 6, 7, dtype=torch.float32), layout).contiguous()
    flow = SmoothFlow()
    NewtonReward(flow=flow, layout=layout).get_reward(frames)
    assert flow.seen[0].data_ptr() == frames.data_ptr()
    assert flow.seen[0].shape[1:] == (5, 3, 6, 7)


@pytest.mark.parametrize("library", ["torch", "numpy"])
@pytest.mark.parametrize("range_", ["[0,1]", "[-1,1]", "[0,255]", "uint8"])
def test_every_range_means_the_same_frames(range_: str, library: str) -> None:
    bytes_ = torch.randint(0, 256, (1, 5, 3, 6, 7), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    unit = bytes_.double() / 255
    frames = {"[0,1]": unit, "[-1,1]": unit * 2 - 1, "[0,255]": bytes_.double(), "uint8": bytes_}[range_]
    reward = NewtonReward(flow=SmoothFlow().double(), range=range_)
    if range_ == "uint8":  # float32 from there on
        reward.flow.float()
    if library == "numpy":
        from kinetrace.rewards._clips import in_range

        np.testing.assert_allclose(in_range(frames.numpy(), range_, "[-1,1]"), unit.numpy() * 2 - 1, atol=1e-6)
        return
    want = NewtonReward(flow=SmoothFlow().double()).get_reward(unit)
    torch.testing.assert_close(reward.get_reward(frames).double(), want, rtol=1e-5, atol=1e-7)


def test_grey_frames_are_taken_as_three_equal_channels() -> None:
    grey = random_frames(4, 1, 5, 1, 6, 7, dtype=torch.float32)
    reward = NewtonReward(flow=SmoothFlow())
    torch.testing.assert_close(reward.get_reward(grey), reward.get_reward(grey.expand(-1, -1, 3, -1, -1)))


@pytest.mark.parametrize("distance", ["mse", "l1", "cosine"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_mass_distance_is_its_formula(distance: str, reduction: str) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 3, 4, 5, 6))
    field = {"mse": lambda: (x - y) ** 2, "l1": lambda: np.abs(x - y)}
    if distance == "cosine":
        angle = np.einsum("bijc,bijc->bij", x, y) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)
        field["cosine"] = lambda: 1 - angle
    rows = field[distance]().reshape(3, -1)
    want = rows.mean(1) if reduction == "mean" else rows.sum(1)
    for a, b in ((x, y), (torch.from_numpy(x), torch.from_numpy(y))):
        got = mass_distance(a, b, distance=distance, reduction=reduction)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
    np.testing.assert_allclose(mass_distance(x, x, distance=distance), 0, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    flow = (100 * random_frames(6, 2, 5, 2, 16, 16, dtype=torch.float32)).to(dtype)
    got = NewtonReward(reduction="sum").get_reward(flow)  # the sum of squares exceeds the largest float16
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, NewtonReward(reduction="sum").get_reward(flow.float()), rtol=0, atol=0)
    features, reference = torch.full((2, 64, 64), 300.0, dtype=dtype), torch.zeros(2, 64, 64, dtype=dtype)
    assert (
        MassReward().get_reward(features, reference=reference).tolist()
        == [-90000.0 if dtype == torch.float16 else -(float(features[0, 0, 0]) ** 2)] * 2
    )


def test_the_reward_is_minus_the_weighted_terms() -> None:
    frames, reference = random_frames(7, 2, 5, 3, 6, 7), random_frames(8, 2, 5, 3, 6, 7)
    flow, features = SmoothFlow().double(), SmoothFeatures().double()
    reward = NewtonReward(flow=flow, features=features, mass_weight=3.0, kinematic_weight=0.5)
    terms = reward.terms(frames, reference=reference)
    torch.testing.assert_close(terms["kinematic"], kt.kinematic_residual(flow(frames)))
    torch.testing.assert_close(terms["mass"], mass_distance(features(frames), features(reference)))
    torch.testing.assert_close(
        reward.get_reward(frames, reference=reference), -(0.5 * terms["kinematic"] + 3 * terms["mass"])
    )
    mass = MassReward(features).get_reward(frames, reference=reference)
    torch.testing.assert_close(mass, -terms["mass"])
    handed = NewtonReward(mass_weight=3.0, kinematic_weight=0.5)
    given_ = {"flow": flow(frames), "features": features(frames), "reference_features": features(reference)}
    torch.testing.assert_close(handed.get_reward(**given_), reward.get_reward(frames, reference=reference))
    assert "mass" not in NewtonReward(flow=flow).terms(frames)


@given(velocity=st.floats(-20, 20), gravity=st.floats(-3, 3), seed=st.integers(0, 99))
def test_constant_acceleration_of_the_whole_picture_costs_nothing(velocity: float, gravity: float, seed: int) -> None:
    pattern = np.random.default_rng(seed).normal(size=(1, 1, 2, 5, 6))
    t = np.arange(6.0).reshape(1, 6, 1, 1, 1)
    loss, _ = NewtonReward()(pattern * (velocity + gravity * t))
    assert loss == pytest.approx(0, abs=1e-24 * (abs(velocity) + 6 * abs(gravity) + 1) ** 2 * 1e4)


@given(power=st.integers(-8, 8), seed=st.integers(0, 99), norm=st.sampled_from(["squared", "abs"]))
def test_scaling_laws(power: int, seed: int, norm: str) -> None:
    flow = np.random.default_rng(seed).normal(size=(1, 5, 2, 4, 5))
    factor = 2.0**power
    degree = 2 if norm == "squared" else 1
    one = NewtonReward(norm=norm).get_reward(flow)
    np.testing.assert_array_equal(NewtonReward(norm=norm).get_reward(factor * flow), one * factor**degree)
    np.testing.assert_array_equal(NewtonReward(norm=norm, dt=factor).get_reward(flow), one / factor**degree)
    np.testing.assert_allclose(NewtonReward(norm=norm, reduction="mean_elements").get_reward(flow), one / 2)
    np.testing.assert_allclose(NewtonReward(norm=norm, reduction="sum").get_reward(flow), one * 3 * 20)


def test_a_mask_hides_what_lies_outside() -> None:
    flow = np.zeros((1, 5, 2, 6, 6), np.float32)
    flow[:, 2, 0, 3:] = 5  # a jump in the lower half
    mask = np.zeros((1, 5, 6, 6), bool)
    mask[:, :, :3] = True
    assert NewtonReward().get_reward(flow)[0] < 0
    assert NewtonReward().get_reward(flow, mask=mask)[0] == 0
    assert NewtonReward().get_reward(flow, mask=np.zeros_like(mask))[0] == 0


def test_a_still_clip_is_the_best_clip_of_the_kinematic_term() -> None:
    frames = random_frames(9, 1, 1, 3, 8, 8).expand(1, 6, 3, 8, 8)
    assert NewtonReward(flow=SmoothFlow().double()).get_reward(frames).item() == 0
