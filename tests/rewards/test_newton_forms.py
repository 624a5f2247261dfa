"""NewtonReward and MassReward called as trainers call rewards, recorded from their sources; and what is refused."""

from __future__ import annotations

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinetrace.rewards import FeatureModel, FlowModel, MassReward, NewtonReward, OpenCVFlow, RaftFlow, VJepa2Features
from newton_models import SmoothFeatures, SmoothFlow, random_frames

FLOWS = [random_frames(seed, 5, 2, 6, 7).numpy() for seed in range(3)]
WANT = [-float(NewtonReward().terms(flow[None])["kinematic"][0]) for flow in FLOWS]


def sliding(count: int, *, jump: int = 0, size: int = 48) -> np.ndarray[Any, Any]:
    """A clip (T, H, W, 3) uint8 of a texture that slides 2 px a frame; `jump` px further from the middle on."""
    noise = np.random.default_rng(1).normal(size=(size, 2 * size, 3))
    for axis in (0, 1):
        for _ in range(3):
            noise = (np.roll(noise, 1, axis) + noise + np.roll(noise, -1, axis)) / 3
    texture = np.clip(128 + 300 * noise, 0, 255).astype(np.uint8)
    shifts = [2 * t + (jump if t >= count // 2 else 0) for t in range(count)]
    return np.stack([texture[:, 30 - s : 30 - s + size] for s in shifts])


# -- reward back-propagation ------------------------------------------------------------------------------------------


def test_vader() -> None:
    """`loss, rewards = loss_fn(video_frames_, prompts)`: frames (f, c, h, w) in [-1, 1], cast to half precision."""
    loss_fn = NewtonReward(flow=SmoothFlow(), layout="TCHW", range="[-1,1]")
    frames = (random_frames(1, 6, 3, 8, 8, dtype=torch.float32) * 2 - 1).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, rewards = loss_fn(frames.to(torch.bfloat16), ["a ball falls"])
    assert loss.repeat(2).shape == (2,)  # as VADER gathers it
    assert rewards.repeat(2).shape == (2,)
    loss.backward()
    assert frames.grad is not None
    assert (frames.grad != 0).any()
    assert torch.equal(loss_fn(frames.detach())[0], loss_fn(frames.detach(), ["another"])[0])


def test_videox_fun(tmp_path: Path) -> None:
    """`getattr(module, name)(device=, dtype=, **json)`; `loss, reward = fn(frames (B, C, T, H, W), prompts)`."""
    reward = NewtonReward(device="cpu", dtype=torch.float32, flow="dis", layout="BCTHW", range="[0,1]", norm="abs")
    clips = np.stack([sliding(6), sliding(6, jump=9)])
    frames = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 255
    loss, mean = reward(frames, ["a", "b"])
    each = reward.get_reward(frames, ["a", "b"])
    assert loss.shape == mean.shape == ()
    assert each.shape == (2,)
    assert each[0] > each[1] + 0.1
    torch.testing.assert_close(loss, -each.mean())
    torch.testing.assert_close(mean, each.mean())


@pytest.mark.parametrize("kind", ["mapping", "function"])
def test_references_by_prompt(kind: str) -> None:
    true = {"a": random_frames(2, 5, 3, 6, 6), "b": random_frames(3, 5, 3, 6, 6)}
    lookup: Any = true if kind == "mapping" else lambda prompts: torch.stack([true[p] for p in prompts])
    reward = MassReward(SmoothFeatures().double(), references=lookup)
    made = random_frames(4, 2, 5, 3, 6, 6)
    want = MassReward(SmoothFeatures().double()).get_reward(made, reference=torch.stack([true["b"], true["a"]]))
    torch.testing.assert_close(reward.get_reward(made, ["b", "a"]), want)
    torch.testing.assert_close(reward(made, ["b", "a"])[1], want.mean())
    if kind == "mapping":
        single = MassReward(SmoothFeatures().double(), references=lookup, layout="TCHW")
        torch.testing.assert_close(single(made[0], "b")[1], want[0])
        torch.testing.assert_close(single(made[0], ["b"])[1], want[0])
    columns = reward(completions=["", ""], prompts=["b", "a"], video=list(made))
    assert columns == pytest.approx(want.tolist())
    with pytest.raises(ValueError, match=r"^prompts: expected the prompts that references are looked up by"):
        reward(made)


# -- policy gradients -------------------------------------------------------------------------------------------------


def test_trl_and_ms_swift() -> None:
    metrics: dict[str, float] = {}
    extra: dict[str, Any] = {}
    got = NewtonReward(clip_column="flow")(
        prompts=["?"] * 4,
        completions=["", "", "", ""],
        completion_ids=[[1]] * 4,
        flow=[*FLOWS, None],
        trainer_state=object(),
        log_metric=metrics.__setitem__,
        log_extra=extra.__setitem__,
    )
    assert got[:3] == pytest.approx(WANT)
    assert got[3] is None
    assert all(type(value) is float for value in got[:3])
    assert metrics == {"newton_reward/kinematic": pytest.approx(-np.mean(WANT))}
    assert extra["newton_reward"] == got
    assert NewtonReward()(["", "", ""], video=FLOWS, messages=[[]] * 3) == pytest.approx(WANT)
    assert NewtonReward()(video=FLOWS) == pytest.approx(WANT)
    assert NewtonReward().components(video=FLOWS)[0] == {
        "kinematic": pytest.approx(-WANT[0]),
        "total": pytest.approx(WANT[0]),
    }


def test_verl_and_verl_omni() -> None:
    reward = NewtonReward(undefined=-7.0)
    row = reward(data_source="d", solution_str="x", ground_truth="A", extra_info={"video": FLOWS[0], "num_turns": 1})
    assert row == {"score": pytest.approx(WANT[0]), "kinematic": pytest.approx(-WANT[0])}
    lost = reward(data_source="d", solution_str="x", ground_truth="A", extra_info={"video": None})
    assert lost == {"score": -7.0, "kinematic": 0.0}
    batch = reward(data_sources=[""] * 3, solution_strs=[""] * 3, extra_infos=[{"video": flow} for flow in FLOWS])
    assert [entry["score"] for entry in batch] == pytest.approx(WANT)
    frames = torch.from_numpy(sliding(6)).permute(0, 3, 1, 2)
    omni = NewtonReward(flow="dis", layout="TCHW", range="uint8")
    scored = omni.compute_score(data_source="d", solution_image=frames, ground_truth="", extra_info={})
    assert scored == omni(data_source="d", solution_image=frames, ground_truth="", extra_info=None)
    assert scored["score"] == pytest.approx(omni.get_reward(frames).item())


def test_verl_s_ground_truth_is_the_reference() -> None:
    made, true = np.ones((3, 4)), np.zeros((3, 4))
    row = MassReward()(data_source="d", solution_str="", ground_truth=true, extra_info={"video": made})
    assert row == {"score": -1.0, "mass": 1.0}


def test_flow_grpo() -> None:
    """`_fn(images, prompts, metadata) -> (scores, {})` with images (B, F, C, H, W), from several threads."""
    images = torch.from_numpy(np.stack(FLOWS))
    reward = NewtonReward()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: reward.score(images, ["p"] * 3, [{}] * 3), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0] == (pytest.approx(WANT), {})
    broken = images.clone()
    broken[1, 0] = math.nan
    assert reward.score(broken, ["p"] * 3, [{}] * 3)[0] == [answers[0][0][0], -1.0, answers[0][0][2]]
    features = random_frames(5, 2, 3, 4)
    metadata = [{"reference": features[i] + i} for i in range(2)]
    assert MassReward().score(features, ["p"] * 2, metadata) == ([0.0, -1.0], {})


def write_video(path: Path, frames: np.ndarray[Any, Any]) -> str:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=16)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


def test_files_as_dance_grpo_hands_them_over(tmp_path: Path) -> None:
    steady, jumping = sliding(6), sliding(6, jump=9)
    paths = [write_video(tmp_path / f"{i}.mkv", clip) for i, clip in enumerate((steady, jumping))]
    reward = NewtonReward(flow="dis", range="uint8", layout="THWC")
    rows = reward.reward(paths, ["a", "b"], use_norm=True)
    assert [sorted(row) for row in rows] == [["MQ", "Overall", "TA", "VQ"]] * 2
    want = [float(reward.get_reward(clip)[0]) for clip in (steady, jumping)]
    assert [row["Overall"] for row in rows] == want
    assert want[0] > want[1] + 0.1
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    lost = [str(tmp_path / "broken.mp4"), str(tmp_path / "missing.mp4"), None]
    assert [row["Overall"] for row in reward.reward(lost)] == [-1.0] * 3
    assert reward(completions=[""] * 5, video=[*paths, *lost]) == [*want, None, None, None]
    assert reward(completions=[""], video=[sliding(3)]) == [None]  # too short for one residual


def test_references_of_another_form_than_their_clips(tmp_path: Path) -> None:
    """A generated file against a tensor, a generated tensor against a file, a list of images against either."""
    from PIL import Image

    made, true = sliding(6, jump=9), sliding(6)
    reward = MassReward(SmoothFeatures(), layout="BCTHW", range="[-1,1]")
    tensors = [torch.from_numpy(clip).permute(3, 0, 1, 2).float() / 127.5 - 1 for clip in (made, true)]
    want = reward.get_reward(tensors[0][None], reference=tensors[1][None])[0].item()
    files = [write_video(tmp_path / f"{i}.mkv", clip) for i, clip in enumerate((made, true))]
    images = [[Image.fromarray(frame) for frame in clip] for clip in (made, true)]
    forms = [(a, b) for a in (tensors[0], files[0], images[0]) for b in (tensors[1], files[1], images[1])]
    got = reward(video=[a for a, _ in forms], reference=[b for _, b in forms])
    assert got == pytest.approx([want] * 9, rel=1e-3)
    assert want < -1e-4


def test_what_trainers_look_at() -> None:
    assert (NewtonReward().__name__, MassReward().__name__) == ("newton_reward", "mass_reward")
    for model in (OpenCVFlow(), SmoothFlow(), RaftFlow(SmoothFlow())):
        assert isinstance(model, FlowModel)
    assert isinstance(VJepa2Features(SmoothFeatures()), FeatureModel)


def test_pickles_and_copies() -> None:
    by_name = NewtonReward(flow="raft_small", flow_weights="weights.pth", features="folder", mass_weight=1.0)
    for reward in (NewtonReward(flow="dis", layout="THWC", range="uint8", dt=0.5), by_name):
        for again in (pickle.loads(pickle.dumps(reward)), copy.deepcopy(reward)):
            assert again.residual == reward.residual
            assert type(again.flow) is type(reward.flow)
    clip = sliding(5)
    reward = NewtonReward(flow="dis", layout="THWC", range="uint8")
    assert pickle.loads(pickle.dumps(reward)).get_reward(clip) == reward.get_reward(clip)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "TWHC"}, "layout: expected one of 'TCHW', "),
        ({"range": "[0,2]"}, r"range: expected one of '\[0,1\]', "),
        ({"norm": "signed"}, "norm: expected one of 'squared', 'abs', got 'signed'"),
        ({"reduction": "none"}, "reduction: expected one of 'mean', "),
        ({"distance": "l2"}, "distance: expected one of 'mse', 'l1', 'cosine', got 'l2'"),
        ({"mass_weight": -1.0}, "mass_weight: expected a finite number >= 0"),
        ({"features": SmoothFeatures()}, r"mass_weight: expected a number >= 0 with features"),
        ({"undefined": math.inf}, "undefined: expected a finite number"),
        ({"flow": "raft_small"}, "weights: expected a file or a name of torchvision's weights, got None"),
        ({"flow": "farneback", "flow_weights": "x"}, "model: expected 'raft_small', 'raft_large' or a module"),
    ],
)
def test_bad_constructions(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        NewtonReward(**options)


def test_a_model_that_meets_no_protocol() -> None:
    with pytest.raises(
        TypeError, match=r"^flow: expected a callable with frame_range and differentiable, got function"
    ):
        NewtonReward(flow=lambda frames: frames)
    with pytest.raises(TypeError, match=r"^features: expected a callable with frame_range"):
        MassReward(3)


@pytest.mark.parametrize(
    ("options", "clips", "message"),
    [
        ({}, torch.zeros(5, 2, 4, 4), r"clips: expected BTCHW, got shape \(5, 2, 4, 4\)"),
        ({}, torch.zeros(1, 5, 3, 4, 4), "clips: expected 2 channels in layout BTCHW"),
        ({"flow": SmoothFlow()}, torch.zeros(1, 5, 2, 4, 4), "clips: expected 1 or 3 channels"),
        ({"flow": SmoothFlow()}, torch.zeros(1, 5, 3, 4, 4, dtype=torch.uint8), "clips: expected floats for the range"),
        ({"flow": SmoothFlow(), "range": "uint8"}, torch.zeros(1, 5, 3, 4, 4), "clips: expected uint8 for the range"),
        ({"mass_weight": 1.0}, torch.zeros(1, 5, 2, 4, 4), "reference: expected the clips that generated ones"),
    ],
)
def test_bad_calls(options: dict[str, Any], clips: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        NewtonReward(**options)(clips)


def test_misspelt_inputs_and_missing_columns() -> None:
    with pytest.raises(TypeError, match="expected no argument but reference, "):
        NewtonReward()(torch.zeros(1, 5, 2, 4, 4), references=None)
    with pytest.raises(ValueError, match=r"^video: expected a column with 2 entries, got None"):
        NewtonReward()(completions=["", ""])
    with pytest.raises(ValueError, match=r"^mask: expected 3 entries, one per completion, got 2"):
        NewtonReward()(video=FLOWS, mask=[None, None])
    with pytest.raises(ValueError, match=r"^clips: expected clips, or flow=, got neither"):
        NewtonReward().loss()
