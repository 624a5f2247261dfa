"""Offsets of generated tokens, layouts and ranges of videos, rewards as batch transforms."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt
from kinetrace.integrations._frames import FrameReward, arranged, ranged, stacked
from kinetrace.integrations._offsets import text_and_offsets
from kinetrace.integrations._rewards import score_rows
from kinetrace.integrations.ray import RewardTransform
from kinetrace.integrations.trl import SegmentTotals, WholeGroups


class Bytes:
    """A tokenizer of bytes, 256 ends; `strips` forgets a leading blank, as tokenizers of another kind do."""

    all_special_ids = (256,)

    def __init__(self, strips: bool = False) -> None:
        self.strips = strips

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        text = bytes(i for i in ids if i < 256).decode("utf-8", errors="replace")
        return text.removeprefix(" ") if self.strips else text


@pytest.mark.parametrize("strips", [False, True])
@pytest.mark.parametrize("text", ["", "plain", " <observation>é 球 🙂</observation> x", "🙂🙂"])
def test_offsets_of_bytes(text: str, strips: bool) -> None:
    ids = [*text.encode(), 256]
    got, spans = text_and_offsets(Bytes(strips), ids)
    assert got == (text.removeprefix(" ") if strips else text)
    assert len(spans) == len(ids)
    assert spans[-1] == (len(got), len(got))
    assert all(a[1] == b[0] and a[0] <= a[1] for a, b in pairwise(spans))
    assert [got[a:b] for a, b in spans if b > a] == list(got)  # the token that ends a character covers it


def test_offsets_of_a_character_that_never_ends() -> None:
    text, spans = text_and_offsets(Bytes(), [97, 0xF0, 0x9F, 256])
    assert text.startswith("a")
    assert spans[0] == (0, 1)
    assert spans[-1][1] == len(text)


def test_layouts_are_views() -> None:
    video = torch.rand(2, 3, 4, 5, 6)
    for order in list(permutations("BTCHW"))[::7]:
        given = video.permute(["BTCHW".index(axis) for axis in order])
        back = arranged(given, "".join(order), "BTCHW")
        assert back.data_ptr() == video.data_ptr()
        assert torch.equal(back, video)
    assert arranged(video[0], "TCHW", "BCTHW").shape == (1, 4, 3, 5, 6)
    assert arranged(video[:, 0], "BCHW", "BTCHW").shape == (2, 1, 4, 5, 6)


def test_ranges() -> None:
    whole = torch.tensor([0, 51, 255], dtype=torch.uint8)
    unit = ranged(whole, "uint8", "unit")
    torch.testing.assert_close(unit, torch.tensor([0, 0.2, 1.0]))
    torch.testing.assert_close(ranged(unit, "unit", "signed"), torch.tensor([-1, -0.6, 1.0]))
    assert torch.equal(ranged(ranged(unit, "unit", "signed"), "signed", "uint8"), whole)
    assert ranged(unit, "unit", "unit") is unit


def test_videos_of_different_shapes_keep_their_places() -> None:
    found = stacked([torch.zeros(2, 3, 4, 4), torch.ones(3, 3, 4, 4), torch.ones(2, 3, 4, 4)])
    assert [places for places, _ in found] == [[0, 2], [1]]
    assert found[0][1].shape == (2, 2, 3, 4, 4)


def test_bad_frame_rewards() -> None:
    with pytest.raises(ValueError, match=r"^layout: expected B, T, C, H and W"):
        FrameReward(len, layout="BTHW")
    with pytest.raises(ValueError, match=r"^values: expected one of"):
        FrameReward(len, values="0-1")
    with pytest.raises(ValueError, match=r"^loss: expected"):
        FrameReward(len, loss="positive")
    with pytest.raises(ValueError, match=r"^video: expected axes BTCHW"):
        FrameReward(len).scores(torch.zeros(2, 3), [], layout="BTCHW")
    with pytest.raises(ValueError, match=r"^reward: expected 2 values"):
        FrameReward(lambda video, prompts: [1.0]).scores(torch.zeros(2, 1, 3, 4, 4), [], layout="BTCHW")


def test_the_rewards_of_clips_are_taken_as_they_are() -> None:
    flow = torch.randn(3, 5, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    reward = kt.rewards.NewtonReward(layout="BCTHW")
    frames = FrameReward(reward)
    assert (frames.layout, frames.values) == ("BCTHW", "unit")
    expected = reward.get_reward(flow.transpose(1, 2))
    loss, rewards = frames.losses_and_rewards(flow, ["a"] * 3, layout="BTCHW", metadata={"id": 1})
    torch.testing.assert_close(rewards, expected)
    torch.testing.assert_close(loss, -expected.mean())
    assert torch.autograd.grad(loss, flow)[0].abs().sum() > 0


def test_what_cannot_be_scored_gets_what_its_reward_says() -> None:
    flow = torch.full((1, 5, 2, 6, 7), float("nan"))
    assert FrameReward(kt.rewards.NewtonReward()).scores(flow, None, layout="BTCHW").tolist() == [-1.0]
    assert FrameReward(kt.rewards.NewtonReward(undefined=-9.0)).scores(flow, None, layout="BTCHW").tolist() == [-9.0]
    assert FrameReward(kt.rewards.NewtonReward()).scores(flow, None, layout="BTCHW", fallback=2).tolist() == [2.0]
    rows = score_rows(kt.rewards.NewtonReward(), [""], infos=[{"video": "no such file.mp4"}])
    assert rows[0]["score"] == -1.0


def test_a_batch_of_ray_data_gets_null_where_nothing_can_be_said() -> None:
    batch = {"completions": np.array(["The ball falls.", "x"]), "reference_steps": np.empty(2, dtype=object)}
    batch["reference_steps"][:] = [np.array(["The ball falls."]), None]
    for column in batch.values():
        column.setflags(write=False)  # as in Ray's object store
    out = RewardTransform("process", components=True)(batch)
    assert out["reward"].tolist() == [1.0, None]
    assert out["reward_generated_steps"].tolist() == [1.0, 1.0]
    assert RewardTransform("process", fallback=-1.0)(batch)["reward"].tolist() == [1.0, -1.0]


def test_asynchronous_rewards_cannot_gather() -> None:
    async def reward(completions: Any, **columns: Any) -> list[float]:
        return [0.0] * len(completions)

    with pytest.raises(TypeError, match=r"^reward: expected a synchronous function"):
        WholeGroups(reward)


def test_segment_totals() -> None:
    class Parts:
        def segment_rewards(self, completions: Any, **columns: Any) -> Any:
            assert "log_metric" not in columns
            return np.array([[1.0, 2.0], [np.nan, 1.0], [np.inf, 0.0]])

    metrics: dict[str, float] = {}
    totals = SegmentTotals(Parts())
    assert totals(["a", "b", "c"], log_metric=metrics.__setitem__) == [3.0, None, None]
    assert metrics == {"Parts/segment_0": 1.0, "Parts/segment_1": 1.0}
    with pytest.raises(ValueError, match=r"^segment_rewards: expected shape \(2, K\)"):
        totals(["a", "b"])


@pytest.fixture
def _two_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.distributed as a rank of two sees it; the other has the same rows under other names."""

    def all_gather_object(entries: list[Any], own: Any) -> None:
        completions, columns = own
        entries[:] = [own, ([text.upper() for text in completions], columns)]

    for name, value in (("is_initialized", lambda: True), ("get_world_size", lambda: 2), ("get_rank", lambda: 0)):
        monkeypatch.setattr(torch.distributed, name, value)
    monkeypatch.setattr(torch.distributed, "all_gather_object", all_gather_object)


@pytest.mark.usefixtures("_two_ranks")
def test_half_a_group_is_completed() -> None:
    seen: list[Any] = []
    extra: dict[str, Any] = {}

    def reward(completions: Any, log_extra: Any, **columns: Any) -> list[float]:
        seen.append((list(completions), columns))
        log_extra("text", completions)
        return [float(ord(text[0])) for text in completions]

    whole = WholeGroups(reward, num_generations=4)
    image = object()
    prompts = [[{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": "?"}]}]] * 2
    got = whole(
        ["a", "b"], prompts=prompts, gid=[1, 1], images=[image] * 2, trainer_state=7, log_extra=extra.__setitem__
    )
    assert got == [97.0, 98.0]
    completions, columns = seen[0]
    assert completions == ["a", "b", "A", "B"]
    assert columns["gid"] == [1] * 4
    assert "images" not in columns
    assert columns["trainer_state"] == 7
    assert columns["prompts"][0][0]["content"] == [{"type": "image"}, {"type": "text", "text": "?"}]
    assert extra == {"text": ["a", "b"]}
