"""OpenRLHF plug-in: `--reward.remote_url <this file>`; KINETRACE_REWARD says which reward."""

from kinetrace.integrations.openrlhf import reward_func

__all__ = ["reward_func"]
