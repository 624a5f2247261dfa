"""Rewards as trainers call them: picklable objects, completions and columns in, one float or None per completion out."""

from __future__ import annotations

from kinetrace._presets import PROCESS_AWARE as PROCESS_AWARE_PRESETS
from kinetrace._presets import TEMPORAL as TEMPORAL_PRESETS
from kinetrace._presets import AdvantagePreset
from kinetrace.rewards._explanation import Explanation
from kinetrace.rewards._frozen import FeatureModel, FlowModel
from kinetrace.rewards._presets import PRESETS, Preset
from kinetrace.rewards.accuracy import AccuracyReward, FormatReward, accuracy_reward, format_reward
from kinetrace.rewards.feature_models import VJepa2Features
from kinetrace.rewards.flow_models import OpenCVFlow, RaftFlow
from kinetrace.rewards.mass import MassReward
from kinetrace.rewards.mass_distance import mass_distance
from kinetrace.rewards.newton import NewtonReward
from kinetrace.rewards.pisa_losses import oro_depth_loss, oro_flow_loss, oro_segmentation_loss
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
    "FeatureModel",
    "FlowModel",
    "FormatReward",
    "MassReward",
    "NewtonReward",
    "OpenCVFlow",
    "Preset",
    "ProcessAwareReward",
    "ProcessReasoningReward",
    "RaftFlow",
    "TemporalReward",
    "VJepa2Features",
    "accuracy_reward",
    "format_reward",
    "mass_distance",
    "oro_depth_loss",
    "oro_flow_loss",
    "oro_segmentation_loss",
    "process_aware_rewards",
    "token_segments",
]
