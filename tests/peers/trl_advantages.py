"""TRL's own advantage code: the block of GRPOTrainer that turns rewards into advantages, cut out of its source and run."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from types import SimpleNamespace
from typing import Any

import torch


@functools.cache
def block() -> Any:
    """The statements from `unscorable_mask = ...` to `advantages = torch.nan_to_num(...)`, compiled."""
    from trl.trainer import grpo_trainer

    source = textwrap.dedent(inspect.getsource(grpo_trainer.GRPOTrainer._generate_and_score_completions))
    body = ast.parse(source).body[0].body  # type: ignore[attr-defined]
    first = next(i for i, s in enumerate(body) if ast.unparse(s).startswith("unscorable_mask ="))
    last = next(i for i, s in enumerate(body) if ast.unparse(s).startswith("advantages = torch.nan_to_num"))
    module = ast.Module(body=body[first : last + 1], type_ignores=[])
    return compile(module, "trl", "exec"), vars(grpo_trainer)


def advantages(rewards: torch.Tensor, num_generations: int, weights: list[float], scale: str, how: str) -> torch.Tensor:
    """What GRPOTrainer makes of rewards (B, K), NaN where a reward function returned None.

    Args:
        rewards: groups of num_generations rows one after another.
        num_generations: size of a group.
        weights: reward_weights.
        scale: scale_rewards, "group", "batch" or "none".
        how: multi_objective_aggregation.
    """
    code, names = block()
    trainer = SimpleNamespace(
        multi_objective_aggregation=how,
        scale_rewards=scale,
        reward_weights=torch.tensor(weights, dtype=rewards.dtype),
        reward_funcs=[None] * rewards.shape[1],
    )
    scope = names | {
        "self": trainer,
        "rewards_per_func": rewards,
        "num_generations": num_generations,
        "device": rewards.device,
        "mode": "train",
    }
    exec(code, scope)
    result: torch.Tensor = scope["advantages"]
    return result
