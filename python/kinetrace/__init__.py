"""What moves in a video, and whether it obeys constant acceleration, at the machine's speed.

Arrays may be NumPy, Torch or CuPy (or anything with DLPack, the CUDA array interface or the buffer protocol); results
come back in the same library on the same device.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kinetrace._status import Status
from kinetrace.chain_flow import Tracks, chain_flow
from kinetrace.dapo import dynamic_sampling_mask, overlong_penalty
from kinetrace.dtw import DtwResult, dtw, dtw_curve, dtw_from_cost, dtw_matrix, dtw_rewards
from kinetrace.fit_kinematics import KinematicFit, fit_kinematics
from kinetrace.fit_segments import SegmentFit, fit_segments
from kinetrace.group_advantages import group_advantages
from kinetrace.kinematic_residual import kinematic_residual
from kinetrace.masks import mask_centroids, mask_chamfer, mask_iou
from kinetrace.primitives import simulate_primitive
from kinetrace.segment_advantages import process_supervision_advantages, segment_advantages
from kinetrace.soft_dtw import soft_dtw, soft_dtw_alignment, soft_dtw_from_cost
from kinetrace.step_pattern import StepPattern
from kinetrace.temporal_bonus import TemporalBonus, temporal_bonus
from kinetrace.traces import RougeCost, extract_tag, rouge, rouge_cost, split_steps
from kinetrace.track_residual import track_residual

if TYPE_CHECKING:
    from kinetrace import benchmarks as benchmarks
    from kinetrace import integrations as integrations
    from kinetrace import metrics as metrics
    from kinetrace import rewards as rewards

__version__ = "0.1.0"

__all__ = [
    "DtwResult",
    "KinematicFit",
    "RougeCost",
    "SegmentFit",
    "Status",
    "StepPattern",
    "TemporalBonus",
    "Tracks",
    "__version__",
    "chain_flow",
    "dtw",
    "dtw_curve",
    "dtw_from_cost",
    "dtw_matrix",
    "dtw_rewards",
    "dynamic_sampling_mask",
    "extract_tag",
    "fit_kinematics",
    "fit_segments",
    "group_advantages",
    "kinematic_residual",
    "mask_centroids",
    "mask_chamfer",
    "mask_iou",
    "overlong_penalty",
    "process_supervision_advantages",
    "rouge",
    "rouge_cost",
    "segment_advantages",
    "simulate_primitive",
    "soft_dtw",
    "soft_dtw_alignment",
    "soft_dtw_from_cost",
    "split_steps",
    "temporal_bonus",
    "track_residual",
]


def __getattr__(name: str) -> Any:
    """Subpackages that are imported when they are first named."""
    if name in ("benchmarks", "integrations", "metrics", "rewards"):
        return import_module(f"kinetrace.{name}")
    raise AttributeError(f"module 'kinetrace' has no attribute {name!r}")
