"""OpenRLHF: `reward_func` of single samples; its file is `python -m kinetrace plugin-path openrlhf`.

export KINETRACE_REWARD='{"reward": "process", "arguments": {"alpha": 3.0}}'
--reward.remote_url "$(python -m kinetrace plugin-path openrlhf)"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinetrace.integrations._rewards import from_environment, score_rows
from kinetrace.integrations.easyr1 import unpacked


def responses_of(queries: Sequence[str], prompts: Sequence[str]) -> list[str]:
    """What follows the prompt in each query; the whole query where it does not begin with the prompt."""
    return [
        query[len(prompt) :] if prompt and query.startswith(prompt) else query
        for query, prompt in zip(queries, prompts, strict=True)
    ]


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **kwargs: Any) -> dict[str, Any]:
    """Rewards in OpenRLHF's form. The reward is what the environment variable KINETRACE_REWARD says.

    OpenRLHF swallows exceptions and then trains without a reward: what is wrong with a configuration is raised here
    all the same, and logged by OpenRLHF as "Failed to fetch reward".

    Args:
        queries: prompts with their responses, special tokens included (they are cut from the end of the response).
        prompts: the prompts.
        labels: columns as a JSON object, see `kinetrace.integrations.easyr1.compute_score`.
        **kwargs: not used.

    Returns:
        "rewards" and "scores" (rewards limited to [0, 1], for dynamic filtering), float32 tensors (B,); "extra_logs":
        tensors (B,) by the names of the reward's components.
    """
    import torch

    reward, fallback = from_environment()
    texts = [_without_end(text) for text in responses_of(queries, prompts)]
    rows = score_rows(reward, texts, [unpacked(label) for label in labels], fallback=fallback)
    table = {key: torch.tensor([row[key] for row in rows], dtype=torch.float32) for key in rows[0]} if rows else {}
    rewards = table.pop("score", torch.zeros(0))
    return {"rewards": rewards, "scores": rewards.clamp(0.0, 1.0), "extra_logs": table}


def _without_end(text: str) -> str:
    """The response without the special tokens that end it (`<|im_end|>`, `</s>`, ...)."""
    import re

    return re.sub(r"(?:\s*(?:<\|[^<>|]*\|>|</s>|<eos>|<pad>))+\s*$", "", text)
