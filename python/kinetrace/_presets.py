"""Presets of rewards and advantages by name, and where every number of theirs comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class AdvantagePreset(NamedTuple):
    """Arguments, and where each comes from."""

    arguments: Mapping[str, Any]
    provenance: str


#: T-GRPO: arguments of `kinetrace.temporal_bonus` and of `rewards.TemporalReward`.
TEMPORAL: Mapping[str, AdvantagePreset] = {
    "video_r1_code": AdvantagePreset(
        {
            "alpha": 0.3,
            "mu": 0.8,
            "strict": False,
            "threshold": 0.1,
            "estimator": "mean_reward",
            "apply_to": "reward",
            "length_bonus": 0.2,
            "length_band": (320, 512),
            "min_correct": 2,
            "eps": 1e-4,
            "ddof": 1,
        },
        "What tulerfeng/Video-R1 @59d65c3, trainer/grpo_trainer.py, computes [published code]: means of raw accuracy "
        "rewards, mu 0.8, correct above 0.1, no length bonus for a single correct response.",
    ),
    "video_r1_paper": AdvantagePreset(
        {
            "alpha": 0.3,
            "mu": 1.0,
            "strict": False,
            "threshold": 0.5,
            "estimator": "proportion",
            "apply_to": "reward",
            "length_bonus": 0.2,
            "length_band": (320, 512),
            "min_correct": 1,
            "eps": 1e-4,
            "ddof": 1,
        },
        "arXiv 2503.21776, NeurIPS version: equations 1, 2 and 5, alpha 0.3, omega 0.2 in [320, 512] [published]; the "
        "threshold 0.5 is its example, and whether > or >= is unknown; eps and ddof are not printed [derived].",
    ),
}

#: PA-GRPO: arguments of `rewards.ProcessAwareReward`.
PROCESS_AWARE: Mapping[str, AdvantagePreset] = {
    "videop2r": AdvantagePreset(
        {
            "length_bonus": 0.2,
            "perception_band": (128, 320),
            "reasoning_band": (320, 512),
            "len_gate": "per_segment",
        },
        "arXiv 2511.11113v2: bonus 0.2, bands of tokens, accuracy and format different from 0 as the gate [published]; "
        "that each segment passes its own gate is the natural reading [derived]. Accuracy rules: the Video-R1 list, "
        "strict here [derived]. eps 1e-4 and ddof 1 of its advantages are not printed [derived].",
    ),
}


def arguments_of(table: Mapping[str, AdvantagePreset], name: Any) -> dict[str, Any]:
    """Arguments of a preset.

    Raises:
        ValueError: no such preset.
    """
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"preset: expected one of {', '.join(map(repr, table))}, got {name!r:.60}")
    return dict(table[name].arguments)
