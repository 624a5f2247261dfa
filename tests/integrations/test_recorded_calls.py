"""Trainers that are not on a package index, or whose import wants a GPU: called with the keywords recorded from them.

Read in the source of EasyR1, slime, cosmos-rl, verl-omni, flow_grpo, DanceGRPO, Flow-Factory, VADER and VideoX-Fun.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import inspect
import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from call_forms import LABEL, REFERENCE, TEXTS, WANT, samples

from kinetrace.integrations import cosmos, flow_grpo, vader, verl_omni, videoalign, videox_fun
from kinetrace.integrations._plugins import plugin_path


def test_easyr1_loads_the_file_and_calls_a_partial() -> None:
    spec = importlib.util.spec_from_file_location("custom_reward_fn", plugin_path("easyr1"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["custom_reward_fn"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["custom_reward_fn"]
    assert (module.REWARD_NAME, module.REWARD_TYPE) == ("kinetrace", "batch")
    function = functools.partial(module.compute_score, reward="process", arguments={"alpha": 1.0})
    scores = function([{"response": t, "response_length": len(t), "ground_truth": LABEL} for t in TEXTS])
    assert [score["overall"] for score in scores] == WANT
    metrics: dict[str, list[float]] = {}
    for score in scores:
        for key, value in score.items():
            metrics.setdefault(key, []).append(value)
    assert {len(values) for values in metrics.values()} == {len(TEXTS)}


def test_slime_loads_by_dotted_path() -> None:
    module, _, attribute = "kinetrace.integrations.slime.reward".rpartition(".")
    function = getattr(importlib.import_module(module), attribute)
    assert inspect.iscoroutinefunction(function)
    assert asyncio.run(function(types.SimpleNamespace(), samples()[1])) == WANT[1]


def test_cosmos_alone_and_by_group() -> None:
    function = cosmos.RewardFunction()
    rest = {"prompt": "p", "data_packer": None, "config": None, "tokenizer": None}
    value, parts = function(TEXTS[1], LABEL, **rest)
    assert value == WANT[1]
    values, rows = function(TEXTS, LABEL, **rest)
    assert values == WANT
    assert rows[1] == parts
    assert isinstance(rows, list)


def moving(video: Any, prompts: Any, **metadata: Any) -> Any:
    """(B,) mean change between frames; videos (B, T, C, H, W) in [0, 1]."""
    assert video.dim() == 5
    assert video.dtype == torch.float32
    assert 0 <= float(video.detach().min()) <= float(video.detach().max()) <= 1
    if video.shape[1] < 2:
        return video.new_zeros(len(video))
    return (video[:, 1:] - video[:, :-1]).abs().mean(dim=(1, 2, 3, 4))


def clip(*shape: int) -> Any:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_verl_omni_filters_keywords_by_signature() -> None:
    kept = {"data_source", "solution_image", "ground_truth", "extra_info", "reward"}
    assert kept <= set(inspect.signature(verl_omni.compute_score).parameters)
    video = (clip(4, 3, 8, 8) * 255).byte()
    for image in (video, video[0]):
        row = verl_omni.compute_score(
            data_source="d", solution_image=image, ground_truth="a ball", extra_info={"index": 1}, reward=moving
        )
        assert set(row) == {"score"}
        assert type(row["score"]) is float
    assert verl_omni.compute_score(
        data_source="d",
        solution_image=video,
        ground_truth="",
        extra_info={},
        reward=lambda v, p, **k: v.sum((1, 2, 3, 4)) * math.nan,
        fallback=-1,
    ) == {"score": -1.0}


def test_flow_grpo_reads_the_code_of_the_factory() -> None:
    factory = flow_grpo.make_score(moving)
    assert "device" in factory.__code__.co_varnames
    score = factory(torch.device("cpu"))
    videos = clip(2, 5, 3, 8, 8)
    scores, details = score(videos, ["a", "b"], [{}, {}])
    assert details == {}
    assert [0.5 * value for value in scores] == pytest.approx((0.5 * moving(videos, None)).tolist())
    images = (clip(2, 8, 8, 3) * 255).byte().numpy()
    assert score(images, ["a", "b"], {}) == ([0.0, 0.0], {})
    assert score(clip(2, 3, 8, 8), ["a", "b"], {}) == ([0.0, 0.0], {})


def test_dancegrpo_gets_videoaligns_dictionaries(tmp_path: Path) -> None:
    inferencer = videoalign.VideoInferencer(lambda path: {"a.mp4": 0.7, "b.mp4": math.nan, "c.mp4": None}[path])
    rows = inferencer.reward(["a.mp4", "b.mp4", "c.mp4"], ["x", "y", "z"], use_norm=True)
    assert [row["Overall"] for row in rows] == [0.7, -1.0, -1.0]
    assert all(set(row) == {"VQ", "MQ", "TA", "Overall"} for row in rows)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    assert videoalign.VideoInferencer().reward([str(bad)], [""])[0]["Overall"] == -1.0


def test_dancegrpo_scores_real_files(tmp_path: Path) -> None:
    from kinetrace.video.render import write_clip
    from video_clips import compose, parabola

    lawful = parabola((40, 40), (80, 10), (0, 90))
    jumping = lawful + np.where(np.arange(len(lawful)) > 12, 40.0, 0.0)[:, None]
    paths = []
    for name, path in (("lawful", lawful), ("jumping", jumping)):
        paths.append(str(tmp_path / f"{name}.mp4"))
        write_clip(Path(paths[-1]), compose([path]), 16)
    rows = videoalign.VideoInferencer().reward(paths, ["", ""])
    assert rows[0]["MQ"] > 0.8 > 0.5 > rows[1]["MQ"] >= 0


def test_flow_factory_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    abc: Any = types.ModuleType("flow_factory.rewards.abc")

    class Base:
        def __init__(self, config: Any, accelerator: Any) -> None:
            self.config, self.accelerator = config, accelerator

    abc.PointwiseRewardModel, abc.GroupwiseRewardModel = type("P", (Base,), {}), type("G", (Base,), {})
    abc.RewardModelOutput = types.SimpleNamespace
    rewards: Any = types.ModuleType("flow_factory.rewards")
    rewards.abc = abc
    for name, module in (
        ("flow_factory", types.ModuleType("flow_factory")),
        ("flow_factory.rewards", rewards),
        ("flow_factory.rewards.abc", abc),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    from kinetrace.integrations import flow_factory

    config = types.SimpleNamespace(extra_kwargs={"reward": moving})
    for name in ("PointwiseReward", "GroupwiseReward"):
        cls = getattr(flow_factory, name)
        assert issubclass(cls, getattr(abc, name + "Model"))
        model = cls(config, None)
        videos = [clip(5, 3, 8, 8), clip(4, 3, 8, 8)]  # of different lengths
        out = model(
            prompt=["a", "b"], video=videos, image=None, audio=None, condition_images=None, condition_videos=None
        )
        assert out.rewards == pytest.approx([float(moving(v[None], None)[0]) for v in videos])
        flow_factory.__dict__.pop(name)
    assert flow_factory.RewardCall.required_fields == ("prompt", "video")


def test_vader_gets_a_loss_with_a_gradient() -> None:
    frames = (clip(5, 3, 8, 8) * 2 - 1).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, rewards = vader.Loss(moving)(frames, ["a ball"])
    assert loss.shape == ()
    assert rewards.shape == (1,)
    loss.backward()
    assert frames.grad is not None
    assert torch.isfinite(frames.grad).all()
    assert float(frames.grad.abs().sum()) > 0
    torch.testing.assert_close(rewards[0], (frames[1:] - frames[:-1]).abs().mean() / 2)


def test_a_reward_with_its_own_loss_keeps_it() -> None:
    frames = clip(5, 3, 8, 8)
    loss, rewards = vader.Loss(lambda video, prompts: (video.sum() * 0 + 7, video.mean(dim=(1, 2, 3, 4))))(
        frames * 2 - 1
    )
    assert float(loss) == 7
    torch.testing.assert_close(rewards, frames.mean()[None])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_videox_fun_builds_by_name_and_keywords(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("videox_fun.reward.reward_fn")
    package: Any = types.ModuleType("videox_fun.reward")
    package.reward_fn = module
    for name, found in (
        ("videox_fun", types.ModuleType("videox_fun")),
        ("videox_fun.reward", package),
        ("videox_fun.reward.reward_fn", module),
    ):
        monkeypatch.setitem(sys.modules, name, found)
    videox_fun.register()
    settings = json.loads('{"reward": "test_recorded_calls_reward:moving", "loss": 1.0}')
    helper: Any = types.ModuleType("test_recorded_calls_reward")
    helper.moving = moving
    monkeypatch.setitem(sys.modules, helper.__name__, helper)
    reward = module.KinetraceReward(device="cpu", dtype=dtype, **settings)
    frames = clip(2, 3, 5, 8, 8).to(dtype).requires_grad_()
    loss, mean = reward(frames, ["a", "b"])
    loss.backward()
    assert frames.grad is not None
    assert frames.grad.dtype == dtype
    assert float(frames.grad.float().abs().sum()) > 0
    values = reward.get_reward(frames, ["a", "b"])
    assert values.shape == (2,)
    assert values.dtype == torch.float32
    torch.testing.assert_close(mean, values.mean())
    torch.testing.assert_close(loss, (values - 1).abs().mean())


def test_reference_reaches_verl_omni_only_as_its_prompt() -> None:
    seen: list[Any] = []

    def reward(video: Any, prompts: Any, extra_info: Any) -> Any:
        seen.append((prompts, extra_info))
        return video.mean(dim=(1, 2, 3, 4))

    verl_omni.compute_score("d", clip(2, 3, 4, 4), "a ball", {"reference_steps": REFERENCE}, reward=reward)
    assert seen == [(["a ball"], {"reference_steps": REFERENCE})]
