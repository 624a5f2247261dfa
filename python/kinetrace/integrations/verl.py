"""verl: custom reward functions in all its call forms, and advantage estimators (PA-GRPO and exact group advantages).

    reward.custom_reward_function.path=pkg://kinetrace.integrations.verl
    reward.custom_reward_function.name=compute_score              (or compute_score_async, compute_score_batch)
    +reward.custom_reward_function.reward_kwargs.reward=process
    +reward.custom_reward_function.reward_kwargs.arguments.alpha=3.0

`kinetrace.integrations.verl_manager` is the module that imports verl: it registers the estimators and has a reward manager
that places rewards per segment.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.group_advantages import group_advantages
from kinetrace.integrations._rewards import Row, reward_of, score_rows
from kinetrace.segment_advantages import segment_advantages

#: Written where a segment ends whose reward is 0, so that its place is known; read as 0.
ZERO = 1e-30


def compute_score(
    data_source: Any = None,
    solution_str: str = "",
    ground_truth: Any = None,
    extra_info: Any = None,
    *,
    reward: Any = "process",
    arguments: Mapping[str, Any] | None = None,
    fallback: float | None = None,
    **ignored: Any,
) -> Row:
    """Score of one sample: verl calls it by keyword in a thread pool (its prime manager by position, in processes).

    Args:
        data_source: not used.
        solution_str: the response.
        ground_truth: a dict of columns, or the column that the reward takes for it (for the process reward a list of
            steps; a string is an answer and no reference).
        extra_info: dict of columns (`reference_steps`, `solution`, `problem_type`, ...).
        reward: "process", "process_aware", "accuracy", "format", "temporal" (of a group of one: no group statistics),
            "module:attribute", or a callable.
        arguments: of the reward's class; "preset" where it has presets.
        fallback: the score of what cannot be scored; None: the reward's own `undefined`, or 0.
        **ignored: what a router of reward models adds.

    Returns:
        dict of finite floats with "score", the same keys for every sample: verl logs them all.
    """
    return score_rows(reward_of(reward, arguments), [solution_str], [ground_truth], [extra_info], fallback=fallback)[0]


async def compute_score_async(
    data_source: Any = None, solution_str: str = "", ground_truth: Any = None, extra_info: Any = None, **options: Any
) -> Row:
    """`compute_score` for an event loop: it does not block while the reward computes."""
    return await asyncio.to_thread(compute_score, data_source, solution_str, ground_truth, extra_info, **options)


def compute_score_batch(
    data_sources: Any = None,
    solution_strs: Sequence[str] = (),
    ground_truths: Any = None,
    extra_infos: Any = None,
    *,
    reward: Any = "process",
    arguments: Mapping[str, Any] | None = None,
    fallback: float | None = None,
    **ignored: Any,
) -> list[Row]:
    """`compute_score` of a batch, for the manager "batch"."""
    truths = None if ground_truths is None else list(ground_truths)
    infos = None if extra_infos is None else list(extra_infos)
    return score_rows(reward_of(reward, arguments), list(solution_strs), truths, infos, fallback=fallback)


class SegmentScore(float):
    """A score that remembers what it is the sum of, on its way to `token_rewards`; elsewhere the sum."""

    perception: float
    reasoning: float
    perception_tokens: int

    def __new__(cls, perception: float, reasoning: float, perception_tokens: int) -> SegmentScore:
        self = super().__new__(cls, perception + reasoning)
        self.perception, self.reasoning, self.perception_tokens = perception, reasoning, perception_tokens
        return self

    def __getnewargs__(self) -> tuple[float, float, int]:  # type: ignore[override]
        return self.perception, self.reasoning, self.perception_tokens


def token_rewards(scores: Sequence[float], response_mask: Any) -> Any:
    """(B, T) rewards with each segment's at its last token, for `pa_grpo_advantage`; plain scores at the last token.

    Args:
        scores: `SegmentScore`s (or plain floats).
        response_mask (tensor (B, T)): 1 for tokens of the response, from the left.
    """
    import torch

    lengths = response_mask.sum(dim=1).long().tolist()
    rewards = torch.zeros(response_mask.shape, dtype=torch.float32, device=response_mask.device)
    for row, score, length in zip(rewards, scores, lengths, strict=True):
        if length == 0:
            continue
        if isinstance(score, SegmentScore):
            if 0 < score.perception_tokens < length:
                row[score.perception_tokens - 1] = score.perception or ZERO
            row[length - 1] = score.reasoning or ZERO
        else:
            row[length - 1] = float(score)
    return rewards


def pa_grpo_advantage(
    token_level_rewards: Any, response_mask: Any, config: Any = None, index: Any = None, **ignored: Any
) -> tuple[Any, Any]:
    """PA-GRPO for verl: each segment's reward normalised over its group, given to the segment's tokens.

    Args:
        token_level_rewards (tensor (B, T)): as `token_rewards` places them: the first of two is perception's.
        response_mask (tensor (B, T)): 1 for tokens of the response.
        config: `norm_adv_by_std_in_grpo` is read.
        index: ids of the groups.

    Returns:
        Advantages and returns, which are equal, (B, T).

    Raises:
        ValueError: more than two rewards in a row (a KL penalty in the reward), or no index.
    """
    import torch

    if index is None:
        raise ValueError("index: expected the groups' ids, got None")
    mask = response_mask.bool()
    placed = (token_level_rewards != 0) & mask
    counts = placed.sum(dim=1)
    if bool((counts > 2).any()):
        raise ValueError(
            "token_level_rewards: expected at most two rewards per response, at the ends of its segments, got more; "
            "use algorithm.use_kl_in_reward=False"
        )
    if not bool((counts == 2).any()):
        warnings.warn(
            "no response has a reward for perception: verl places rewards per segment only where "
            "kinetrace.integrations.verl_manager.RewardManager assembles them (colocated reward)",
            stacklevel=2,
        )
    tokens = torch.arange(mask.shape[1], device=mask.device)
    first = placed.int().argmax(dim=1, keepdim=True)
    last = (placed * (tokens + 1)).argmax(dim=1, keepdim=True)
    both = counts[:, None] == 2
    values = token_level_rewards.gather(1, torch.cat([first, last], dim=1))
    values = torch.where(values.abs() <= 2 * ZERO, torch.zeros_like(values), values)
    values[:, :1] = torch.where(both, values[:, :1], torch.zeros_like(values[:, :1]))
    segments = torch.where(both & (tokens <= first), 0, 1)
    segments = torch.where(mask, segments, -1)
    scale = bool(_setting(config, "norm_adv_by_std_in_grpo", True))
    advantages = segment_advantages(
        values.contiguous(), list(index), segments.contiguous(), mode="grpo" if scale else "dr_grpo"
    )
    return advantages, advantages


def _setting(config: Any, name: str, default: Any) -> Any:
    get = getattr(config, "get", None)
    return get(name, default) if callable(get) else getattr(config, name, default)


class GroupAdvantage:
    """An estimator from `kinetrace.group_advantages`: the same bits for any order of the batch; NaN harms no neighbour.

    Args:
        **options: of `group_advantages`.
    """

    def __init__(self, **options: Any) -> None:
        self.__name__ = f"kinetrace_{options['mode']}"
        self.options = options

    def __call__(
        self, token_level_rewards: Any, response_mask: Any, config: Any = None, index: Any = None, **ignored: Any
    ) -> tuple[Any, Any]:
        """Advantages and returns (B, T)."""
        lengths = response_mask.sum(dim=1).long() if self.options["mode"] == "opo" else None
        scores = token_level_rewards.sum(dim=1)
        advantages = group_advantages(scores, list(index), lengths=lengths, **self.options)
        spread = advantages[:, None] * response_mask
        return spread, spread


#: By the name for algorithm.adv_estimator.
ESTIMATORS: Mapping[str, Any] = {
    "kinetrace_pa_grpo": pa_grpo_advantage,
    "kinetrace_grpo": GroupAdvantage(mode="grpo", eps=1e-6),
    "kinetrace_dr_grpo": GroupAdvantage(mode="dr_grpo"),
    "kinetrace_rloo": GroupAdvantage(mode="rloo"),
    "kinetrace_passk": GroupAdvantage(mode="passk", eps=1e-6),
    "kinetrace_opo": GroupAdvantage(mode="opo"),
}


def register() -> None:
    """Registers the estimators with verl; again is no error."""
    from verl.trainer.ppo.core_algos import register_adv_est

    for name, function in ESTIMATORS.items():
        register_adv_est(name)(function)


def __getattr__(name: str) -> Any:
    """`RewardManager`: imports verl and registers the estimators."""
    if name == "RewardManager":
        from kinetrace.integrations.verl_manager import RewardManager

        return RewardManager
    raise AttributeError(f"module 'kinetrace.integrations.verl' has no attribute {name!r}")
