"""EasyR1: batch rewards from responses and packed ground truths.

worker.reward.reward_function=$(python -m kinetrace plugin-path easyr1):compute_score
worker.reward.reward_function_kwargs='{"reward": "process", "arguments": {"alpha": 3.0}}'
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.integrations._rewards import Row, reward_of, score_rows

REWARD_NAME = "kinetrace"
REWARD_TYPE = "batch"


def compute_score(
    reward_inputs: Sequence[Mapping[str, Any]],
    *,
    reward: Any = "process",
    arguments: Mapping[str, Any] | None = None,
    fallback: float | None = None,
    **ignored: Any,
) -> list[Row]:
    """Scores of a batch in EasyR1's form.

    Args:
        reward_inputs: {"response", "response_length", "ground_truth"} each, and nothing else: EasyR1 passes no
            columns, so pack them as a JSON object into ground_truth (`{"reference_steps": [...], "solution": ...}`); a
            JSON list is the reward's own ground truth, anything else the answer.
        reward, arguments, fallback: see `kinetrace.integrations.verl.compute_score`.
        **ignored: further entries of reward_function_kwargs.

    Returns:
        Dicts of finite floats with "overall", the same keys for every sample.
    """
    texts = [str(entry["response"]) for entry in reward_inputs]
    infos: list[dict[str, Any]] = [
        {"completion_lengths": int(entry.get("response_length") or 0)} for entry in reward_inputs
    ]
    truths = [unpacked(entry["ground_truth"]) for entry in reward_inputs]
    rows = score_rows(reward_of(reward, arguments), texts, truths, infos, fallback=fallback)
    return [{"overall": row.pop("score"), **row} for row in rows]


def unpacked(truth: Any) -> Any:
    """A ground truth that is a JSON object or list as what it is; other ones unchanged."""
    if isinstance(truth, str) and truth.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(truth)
        except json.JSONDecodeError:
            return truth
    return truth
