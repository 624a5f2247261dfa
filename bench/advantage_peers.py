"""Group advantages as TRL and verl compute them, written anew from their sources for machines without those packages."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch


def nan_std(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Standard deviation of what is not NaN, ddof 1."""
    variance = torch.nanmean((x - torch.nanmean(x, dim=dim, keepdim=True)) ** 2, dim=dim)
    count = torch.sum(~torch.isnan(x), dim=dim)
    return torch.sqrt(variance * (count / (count - 1)))


def trl_form(rewards: torch.Tensor, size: int) -> torch.Tensor:
    """TRL's steps for one reward function and scale_rewards="group": groups of `size` rows one after another."""
    per_function = rewards[:, None]
    unscorable = torch.isnan(per_function).all(dim=1)
    combined = (per_function * torch.ones(1).unsqueeze(0)).nansum(dim=1)
    combined[unscorable] = torch.nan
    mean = torch.nanmean(combined.view(-1, size), dim=1).repeat_interleave(size, dim=0)
    std = nan_std(combined.view(-1, size), 1).repeat_interleave(size, dim=0)
    return torch.nan_to_num((combined - mean) / (std + 1e-4), nan=0.0)


def verl_loop(rewards: torch.Tensor, ids: Any, eps: float) -> torch.Tensor:
    """verl's steps: a dictionary of lists of tensors, a mean and a std per group, a tensor operation per row."""
    scores = rewards.clone()
    members: dict[Any, list[torch.Tensor]] = defaultdict(list)
    mean, std = {}, {}
    for i in range(len(scores)):
        members[ids[i]].append(scores[i])
    for key, listed in members.items():
        together = torch.stack(listed)
        mean[key], std[key] = torch.mean(together), torch.std(together)
    for i in range(len(scores)):
        scores[i] = (scores[i] - mean[ids[i]]) / (std[ids[i]] + eps)
    return scores


def torch_view(rewards: torch.Tensor, size: int, eps: float) -> torch.Tensor:
    """The shortest form for groups in order without NaN."""
    x = rewards.view(-1, size)
    return ((x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + eps)).view(-1)


def torch_gather(advantages: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
    """Advantages (B, K) to tokens, 0 where the segment is -1."""
    return torch.where(segments >= 0, advantages.gather(1, segments.clamp(min=0)), 0.0)
