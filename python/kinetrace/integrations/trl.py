"""TRL: rewards that see whole groups on every rank, and token-level advantages for segments (PA-GRPO).

Rewards of `kinetrace.rewards` are TRL reward functions as they are. What a reward function alone cannot do is here:
`WholeGroups` for rewards that compare the responses of a group, and `GroupRewardMixin` for rewards per segment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kinetrace.integrations._offsets import text_and_offsets
from kinetrace.integrations._rewards import Reward, name_of
from kinetrace.rewards import token_segments
from kinetrace.segment_advantages import segment_advantages

#: Columns that stay on their rank: what they hold is large, or cannot be pickled.
LOCAL_COLUMNS = ("images", "image", "video", "videos", "environments")

Segmenter = Callable[..., Any]


class WholeGroups:
    """A reward function that is called with whole groups, on every rank.

    TRL computes rewards before it gathers them, so that a rank may see part of a group. This gathers completions and
    columns, calls the reward with every group that has a response on this rank, and returns this rank's part. Without
    torch.distributed (also in the child process of AsyncGRPO, which gets whole groups) the reward is called directly.
    Every rank must call it as often as the others do.

    Args:
        reward: any synchronous reward function.
        num_generations: size of the groups, which follow one another; None: all responses of all ranks are given.
            `GroupRewardMixin` sets it.
        local_columns: columns that are not gathered; the reward does not get them. Images in prompts are left out too.

    Raises:
        TypeError: an asynchronous reward: ranks would not gather in the same order.

    Example:
        >>> from kinetrace.integrations.trl import WholeGroups
        >>> def rank(completions, **columns):
        ...     return [sorted(completions).index(text) for text in completions]
        >>> WholeGroups(rank)(completions=["b", "a"], prompts=["p", "p"])
        [1, 0]
    """

    def __init__(
        self, reward: Reward, *, num_generations: int | None = None, local_columns: Sequence[str] = LOCAL_COLUMNS
    ) -> None:
        import inspect

        if inspect.iscoroutinefunction(reward) or inspect.iscoroutinefunction(getattr(reward, "__call__", None)):  # noqa: B004
            raise TypeError("reward: expected a synchronous function, got an asynchronous one")
        self.__name__ = name_of(reward)
        self.reward, self.num_generations, self.local_columns = reward, num_generations, tuple(local_columns)

    def __call__(self, completions: Any = None, **columns: Any) -> Any:
        """Rewards of this rank's completions."""
        ranks = _ranks()
        if ranks is None:
            return self.reward(completions=completions, **columns)
        rank, gather = ranks
        count = len(completions)
        own = {name: column for name, column in columns.items() if name not in self.local_columns}
        mine = {
            name: _sendable(column) if name == "prompts" else list(column)
            for name, column in own.items()
            if isinstance(column, list | tuple | np.ndarray) and len(column) == count
        }
        parts: list[tuple[list[Any], dict[str, list[Any]]]] = gather((list(completions), mine))
        begin = sum(len(part[0]) for part in parts[:rank])
        total = sum(len(part[0]) for part in parts)
        size = self.num_generations or total
        first, last = begin // size * size, min(-(-(begin + count) // size) * size, total)
        window = slice(first, last)
        texts = [text for part in parts for text in part[0]][window]
        given: dict[str, Any] = {name: [entry for part in parts for entry in part[1][name]][window] for name in mine}
        given.update({name: column for name, column in own.items() if name not in mine})
        part = slice(begin - first, begin - first + count)
        if given.get("log_extra") is not None:
            given["log_extra"] = _cut(given["log_extra"], part)
        return list(self.reward(completions=texts, **given))[part]


def _cut(log_extra: Callable[[str, Any], Any], part: slice) -> Callable[[str, Any], Any]:
    """`log_extra` for this rank's part of the values."""
    return lambda name, values: log_extra(name, list(values)[part])


def _ranks() -> tuple[int, Callable[[Any], list[Any]]] | None:
    """This rank and how objects are gathered; None with a single process."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return None
    distributed = torch.distributed
    size = distributed.get_world_size()
    if size == 1:
        return None

    def gather(entry: Any) -> list[Any]:
        entries: list[Any] = [None] * size
        distributed.all_gather_object(entries, entry)
        return entries

    return distributed.get_rank(), gather


def _sendable(prompts: Any) -> list[Any]:
    """Prompts without the images in them."""
    return [
        [_without_images(message) for message in prompt] if isinstance(prompt, list | tuple) else prompt
        for prompt in prompts
    ]


def _without_images(message: Any) -> Any:
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), list | tuple):
        return message
    parts = [
        {key: value for key, value in part.items() if key in ("type", "text")} if isinstance(part, Mapping) else part
        for part in message["content"]
    ]
    return {**message, "content": parts}


class SegmentTotals:
    """A reward per segment as a reward function: the sum is what TRL gets and logs, the parts are kept for the trainer.

    Args:
        reward: has `segment_rewards(completions, **columns) -> (B, K)`, as `rewards.ProcessAwareReward`.
    """

    def __init__(self, reward: Any) -> None:
        self.__name__ = name_of(reward)
        self.reward = reward
        self.last: Any = np.zeros((0, 0))

    def __call__(self, completions: Any = None, **columns: Any) -> list[float | None]:
        """Sums over the segments; None where a segment cannot be scored."""
        log_metric, log_extra = columns.pop("log_metric", None), columns.pop("log_extra", None)
        parts = np.array(self.reward.segment_rewards(completions, **columns), dtype=np.float64)
        if parts.ndim != 2 or len(parts) != len(completions):
            raise ValueError(f"segment_rewards: expected shape ({len(completions)}, K), got {parts.shape}")
        self.last = np.where(np.isfinite(parts), parts, np.nan)
        names = getattr(self.reward, "segment_names", None) or [f"segment_{k}" for k in range(parts.shape[1])]
        if log_metric is not None:
            for name, column in zip(names, self.last.T, strict=True):
                known = column[np.isfinite(column)]
                if known.size:
                    log_metric(f"{self.__name__}/{name}", float(known.mean()))
        totals = [float(total) if np.isfinite(total) else None for total in self.last.sum(axis=1)]
        if log_extra is not None:
            log_extra(self.__name__, totals)
        return totals


class GroupRewardMixin:
    """Before `GRPOTrainer` in a class's bases: rewards see whole groups, segments get advantages of their own.

    Reward functions with a true attribute `whole_groups` (`rewards.TemporalReward`) are wrapped in `WholeGroups`. If one
    has `segment_rewards` (`rewards.ProcessAwareReward`), the trainer's advantages become (B, T): each token has that of
    its segment, by `kinetrace.segment_advantages`. The rewards of other functions concern all segments: their weighted
    sum is added to every segment's reward before normalisation (kinetrace's choice).

    Keyword arguments beside GRPOTrainer's:
        segmenter: function (texts, offsets, num_tokens=T) -> (B, T) of segments, -1 for none; None:
            `rewards.token_segments` (perception up to `</observation>`, reasoning after it).

    Raises:
        ValueError: two rewards with segments; settings of GRPOConfig under which segments are not defined
            (scale_rewards="batch", multi_objective_aggregation="normalize_then_sum").
    """

    num_generations: int
    num_generations_eval: int
    reward_funcs: list[Any]
    reward_weights: Any
    model: Any
    accelerator: Any
    scale_rewards: Any
    args: Any
    processing_class: Any

    def __init__(self, *args: Any, segmenter: Segmenter | None = None, **kwargs: Any) -> None:
        given = list(args)
        funcs = given[1] if len(given) > 1 else kwargs.get("reward_funcs")
        listed = list(funcs) if isinstance(funcs, list | tuple) else [] if funcs is None else [funcs]
        wrapped = [_wrapped(reward) for reward in listed]
        if len(given) > 1:
            given[1] = wrapped
        else:
            kwargs["reward_funcs"] = wrapped
        places = [i for i, reward in enumerate(wrapped) if isinstance(reward, SegmentTotals)]
        if len(places) > 1:
            raise ValueError(f"reward_funcs: expected at most one with segment_rewards, got {len(places)}")
        self._kt_segmenter: Segmenter = segmenter or token_segments
        self._kt_place = places[0] if places else None
        self._kt_rewards: Any = None
        super().__init__(*given, **kwargs)
        if places:
            how = getattr(self.args, "multi_objective_aggregation", "sum_then_normalize")
            if self.scale_rewards == "batch" or how != "sum_then_normalize":
                raise ValueError(
                    "scale_rewards: expected 'group' or 'none', and multi_objective_aggregation='sum_then_normalize' "
                    f"with rewards per segment, got {self.scale_rewards!r} and {how!r}"
                )

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        for reward in self.reward_funcs:
            if isinstance(reward, WholeGroups):
                reward.num_generations = self._kt_group_size()
        parent: Any = super()
        self._kt_rewards = parent._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        return self._kt_rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        parent: Any = super()
        out = parent._generate_and_score_completions(inputs)
        if self._kt_place is not None:
            out["advantages"] = self._kt_advantages(out)
        return out

    def _kt_group_size(self) -> int:
        return self.num_generations if self.model.training else self.num_generations_eval

    def _kt_advantages(self, out: Mapping[str, Any]) -> Any:
        """(B, T) advantages of this rank's completions, computed on the CPU."""
        import torch

        assert self._kt_place is not None
        ids, device = out["completion_ids"], out["completion_ids"].device
        own = torch.as_tensor(self.reward_funcs[self._kt_place].last, dtype=torch.float64, device=device)
        parts = self.accelerator.gather(own).cpu()
        weights = self.reward_weights.to(device="cpu", dtype=torch.float64)
        others = self._kt_rewards.to(device="cpu", dtype=torch.float64) * weights
        others[:, self._kt_place] = 0.0
        rewards = parts * weights[self._kt_place] + others.nansum(dim=1, keepdim=True)
        size, count = self._kt_group_size(), len(ids)
        begin = self.accelerator.process_index * count
        first, last = begin // size * size, -(-(begin + count) // size) * size
        segments = torch.full((last - first, ids.shape[1]), -1, dtype=torch.int64)
        segments[begin - first : begin - first + count] = self._kt_segments(ids, out["completion_mask"])
        advantages = segment_advantages(
            rewards[first:last].contiguous(),
            torch.arange(first, last) // size,
            segments,
            mode="dr_grpo" if self.scale_rewards == "none" else "grpo",
        )
        kept: Any = advantages[begin - first : begin - first + count]
        return kept.to(device=device, dtype=out["advantages"].dtype)

    def _kt_segments(self, ids: Any, mask: Any) -> Any:
        """(B, T) segments of generated tokens."""
        import torch

        tokenizer = getattr(self.processing_class, "tokenizer", self.processing_class)
        lengths = mask.sum(dim=1).tolist()
        rows = [row[:length] for row, length in zip(ids.tolist(), lengths, strict=True)]
        found = [text_and_offsets(tokenizer, row) for row in rows]
        texts, offsets = [text for text, _ in found], [spans for _, spans in found]
        return torch.as_tensor(np.asarray(self._kt_segmenter(texts, offsets, num_tokens=ids.shape[1])))


def _wrapped(reward: Any) -> Any:
    if callable(getattr(reward, "segment_rewards", None)):
        return SegmentTotals(reward)
    if getattr(reward, "whole_groups", False):
        return WholeGroups(reward)
    return reward


def __getattr__(name: str) -> Any:
    """`GroupGRPOTrainer`: TRL's GRPOTrainer with `GroupRewardMixin`; imports TRL."""
    if name != "GroupGRPOTrainer":
        raise AttributeError(f"module 'kinetrace.integrations.trl' has no attribute {name!r}")
    from trl import GRPOTrainer

    trainer = type(name, (GroupRewardMixin, GRPOTrainer), {"__module__": __name__})
    globals()[name] = trainer
    return trainer
