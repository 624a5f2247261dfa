"""ProcessReasoningReward called as TRL, ms-swift and verl call rewards, pickled and spawned as they do."""

from __future__ import annotations

import inspect
import math
import multiprocessing
import pickle
import threading
from typing import Any

import pytest

from kinetrace.rewards import ProcessReasoningReward

REFERENCE = ["The ball falls.", "It bounces twice.", "It stops."]
TEXTS = [
    "<think>The ball falls. It bounces twice. It stops.</think><answer>A</answer>",
    "<think>A red ball. It falls down. It may bounce. It stops.</think><answer>B</answer>",
    "",
]
WANT = ProcessReasoningReward()(completions=TEXTS, reference_steps=[REFERENCE] * 3)


def test_the_values_told_apart_here() -> None:
    assert WANT[0] == 1
    assert 0.3 < WANT[1] < 0.9
    assert WANT[2] == 0


def test_trl_plain_text() -> None:
    metrics: dict[str, float] = {}
    extra: dict[str, list[Any]] = {}
    got = ProcessReasoningReward()(
        prompts=["?"] * 3,
        completions=TEXTS,
        completion_ids=[[1], [2, 3], []],
        reference_steps=[REFERENCE] * 3,
        trainer_state=object(),
        log_metric=metrics.__setitem__,
        log_extra=extra.__setitem__,
        images=[None] * 3,
    )
    assert got == WANT
    assert all(type(value) is float for value in got)
    name = "process_reasoning_reward"
    assert metrics == {f"{name}/process": pytest.approx(sum(WANT) / 3), f"{name}/generated_steps": pytest.approx(7 / 3)}
    assert extra == {name: WANT}


def test_trl_conversations() -> None:
    completions = [[{"role": "assistant", "content": text}] for text in TEXTS]
    prompts = [[{"role": "user", "content": "?"}]] * 3
    assert ProcessReasoningReward()(prompts=prompts, completions=completions, reference_steps=[REFERENCE] * 3) == WANT
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": text}]}, {"role": "tool"}] for text in TEXTS]
    assert ProcessReasoningReward()(completions=parts, reference_steps=[REFERENCE] * 3) == WANT
    assert ProcessReasoningReward()(completions=[[], None], reference_steps=[REFERENCE] * 2) == [0, 0]


def test_trl_other_rewards_see_the_columns() -> None:
    seen: dict[str, Any] = {}

    def accuracy(completions: Any, solution: list[str], **columns: Any) -> list[float]:
        seen.update(columns)
        return [float(f"<answer>{s}</answer>" in text) for text, s in zip(completions, solution, strict=True)]

    got = ProcessReasoningReward(accuracy=accuracy)(
        completions=TEXTS,
        prompts=["?"] * 3,
        solution=["A"] * 3,
        reference_steps=[REFERENCE] * 3,
        log_metric=lambda *_: 0,
    )
    assert got == [WANT[0] + 1, WANT[1], WANT[2]]
    assert sorted(seen) == ["prompts", "reference_steps"]


def test_ms_swift() -> None:
    keywords = {"messages": [[]] * 3, "prompt_id": ["p"] * 3, "is_truncated": [False] * 3, "trainer_state": None}
    assert ProcessReasoningReward()(TEXTS, reference_steps=[REFERENCE] * 3, **keywords) == WANT


@pytest.mark.parametrize("where", ["extra_info", "ground_truth", "in ground_truth"])
def test_verl(where: str) -> None:
    for text, want in zip(TEXTS, WANT, strict=True):
        truth = {"ground_truth": REFERENCE, "in ground_truth": {"reference_steps": REFERENCE}}.get(where, "A")
        info = {"reference_steps": REFERENCE, "num_turns": 2} if where == "extra_info" else None
        got = ProcessReasoningReward()(data_source="moss", solution_str=text, ground_truth=truth, extra_info=info, x=1)
        assert got["score"] == want
        assert got == ProcessReasoningReward().compute_score("moss", text, truth, info)
        assert sorted(got) == sorted(ProcessReasoningReward().compute_score("", "", REFERENCE))
        assert all(type(value) is float and math.isfinite(value) for value in got.values())


def test_verl_batch() -> None:
    infos = [{"reference_steps": REFERENCE}, {"reference_steps": REFERENCE}, {"reference_steps": None}]
    got = ProcessReasoningReward()(
        data_sources=[""] * 3, solution_strs=TEXTS, ground_truths=["A", "A", REFERENCE], extra_infos=infos
    )
    assert [score["score"] for score in got] == WANT
    assert infos[2] == {"reference_steps": None}


def test_verl_needs_a_number_where_trl_wants_none() -> None:
    reward = ProcessReasoningReward(empty_reference="nan")
    assert reward(TEXTS[:1], reference_steps=[[]]) == [None]
    assert reward(solution_str=TEXTS[0], data_source="", ground_truth=[])["score"] == 0


def test_what_trainers_look_at() -> None:
    reward = ProcessReasoningReward()
    assert reward.__name__ == "process_reasoning_reward"
    assert not inspect.iscoroutinefunction(reward)
    assert "completions" in inspect.signature(reward).parameters


def test_pickle() -> None:
    reward = ProcessReasoningReward(split=str.splitlines, step="classic_jump", jump=3, alpha=2.0, accuracy="ok")
    again = pickle.loads(pickle.dumps(reward))
    assert again.__dict__ == reward.__dict__
    text = ["A ball.\nIt falls."]
    columns = {"reference_steps": [["a ball"]], "ok": [1]}
    assert again(text, **columns) == reward(text, **columns)


def test_in_a_spawned_process() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        got = pool.apply(ProcessReasoningReward(), kwds={"completions": TEXTS, "reference_steps": [REFERENCE] * 3})
    assert got == WANT


def test_in_several_threads_at_once() -> None:
    reward = ProcessReasoningReward()
    answers: list[Any] = [None] * 4

    def work(k: int) -> None:
        for _ in range(20):
            answers[k] = reward(TEXTS * 8, reference_steps=[REFERENCE] * 24)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [WANT * 8] * 4
