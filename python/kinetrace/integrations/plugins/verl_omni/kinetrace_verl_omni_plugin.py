"""verl-omni plug-in: `reward.reward_functions.kinetrace.path=<this file>`, its name `compute_score`."""

from kinetrace.integrations.verl_omni import compute_score

__all__ = ["compute_score"]
