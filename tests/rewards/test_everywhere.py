"""Rewards in spawned and forked processes and in eight threads give what they give at home."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from kinetrace.rewards import AccuracyReward, FormatReward, ProcessAwareReward, TemporalReward, accuracy_reward

ANSWER = "<observation>ball</observation><think>t</think><answer>a red car</answer>"
COLUMNS: dict[str, Any] = {
    "completions": [ANSWER, "x", "<answer>red</answer>", ANSWER],
    "prompts": ["p", "p", "q", "q"],
    "solution": ["<answer>the red car</answer>"] * 3 + [None],
    "problem_type": ["free-form"] * 4,
    "shuffled_accuracy": [[0.1], [0.1], [0.2], [0.2]],
    "verdict": [True, False, None, "yes"],
}
REWARDS: list[Any] = [
    accuracy_reward,
    AccuracyReward(compat=True),
    FormatReward(count_tags=True),
    TemporalReward(),
    TemporalReward(preset="video_r1_code", parts="bonus"),
    ProcessAwareReward.preset("videop2r", judge="verdict", tokenizer=str.split),
]


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(method: str) -> None:
    here = [reward(**COLUMNS) for reward in REWARDS]  # used before the fork
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        there = [pool.submit(reward, **COLUMNS) for reward in REWARDS]
        assert [future.result(timeout=300) for future in there] == here
    assert any(value not in (None, 0.0) for values in here for value in values)


def test_threads() -> None:
    here = [reward(**COLUMNS) for reward in REWARDS]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            futures = [pool.submit(reward, **COLUMNS) for reward in REWARDS for _ in range(8)]
            assert [future.result() for future in futures] == [values for values in here for _ in range(8)]


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: type(reward).__name__)
def test_verl_keys_are_the_same_for_every_sample(reward: Any) -> None:
    columns = {name: column for name, column in COLUMNS.items() if name not in ("completions", "solution")}
    infos = [{name: column[i] for name, column in columns.items()} for i in range(4)]
    rows = [
        reward(data_source="d", solution_str=text, ground_truth=truth, extra_info=info)
        for text, truth, info in zip(COLUMNS["completions"], COLUMNS["solution"], infos, strict=True)
    ]
    assert len({tuple(row) for row in rows}) == 1
    assert all(isinstance(value, float) and abs(value) < 100 for row in rows for value in row.values())
