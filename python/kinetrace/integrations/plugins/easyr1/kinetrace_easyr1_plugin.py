"""EasyR1 plug-in: `worker.reward.reward_function=<this file>:compute_score`."""

from kinetrace.integrations.easyr1 import REWARD_NAME, REWARD_TYPE, compute_score

__all__ = ["REWARD_NAME", "REWARD_TYPE", "compute_score"]
