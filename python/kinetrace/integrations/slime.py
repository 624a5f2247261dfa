"""slime: `--custom-rm-path kinetrace.integrations.slime.reward`, or with `--group-rm` `...slime.group_reward`.

The reward is what the environment variable KINETRACE_REWARD says; its columns are the samples' metadata and label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.integrations._rewards import from_environment, score_rows
from kinetrace.integrations.easyr1 import unpacked


def scores(samples: Sequence[Any]) -> list[float]:
    """Rewards of samples with `response`, `label`, `metadata`, `prompt` and `response_length`."""
    reward, fallback = from_environment()
    infos = []
    for sample in samples:
        metadata = getattr(sample, "metadata", None)
        info = dict(metadata) if isinstance(metadata, Mapping) else {}
        info.setdefault("prompts", getattr(sample, "prompt", None))
        info.setdefault("completion_lengths", int(getattr(sample, "response_length", 0) or 0))
        infos.append(info)
    truths = [unpacked(getattr(sample, "label", None)) for sample in samples]
    rows = score_rows(reward, [str(sample.response) for sample in samples], truths, infos, fallback=fallback)
    return [row["score"] for row in rows]


async def reward(args: Any, sample: Any, **kwargs: Any) -> float:
    """Reward of one sample."""
    return (await asyncio.to_thread(scores, [sample]))[0]


async def group_reward(args: Any, samples: Sequence[Any], **kwargs: Any) -> list[float]:
    """Rewards of a whole group: for rewards that compare its responses."""
    return await asyncio.to_thread(scores, list(samples))
