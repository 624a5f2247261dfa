"""Rewards as trainers call them: picklable objects, completions and columns in, one float or None per completion out."""

from __future__ import annotations

from kinetrace._presets import PROCESS_AWARE as PROCESS_AWARE_PRESETS
from kinetrace._presets import TEMPORAL as TEMPORAL_PRESETS
from kinetrace._presets import AdvantagePreset
from kinetrace.rewards._explanation import Explanation
from kinetrace.rewards._presets import PRESETS, Preset
from kinetrace.rewards.accuracy import AccuracyReward, FormatReward, accuracy_reward, format_reward
from kinetrace.rewards.process_aware import ProcessAwareReward, process_aware_rewards, token_segments
from kinetrace.rewards.process_reasoning import ProcessReasoningReward
from kinetrace.rewards.temporal import TemporalReward

__all__ = [
    "PRESETS",
    "PROCESS_AWARE_PRESETS",
    "TEMPORAL_PRESETS",
    "AccuracyReward",
    "AdvantagePreset",
    "Explanation",
    "FormatReward",
    "Preset",
    "ProcessAwareReward",
    "ProcessReasoningReward",
    "TemporalReward",
    "accuracy_reward",
    "format_reward",
    "process_aware_rewards",
    "token_segments",
]
