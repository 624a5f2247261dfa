"""Rewards as trainers call them: picklable objects, completions and columns in, one float or None per completion out."""

from __future__ import annotations

from kinetrace.rewards._explanation import Explanation
from kinetrace.rewards._presets import PRESETS, Preset
from kinetrace.rewards.process_reasoning import ProcessReasoningReward

__all__ = ["PRESETS", "Explanation", "Preset", "ProcessReasoningReward"]
