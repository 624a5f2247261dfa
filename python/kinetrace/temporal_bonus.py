"""T-GRPO: a bonus for answering better with the frames in order than with the frames shuffled."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from kinetrace._arrays import Array, any_torch
from kinetrace._namespace import Namespace, as_ids
from kinetrace._presets import TEMPORAL, arguments_of
from kinetrace.group_advantages import group_advantages, group_statistic


class TemporalBonus(NamedTuple):
    """Result of `temporal_bonus`; all (B,), in the library and on the device of `accuracy`.

    Attributes:
        rewards: accuracy + other + length bonus (+ temporal bonus unless apply_to="advantage"); NaN: unscorable.
        advantages: "grpo" advantages of the rewards (+ temporal bonus with apply_to="advantage").
        temporal: alpha where the group passes the comparison and the response is correct, else 0.
        length: the length bonus.
        active: bool, whether the response's group passes the comparison (never for images).
    """

    rewards: Array
    advantages: Array
    temporal: Array
    length: Array
    active: Array


def temporal_bonus(
    accuracy: Array,
    shuffled_accuracy: Array,
    groups: Array | Sequence[Hashable] | None = None,
    shuffled_groups: Array | Sequence[Hashable] | None = None,
    *,
    preset: str = "video_r1_paper",
    other: Array | None = None,
    lengths: Array | None = None,
    video: Array | bool = True,
    num_threads: int | None = None,
    **overrides: Any,
) -> TemporalBonus:
    """Rewards and advantages of T-GRPO (Video-R1, arXiv 2503.21776; MASS names it too).

    A group gets the temporal bonus iff p >= mu * p', with p of its responses to the ordered frames and p' of those to
    the shuffled frames; then alpha is added to every correct response of the group. Correct responses within the
    length band get the length bonus. With binary accuracy and a constant format reward a bonus added to the reward
    cancels in the normalised advantage, up to eps; `apply_to="advantage"` adds it after normalisation instead (the
    paper mentions that).

    Args:
        accuracy (array, (B,), float32 | float64): accuracy rewards; NaN: unscorable.
        shuffled_accuracy (array, (S,), dtype of accuracy): those of the responses to shuffled frames; S may be 0.
        groups (array, (B,), int32 | int64; or a sequence of any hashable ids): None: all are one group.
        shuffled_groups: the same for shuffled_accuracy. A group without shuffled responses gets no temporal bonus.
        preset: "video_r1_code" or "video_r1_paper"; `kinetrace.rewards.TEMPORAL_PRESETS` says where they come from.
        other (array, (B,), dtype of accuracy): sum of the other rewards (format). None: 0.
        lengths (array, (B,), int32 | int64): response tokens. None: no length bonus.
        video (bool | array, (B,), bool): False for images, which get no temporal bonus.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.
        **overrides: instead of the preset's: `alpha` (bonus), `mu`, `strict` (bool: > in place of >=), `threshold` (a
            response is correct iff accuracy > threshold), `estimator` of p ("mean_reward" of the accuracies, or
            "proportion" of correct ones), `apply_to` ("reward" or "advantage"), `length_bonus`, `length_band` (lowest,
            highest; both included), `min_correct` (correct responses a group needs for the length bonus), `eps`,
            `ddof`.

    Returns:
        TemporalBonus.

    Raises:
        ValueError, TypeError, RuntimeError: as `group_advantages`; ValueError for an unknown preset; TypeError for an
            unknown override.

    Notes:
        Computed in float64 whatever the dtype of accuracy. Nothing waits for a CUDA device.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> result = kt.temporal_bonus(
        ...     np.array([1.0, 1, 0, 0]), np.array([1.0, 0]), preset="video_r1_code", lengths=np.array([400, 20, 400, 9])
        ... )
        >>> result.rewards.round(2).tolist(), result.active.tolist()
        ([1.5, 1.3, 0.0, 0.0], [True, True, True, True])
    """
    options = _options(preset, overrides)
    if any_torch(accuracy, shuffled_accuracy, other):
        from kinetrace import _torch

        _torch.refuse_grad("temporal_bonus", accuracy=accuracy, shuffled_accuracy=shuffled_accuracy, other=other)
    ops = Namespace(accuracy, "accuracy")
    x, shuffled = ops.floats(accuracy, "accuracy"), ops.floats(shuffled_accuracy, "shuffled_accuracy")
    rows = int(x.shape[0])
    ids, shuffled_ids = _ids(ops, groups, shuffled_groups, rows, int(shuffled.shape[0]))
    # In the dtype of the accuracies, which rounds the threshold as it rounded them: 0.1 is not above 0.1.
    correct, shuffled_correct = accuracy > options["threshold"], shuffled_accuracy > options["threshold"]
    if options["estimator"] == "proportion":
        counted = ops.number(correct, x), ops.number(shuffled_correct, shuffled)
    else:
        counted = x, shuffled
    active = _passes(ops, options, *counted, ids, shuffled_ids)
    if video is False:
        active = ops.full(rows, False, "bool")
    elif video is not True:
        active = active & _column(ops, video, "video", rows)
    temporal = ops.plain(active & correct) * options["alpha"]
    length = ops.full(rows, 0.0)
    if lengths is not None:
        tokens, (low, high) = _column(ops, lengths, "lengths", rows), options["length_band"]
        enough = group_statistic(ops.plain(correct), ids, "sum") >= options["min_correct"]
        length = ops.plain(correct & enough & (tokens >= low) & (tokens <= high)) * options["length_bonus"]
    rewards = (x if other is None else x + ops.floats(other, "other", rows)) + length
    if options["apply_to"] == "reward":
        rewards = rewards + temporal
    advantages = group_advantages(rewards, ids, eps=options["eps"], ddof=options["ddof"], num_threads=num_threads)
    if options["apply_to"] == "advantage":
        advantages = advantages + temporal
    return TemporalBonus(ops.back(rewards), ops.back(advantages), ops.back(temporal), ops.back(length), active)


def _passes(ops: Namespace, options: dict[str, Any], x: Any, shuffled: Any, ids: Any, shuffled_ids: Any) -> Any:
    """Whether p >= mu * p' in each row's group; never where one of the two is unknown."""
    rows, everyone = int(x.shape[0]), ops.joined(ids, shuffled_ids)
    none = ops.full(rows, math.nan), ops.full(int(shuffled.shape[0]), math.nan)
    p = group_statistic(ops.joined(x, none[1]), everyone, "mean")[:rows]
    least = options["mu"] * group_statistic(ops.joined(none[0], shuffled), everyone, "mean")[:rows]
    return p > least if options["strict"] else p >= least


def _ids(ops: Namespace, groups: Any, shuffled_groups: Any, rows: int, shuffled: int) -> tuple[Any, Any]:
    """Ids of both kinds of responses, numbered alike."""
    if (groups is None) != (shuffled_groups is None):
        raise ValueError("shuffled_groups: expected together with groups, got one of the two")
    if groups is None:
        return ops.full(rows, 0, "int64"), ops.full(shuffled, 0, "int64")
    if all(isinstance(ids, list | tuple) for ids in (groups, shuffled_groups)):
        ids = as_ids([*groups, *shuffled_groups], ops.like)
        first, second = ids[: len(groups)], ids[len(groups) :]
    else:
        first, second = groups, shuffled_groups
    return _column(ops, first, "groups", rows), _column(ops, second, "shuffled_groups", shuffled)


def _column(ops: Namespace, x: Any, name: str, count: int) -> Any:
    own = ops.native(x, name)
    if tuple(own.shape) != (count,):
        raise ValueError(f"{name}: expected shape ({count},), got {tuple(own.shape)}")
    return own


def _options(preset: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """The preset's arguments with the caller's instead of some."""
    options = arguments_of(TEMPORAL, preset)
    for name, value in overrides.items():
        if name not in options:
            raise TypeError(f"{name}: expected one of {', '.join(options)}, got an unknown argument")
        options[name] = value
    for name in ("alpha", "mu", "threshold", "length_bonus"):
        _require_number(options[name], name)
    if not isinstance(options["strict"], bool):
        raise TypeError(f"strict: expected True or False, got {type(options['strict']).__name__}")
    for name, choices in (("estimator", ("mean_reward", "proportion")), ("apply_to", ("reward", "advantage"))):
        if options[name] not in choices:
            raise ValueError(f"{name}: expected {' or '.join(map(repr, choices))}, got {options[name]!r:.60}")
    band = options["length_band"]
    if not isinstance(band, Sequence) or len(band) != 2 or not band[0] <= band[1]:
        raise ValueError(f"length_band: expected (lowest, highest), got {band!r:.60}")
    if isinstance(options["min_correct"], bool) or not isinstance(options["min_correct"], int):
        raise TypeError(f"min_correct: expected an int, got {type(options['min_correct']).__name__}")
    return options


def _require_number(value: Any, name: str) -> None:
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a finite number, got {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
