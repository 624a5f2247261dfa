"""Definitions of the kernels in plain float64 NumPy: what every back end must compute, written to be read.

They check no arguments (kinetrace does that in one place) and use no compiled code.
"""

from __future__ import annotations

from kinetrace._reference.chain_flow import chain_flow
from kinetrace._reference.dtw import dtw, dtw_curve, dtw_from_cost, dtw_matrix, dtw_rewards
from kinetrace._reference.fit_kinematics import fit_kinematics
from kinetrace._reference.fit_segments import fit_segments
from kinetrace._reference.group_advantages import group_advantages
from kinetrace._reference.kinematic_residual import kinematic_residual, kinematic_residual_backward
from kinetrace._reference.masks import mask_centroids, mask_chamfer, mask_iou
from kinetrace._reference.rouge import rouge, rouge_cost
from kinetrace._reference.segment_advantages import process_supervision, segment_advantages
from kinetrace._reference.soft_dtw import soft_dtw, soft_dtw_alignment, soft_dtw_backward, soft_dtw_from_cost
from kinetrace._reference.temporal_bonus import temporal_bonus
from kinetrace._reference.traces import extract_tag, split_steps
from kinetrace._reference.track_residual import track_residual, track_residual_backward

__all__ = [
    "chain_flow",
    "dtw",
    "dtw_curve",
    "dtw_from_cost",
    "dtw_matrix",
    "dtw_rewards",
    "extract_tag",
    "fit_kinematics",
    "fit_segments",
    "group_advantages",
    "kinematic_residual",
    "kinematic_residual_backward",
    "mask_centroids",
    "mask_chamfer",
    "mask_iou",
    "process_supervision",
    "rouge",
    "rouge_cost",
    "segment_advantages",
    "soft_dtw",
    "soft_dtw_alignment",
    "soft_dtw_backward",
    "soft_dtw_from_cost",
    "split_steps",
    "temporal_bonus",
    "track_residual",
    "track_residual_backward",
]
