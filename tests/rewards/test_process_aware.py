"""ProcessAwareReward: golden vectors, judges, malformed outputs, segments, and the way to advantages per token."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_within
from golden_cases import case_id, cases
from kinetrace.rewards import ProcessAwareReward, process_aware_rewards, token_segments

GOOD = "<observation>A ball falls.</observation> <think>Down.</think><answer>B</answer>"
COLUMNS: dict[str, Any] = {"solution": ["<answer>B</answer>"], "problem_type": ["multiple choice"]}


def says_yes(*, observations: list[str], **columns: Any) -> list[str]:
    """A judge as the paper's: it replies in tags."""
    return [f"I think <judgement>{'Yes' if 'ball' in text else 'No'}</judgement>" for text in observations]


def _columns(count: int) -> dict[str, Any]:
    return {name: column * count for name, column in COLUMNS.items()}


@pytest.mark.parametrize("gate", ["per_segment", "both"])
@pytest.mark.parametrize("case", cases("rewards", "pagrpo"), ids=case_id)
def test_golden_rewards(case: dict[str, Any], gate: str) -> None:
    value = process_aware_rewards(
        [case["accuracy_P_R"]],
        [case["format_P_R"]],
        [case["length_P_R"]],
        length_bonus=case["omega"],
        bands=(case["band_P"], case["band_R"]),
        len_gate=gate,
    )
    assert_within(value, [case["expected"][gate]], 1e-12)


@pytest.mark.parametrize("case", cases("segments", "pagrpo"), ids=case_id)
def test_golden_segments(case: dict[str, Any]) -> None:
    value = token_segments([case["completion"]], [case["offsets"]], num_tokens=len(case["offsets"]) + 2)
    assert value.tolist() == [[*case["expected"]["segment"], -1, -1]]


def test_segments_of_special_tokens_and_bad_offsets() -> None:
    text = "<observation>x</observation>y"
    assert token_segments([text], [[(0, 28), (28, 29), (0, 0), (0, 0)]]).tolist() == [[0, 1, 1, 1]]
    assert token_segments([], []).shape == (0, 0)
    assert token_segments(["", "a"], [[], [(0, 1)]]).tolist() == [[-1], [1]]
    with pytest.raises(ValueError, match=r"^offsets: expected 2 entries, one per completion, got 1$"):
        token_segments(["a", "b"], [[]])
    with pytest.raises(ValueError, match=r"^num_tokens: expected at least 2, got 1$"):
        token_segments(["ab"], [[(0, 1), (1, 2)]], num_tokens=1)


def test_malformed_outputs() -> None:
    texts = [
        GOOD,
        "<think>t</think><answer>B</answer>",  # no observation: everything is reasoning
        "<observation>ball</observation><answer>B</answer>",  # no reasoning format
        "no ball</observation><think>t</think><answer>A</answer>",  # not opened
        "<observation>cat</observation><think>t</think><answer>B</answer>",  # judged insufficient
        "",
    ]
    reward = ProcessAwareReward(judge=says_yes)
    rewards = reward.segment_rewards(texts, **_columns(len(texts)))
    assert rewards.tolist() == [[2, 2], [0, 2], [2, 1], [1, 1], [1, 2], [0, 0]]
    assert reward(completions=texts, **_columns(len(texts))) == rewards.sum(axis=1).tolist()


def test_judges_see_only_observations_and_their_columns() -> None:
    seen: dict[str, Any] = {}

    def judge(**given: Any) -> list[bool]:
        seen.update(given)
        return [True] * len(given["observations"])

    texts = ["x", GOOD, "y"]
    ProcessAwareReward(judge=judge)(completions=texts, question=["a", "b", "c"], shared=7, **_columns(3))
    assert seen["observations"] == ["A ball falls."]
    assert seen["completions"] == [GOOD]
    assert seen["question"] == ["b"]
    assert seen["shared"] == 7

    def never(**given: Any) -> list[bool]:
        raise AssertionError("nothing to judge")

    assert ProcessAwareReward(judge=never)(completions=["x"], **COLUMNS) == [0.0]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [(True, 4.0), (0.5, 3.5), ("<judgement>No</judgement>", 3.0), (" yes ", 4.0), (None, None), ("maybe", None)],
)
def test_offline_verdicts(verdict: Any, expected: float | None) -> None:
    reward = ProcessAwareReward(judge="verdict")
    assert reward(completions=[GOOD], verdict=[verdict], **COLUMNS) == [expected]


def test_wrong_number_of_verdicts() -> None:
    reward = ProcessAwareReward(judge=lambda **_: [])
    with pytest.raises(ValueError, match=r"^judge: expected 1 verdicts, one per observation, got 0$"):
        reward(completions=[GOOD], **COLUMNS)


def test_length_bonus_by_tokenizer_or_column() -> None:
    words = ProcessAwareReward.preset("videop2r", judge=says_yes, tokenizer=str.split, perception_band=(3, 3))
    assert words(completions=[GOOD], **COLUMNS) == pytest.approx([4.2])
    mapping = ProcessAwareReward(
        judge=says_yes, tokenizer=lambda text: {"input_ids": list(text)}, reasoning_band=(1, 999)
    )
    assert mapping(completions=[GOOD], **COLUMNS) == pytest.approx([4.2])
    preset = ProcessAwareReward.preset("videop2r", judge=says_yes)
    assert preset(completions=[GOOD], segment_lengths=[(128, 512)], **COLUMNS) == pytest.approx([4.4])
    assert preset(completions=[GOOD], segment_lengths=[(127, 512)], **COLUMNS) == pytest.approx([4.2])
    both = ProcessAwareReward(judge=says_yes, len_gate="both")
    assert both(completions=[GOOD], segment_lengths=[(127, 512)], **COLUMNS) == pytest.approx([4.0])


def test_from_text_to_advantages_per_token() -> None:
    texts = [GOOD, GOOD.replace("ball", "cat"), GOOD.replace("B<", "C<"), "<answer>B</answer>"]
    offsets = [[(i, i + 1) for i in range(len(text))] + [(0, 0)] for text in texts]
    rewards = ProcessAwareReward(judge=says_yes).segment_rewards(texts, **_columns(4))
    segments = token_segments(texts, offsets)
    value = kt.segment_advantages(rewards, np.zeros(4, np.int64), segments)
    each = [kt.group_advantages(rewards[:, k], np.zeros(4, np.int64)) for k in (0, 1)]
    cut = GOOD.index("</observation>") + len("</observation>")
    assert (value[0, :cut] == each[0][0]).all()
    assert (value[0, cut : len(GOOD) + 1] == each[1][0]).all()
    assert (value[3, : len(texts[3]) + 1] == each[1][3]).all()
    assert not value[3, len(texts[3]) + 1 :].any()


def test_call_forms_and_pickle() -> None:
    reward = pickle.loads(pickle.dumps(ProcessAwareReward(judge=says_yes)))
    chat = [[{"role": "assistant", "content": GOOD}]]
    assert reward(prompts=["q"], completions=chat, completion_ids=[[1]], **COLUMNS) == [4.0]
    score = reward(solution_str=GOOD, ground_truth="<answer>B</answer>", extra_info={"problem_type": "multiple choice"})
    assert score["score"] == 4.0
    assert score["perception"] == 2.0
    assert all(np.isfinite(value) for value in score.values())
