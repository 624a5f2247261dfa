"""TemporalReward: groups, shuffled responses, images, call forms."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from kinetrace.rewards import FormatReward, TemporalReward


def _reward(**changes: Any) -> TemporalReward:
    return TemporalReward(**({"preset": "video_r1_code", "accuracy": "accuracy", "format": None} | changes))


PROMPTS = ["p", "q", "p", "q"]
COLUMNS: dict[str, Any] = {
    "prompts": PROMPTS,
    "accuracy": [1.0, 0.0, 0.5, 1.0],
    "shuffled_accuracy": [[0.5, 0.5], [1.0, 1.0], [0.5, 0.5], [1.0, 1.0]],
}


def test_groups_by_prompt() -> None:
    # p: mean .75 >= .8 * .5; q: mean .5 < .8 * 1
    assert _reward()(completions=["a"] * 4, **COLUMNS) == pytest.approx([1.3, 0.0, 0.8, 1.0])
    assert _reward(parts="bonus")(completions=["a"] * 4, **COLUMNS) == pytest.approx([0.3, 0.0, 0.3, 0.0])
    assert _reward(mu=0.4)(completions=["a"] * 4, **COLUMNS) == pytest.approx([1.3, 0.0, 0.8, 1.3])


def test_media_and_group_columns_tell_prompts_apart() -> None:
    columns = COLUMNS | {"prompts": ["same"] * 4}
    assert _reward()(completions=["a"] * 4, **columns, video_path=PROMPTS) == pytest.approx([1.3, 0.0, 0.8, 1.0])
    by_id = _reward(group_column="uid")(completions=["a"] * 4, **columns, uid=["x", "y", "x", "y"])
    assert by_id == pytest.approx([1.3, 0.0, 0.8, 1.0])
    chats = [[{"role": "user", "content": [{"type": "text", "text": p}]}] for p in PROMPTS]
    assert _reward()(completions=["a"] * 4, **(COLUMNS | {"prompts": chats})) == pytest.approx([1.3, 0.0, 0.8, 1.0])
    images = [[{"role": "user", "content": [{"type": "image", "image": object()}]}] for _ in PROMPTS]
    with pytest.raises(ValueError, match=r"^group_column: expected a column of group ids where prompts hold more"):
        _reward()(completions=["a"] * 4, **(COLUMNS | {"prompts": images}))


def test_half_a_group_is_an_error_not_a_wrong_bonus() -> None:
    reward = _reward(group_size=2)
    assert len(reward(completions=["a"] * 4, **COLUMNS)) == 4
    half = {name: column[:3] for name, column in COLUMNS.items()}
    with pytest.raises(ValueError, match=r"^group_size: expected 2 completions in every group, got 1 to 2; "):
        reward(completions=["a"] * 3, **half)


def test_lengths_images_and_format() -> None:
    ids = [[0] * 400, [0] * 400, [0] * 320, [0] * 10]
    more = {"completion_ids": ids, "data_type": ["video", "video", "video", "image"]}
    texts = ["<think>a</think><answer>b</answer>", "x", "x", "x"]
    value = _reward(format=FormatReward())(completions=texts, **COLUMNS, **more)
    assert value == pytest.approx([2.5, 0.0, 1.0, 1.0])  # q has one correct response: too few for the length bonus
    image = _reward()(completions=texts, **COLUMNS, data_type=["image"] * 4)
    assert image == pytest.approx([1.0, 0.0, 0.5, 1.0])


def test_shuffled_completions_are_scored_by_the_same_rule() -> None:
    answer = "<answer>B</answer>"
    reward = TemporalReward(preset="video_r1_paper", format=None)
    columns = {
        "prompts": ["p"] * 2,
        "solution": [answer] * 2,
        "problem_type": ["multiple choice"] * 2,
        "shuffled_completions": [[answer, "x"]] * 2,
    }
    assert reward(completions=[answer, "wrong"], **columns) == pytest.approx([1.3, 0.0])
    assert reward(completions=["wrong", "wrong"], **columns) == [0.0, 0.0]


def test_components_and_advantages_are_those_of_temporal_bonus() -> None:
    rows = _reward(apply_to="advantage").components(completions=["a"] * 4, **COLUMNS)
    result = kt.temporal_bonus(
        np.array(COLUMNS["accuracy"]),
        np.array([0.5, 0.5, 1.0, 1.0]),
        np.array([0, 1, 0, 1]),
        np.array([0, 0, 1, 1]),
        preset="video_r1_code",
        apply_to="advantage",
    )
    assert [row["advantage"] for row in rows] == result.advantages.tolist()
    assert [row["total"] for row in rows] == COLUMNS["accuracy"]
    assert len({tuple(row) for row in rows}) == 1


def test_unscorable_rows_are_none() -> None:
    columns = COLUMNS | {"accuracy": [None, 0.0, 1.0, float("inf")]}
    assert _reward()(completions=["a"] * 4, **columns) == [None, 0.0, pytest.approx(1.3), None]


def test_pickle_and_bad_arguments() -> None:
    copy = pickle.loads(pickle.dumps(_reward(mu=0.5)))
    assert copy(completions=["a"] * 4, **COLUMNS) == _reward(mu=0.5)(completions=["a"] * 4, **COLUMNS)
    with pytest.raises(TypeError, match=r"^nu: expected one of alpha, mu, "):
        _reward(nu=1)
    with pytest.raises(ValueError, match=r"^parts: expected one of 'total', 'bonus', got 'sum'$"):
        _reward(parts="sum")
    with pytest.raises(ValueError, match=r"^prompts: expected a column with 1 entries, got None$"):
        _reward()(completions=["a"], accuracy=[1.0])
