"""Accuracy and format rewards: golden vectors, quirks, call forms, and what no answer may make of them."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from golden_cases import case_id, cases
from kinetrace.rewards import AccuracyReward, FormatReward, accuracy_reward, format_reward

TYPES = ["multiple choice", "numerical", "OCR", "free-form", "regression", "other", None]


@pytest.mark.parametrize("compat", [True, False])
@pytest.mark.parametrize("case", cases("accuracy", "tgrpo"), ids=case_id)
def test_golden_accuracy(case: dict[str, Any], compat: bool) -> None:
    columns = {"solution": [case["solution"]], "problem_type": [case["type"]]}
    value = accuracy_reward(completions=[case["completion"]], compat=compat, **columns)
    expected = case["expected" if compat else "expected_strict"]
    assert value == pytest.approx([expected], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("case", cases("format", "tgrpo"), ids=case_id)
def test_golden_format(case: dict[str, Any]) -> None:
    assert format_reward(completions=[case["completion"]]) == [case["expected"]]


def test_format_counts_tags_when_asked() -> None:
    twice = "<think>a</think><think>c</think><answer>b</answer>"
    assert format_reward([twice]) == [1.0]
    assert format_reward([twice], count_tags=True) == [0.0]
    assert FormatReward(count_tags=True)(["<think>a</think><answer>b</answer>"]) == [1.0]


def _answer(text: str) -> str:
    return f"<answer>{text}</answer>"


@pytest.mark.parametrize(
    ("answer", "solution", "compat", "expected"),
    [
        ("nan", "10", True, 1.0),
        ("nan", "10", False, 0.0),
        ("10", "inf", True, 1.0),
        ("10", "inf", False, 0.0),
        ("0", "0", True, 0.0),
        ("0", "0", False, 1.0),
        ("inf", "10", True, 0.0),
        ("1_0", "10", False, 1.0),
        ("-10", "10", False, 0.0),
    ],
)
def test_regression_quirks(answer: str, solution: str, compat: bool, expected: float) -> None:
    columns = {"solution": [_answer(solution)], "problem_type": ["regression"]}
    assert accuracy_reward([_answer(answer)], compat=compat, **columns) == [expected]


def test_types_are_per_row_and_missing_ones_are_unscorable() -> None:
    completions = [_answer("B"), _answer("9"), _answer("a red car"), _answer("B"), _answer("B")]
    solutions = [_answer("B"), _answer("9.0"), _answer("the red car"), None, _answer("B")]
    types = ["multiple choice", "numerical", "free-form", "multiple choice", None]
    values = accuracy_reward(completions, solution=solutions, problem_type=types)
    rouge = float(kt.rouge(["the red car"], ["a red car"]).sum() / 3)
    assert values == [1.0, 0.0, pytest.approx(rouge, abs=1e-12), None, None]


def test_columns_and_solutions_without_tags() -> None:
    reward = AccuracyReward(solution_column="gold", problem_type="numerical", solution_tags=False)
    assert reward(completions=[_answer("7")], gold=[7], other=["x"]) == [1.0]
    with pytest.raises(ValueError, match=r"^problem_type: expected one of 'multiple choice', .* got 'ocr'$"):
        AccuracyReward(problem_type="ocr")
    with pytest.raises(ValueError, match=r"^gold: expected a column with 1 entries, got None$"):
        reward(completions=[_answer("7")])


def test_call_forms() -> None:
    reward = AccuracyReward(problem_type="multiple choice", solution_tags=False)
    chat = [[{"role": "assistant", "content": _answer("A")}]]
    metrics: dict[str, float] = {}
    extras: dict[str, list[Any]] = {}
    values = reward(
        prompts=["q"],
        completions=chat,
        completion_ids=[[1, 2]],
        solution=["A"],
        trainer_state=object(),
        log_metric=metrics.__setitem__,
        log_extra=extras.__setitem__,
    )
    assert values == [1.0]
    assert metrics == {"accuracy_reward/accuracy": 1.0}
    assert extras == {"accuracy_reward": [1.0]}
    assert reward([_answer("A")], solution=["A"]) == [1.0]
    one = reward(data_source="d", solution_str=_answer("A"), ground_truth="A", extra_info={"x": 1})
    missing = reward(data_source="d", solution_str=_answer("A"), ground_truth=None, extra_info=None)
    assert one == {"score": 1.0, "accuracy": 1.0}
    assert missing == {"score": 0.0, "accuracy": 0.0}
    batch = reward(solution_strs=[_answer("A")] * 2, ground_truths=["A", "B"], extra_infos=[None, {}])
    assert [row["score"] for row in batch] == [1.0, 0.0]
    assert reward.components([_answer("A")], solution=["A"]) == [{"total": 1.0, "accuracy": 1.0}]
    assert format_reward(solution_str="x", ground_truth=None) == {"score": 0.0, "format": 0.0}


def test_pickle() -> None:
    for reward in (AccuracyReward(compat=True), FormatReward(), accuracy_reward, format_reward):
        copy = pickle.loads(pickle.dumps(reward))
        assert copy.__name__ == reward.__name__
        columns = {"solution": ["", ""], "problem_type": ["OCR", "OCR"]}
        assert copy(["a", "b"], **columns) == reward(["a", "b"], **columns)


TEXT = st.text(st.sampled_from("<>/answerthink 0123456789.,-+einfa_\nñ一"), max_size=40)


@given(answer=TEXT, solution=TEXT, kind=st.sampled_from(TYPES), compat=st.booleans(), tags=st.booleans())
def test_never_nan_or_infinite_or_out_of_range(answer: str, solution: str, kind: Any, compat: bool, tags: bool) -> None:
    texts = [_answer(answer) if tags else answer, solution]
    columns = {"solution": [_answer(solution)] * 2, "problem_type": [kind] * 2}
    for value in accuracy_reward(texts, compat=compat, **columns):
        assert (value is None) == (kind is None)
        assert value is None or (math.isfinite(value) and 0 <= value <= 1)
    for value in format_reward(texts):
        assert value in (0.0, 1.0)
