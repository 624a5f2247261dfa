"""What the tests of integrations score, and every callable of theirs that must survive pickle, processes and threads."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

import kinetrace as kt
from kinetrace.integrations import cosmos, easyr1, openrlhf, slime, swift, trl, verl
from kinetrace.integrations.ray import RewardTransform

REFERENCE = ["The ball falls.", "It bounces twice.", "It stops."]
TEXTS = [
    "<think>The ball falls. It bounces twice. It stops.</think><answer>A</answer>",
    "<think>A red ball. It falls down. It may bounce. It stops.</think><answer>B</answer>",
    "",
]
COUNT = len(TEXTS)
LABEL = json.dumps({"reference_steps": REFERENCE})
COLUMNS: dict[str, Any] = {"reference_steps": [REFERENCE] * COUNT}
INFO = {"reference_steps": REFERENCE}
WANT = kt.rewards.ProcessReasoningReward()(TEXTS, **COLUMNS)


def first_two(completions: Any, **columns: Any) -> list[float | None]:
    """A reward of somebody else, that cannot score everything."""
    return [len(text) / 100 if text else None for text in completions]


def samples() -> list[Any]:
    """As slime has them."""
    return [SimpleNamespace(prompt="p", response=text, label=LABEL, metadata={}, response_length=9) for text in TEXTS]


CALLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "verl": (
        verl.compute_score,
        {"data_source": "d", "solution_str": TEXTS[1], "ground_truth": "B", "extra_info": INFO},
    ),
    "verl batch": (
        verl.compute_score_batch,
        {
            "data_sources": ["d"] * COUNT,
            "solution_strs": TEXTS,
            "ground_truths": ["B"] * COUNT,
            "extra_infos": [INFO] * COUNT,
        },
    ),
    "easyr1": (
        easyr1.compute_score,
        {"reward_inputs": [{"response": t, "response_length": 5, "ground_truth": LABEL} for t in TEXTS]},
    ),
    "cosmos": (cosmos.RewardFunction(), {"to_be_evaluated": TEXTS, "reference": LABEL, "prompt": "p"}),
    "slime": (slime.scores, {"samples": samples()}),
    "swift": (swift.orm("process", base=object)(), {"completions": TEXTS, **COLUMNS}),
    "trl whole groups": (trl.WholeGroups(kt.rewards.ProcessReasoningReward()), {"completions": TEXTS, **COLUMNS}),
    "ray": (RewardTransform(first_two), {"batch": {"completions": np.array(TEXTS)}}),
    "openrlhf": (
        openrlhf.reward_func,
        {"queries": ["p" + t for t in TEXTS], "prompts": ["p"] * COUNT, "labels": [LABEL] * COUNT},
    ),
}


def called(name: str) -> Any:
    """The answer of a call as plain data."""
    function, keywords = CALLS[name]
    return plain(function(**keywords))


def plain(value: Any) -> Any:
    """Arrays and tensors as lists."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value
