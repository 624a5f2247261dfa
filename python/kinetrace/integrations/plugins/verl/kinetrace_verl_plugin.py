"""verl plug-in: `reward.custom_reward_function.path=<this file>`, for installations that pkg:// does not reach."""

from kinetrace.integrations.verl import compute_score, compute_score_async, compute_score_batch

__all__ = ["compute_score", "compute_score_async", "compute_score_batch"]
