"""What moves in a video, and whether it obeys constant acceleration, at the machine's speed.

Arrays may be NumPy, Torch or CuPy (or anything with DLPack, the CUDA array interface or the buffer protocol); results
come back in the same library on the same device.
"""

from kinetrace._status import Status
from kinetrace.chain_flow import Tracks, chain_flow
from kinetrace.dtw import DtwResult, dtw, dtw_curve, dtw_from_cost, dtw_matrix, dtw_rewards
from kinetrace.fit_kinematics import KinematicFit, fit_kinematics
from kinetrace.fit_segments import SegmentFit, fit_segments
from kinetrace.kinematic_residual import kinematic_residual
from kinetrace.primitives import simulate_primitive
from kinetrace.soft_dtw import soft_dtw, soft_dtw_alignment, soft_dtw_from_cost
from kinetrace.step_pattern import StepPattern
from kinetrace.track_residual import track_residual

__version__ = "0.1.0"

__all__ = [
    "DtwResult",
    "KinematicFit",
    "SegmentFit",
    "Status",
    "StepPattern",
    "Tracks",
    "__version__",
    "chain_flow",
    "dtw",
    "dtw_curve",
    "dtw_from_cost",
    "dtw_matrix",
    "dtw_rewards",
    "fit_kinematics",
    "fit_segments",
    "kinematic_residual",
    "simulate_primitive",
    "soft_dtw",
    "soft_dtw_alignment",
    "soft_dtw_from_cost",
    "track_residual",
]
