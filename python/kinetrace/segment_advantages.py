"""Advantages per token: of segments with rewards of their own (PA-GRPO), and of steps (process supervision)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from kinetrace._arrays import Array, any_torch, is_torch, library_of
from kinetrace._dispatch import backend_for
from kinetrace._namespace import as_ids
from kinetrace.group_advantages import run

_SEPARATE_MODES = ("grpo", "dr_grpo", "rloo", "passk")


def segment_advantages(
    rewards: Array,
    groups: Array | Sequence[Hashable],
    segments: Array,
    *,
    separate: bool = True,
    mode: str = "grpo",
    eps: float = 1e-4,
    ddof: int = 1,
    var_floor: float = 0.0,
    singleton: str = "zero",
    nan_policy: str = "omit",
    weights: Sequence[float] | None = None,
    scale: bool = True,
    num_threads: int | None = None,
) -> Array:
    """Advantages of tokens whose segments have rewards of their own, as in PA-GRPO.

    VideoP2R (arXiv 2511.11113, eq. 6) normalises the rewards of perception and of reasoning separately over the group
    and gives each advantage to the tokens of its segment only [published]. It prints no eps and no ddof; those here
    are kinetrace's choice [derived].

    Args:
        rewards (array, (B, K), float32 | float64): one reward per response and segment. NaN: unavailable, see
            `group_advantages`; float16 and bfloat16 are refused as there. A response without tokens in a segment still
            counts in that segment's statistics.
        groups (array, (B,), int32 | int64; or a sequence of any hashable ids): equal ids are one group, in any order.
        segments (array, (B, T), int8 | uint8 | int32 | int64): segment of each token, 0 to K - 1; -1: none, advantage
            0. Any other id gives NaN, also 255 of uint8, which has no -1. Read as they lie; int8 is fastest. bool is
            refused: False could be segment 0 or none.
        separate: False: the rewards are summed and one advantage goes to every token of a segment (the paper's
            ablation "without separation").
        mode: "grpo", "dr_grpo", "rloo" or "passk", see `group_advantages`.
        eps, ddof, var_floor, singleton, nan_policy, scale: see `group_advantages`.
        weights: K finite numbers for `separate=False`; None: all 1.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, (B, T), dtype of rewards.

    Raises:
        ValueError: shape, dtype, device or value of an argument; weights with separate=True; a torch tensor that
            requires grad.
        TypeError: an argument is not an array or of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> rewards = np.array([[2.0, 0.0], [0.0, 1.0]])  # of perception, of reasoning
        >>> segments = np.array([[0, 0, 1], [0, 1, -1]])
        >>> kt.segment_advantages(rewards, np.array([0, 0]), segments, mode="dr_grpo")
        array([[ 1. ,  1. , -0.5],
               [-1. ,  0.5,  0. ]])
    """
    if mode not in _SEPARATE_MODES:
        raise ValueError(f"mode: expected one of {', '.join(map(repr, _SEPARATE_MODES))}, got {mode!r}")
    if not isinstance(separate, bool):
        raise TypeError(f"separate: expected True or False, got {type(separate).__name__}")
    if separate and weights is not None:
        raise ValueError("weights: expected None with separate=True, got weights")
    shape = getattr(rewards, "shape", None)
    if shape is None or len(shape) != 2:
        got = type(rewards).__name__ if shape is None else tuple(shape)
        raise (TypeError if shape is None else ValueError)(f"rewards: expected an array (B, K), got {got}")
    options = (weights, None, eps, ddof, var_floor, 1.0, singleton, nan_policy, scale, num_threads)
    advantages = run(rewards, as_ids(groups, rewards), mode, separate, *options)
    columns = int(shape[1])
    return spread(advantages if separate else advantages[:, None], segments, columns, num_threads)


def spread(advantages: Array, segments: Array, columns: int, num_threads: int | None = None) -> Any:
    """Advantages (B, K), or (B, 1) for all segments alike, to the tokens of the segments."""
    if any_torch(advantages, segments):
        from kinetrace import _torch
        from kinetrace._torch import segment_advantages as torch_op

        if is_torch(advantages) and _torch.through_operator(advantages, segments):
            return torch_op.operator(advantages, segments, columns, num_threads)
    return backend_for(advantages, "rewards").segment_advantages(advantages, segments, columns, num_threads)


def process_supervision_advantages(
    step_rewards: Array,
    groups: Array | Sequence[Hashable],
    *,
    step_ends: Array | None = None,
    num_tokens: int | None = None,
    eps: float = 1e-4,
    ddof: int = 1,
    var_floor: float = 0.0,
    singleton: str = "zero",
    num_threads: int | None = None,
) -> Array:
    """Advantages of GRPO with process supervision: from rewards of the single steps of a response.

    All step rewards of a group are normalised together; the advantage of a token is the sum of the normalised rewards
    of the steps that end at or after it (arXiv 2402.03300, section 4.1.3 [published]; eps and ddof are not printed
    there).

    Args:
        step_rewards (array, (B, S), float32 | float64): NaN where a response has no such step, or no reward for it.
        groups (array, (B,), int32 | int64; or a sequence of any hashable ids): equal ids are one group, in any order.
        step_ends (array, (B, S), int32 | int64): index of each step's last token, ascending within a response; where
            there is no step any value from the last end on. None: the result is per step.
        num_tokens: T of the result, with step_ends.
        eps, ddof, var_floor, singleton, num_threads: see `group_advantages`.

    Returns:
        array, dtype of step_rewards: (B, S), the advantage of each step's tokens; with step_ends (B, T), 0 after the
        last step.

    Raises:
        ValueError, TypeError, RuntimeError: as `group_advantages`.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> rewards = np.array([[0.2, 0.9, np.nan], [0.5, 0.1, 0.7]])
        >>> kt.process_supervision_advantages(rewards, np.array([0, 0]), eps=1e-6).round(3)
        array([[ 0.418,  1.255,  0.   ],
               [-0.418, -0.478,  0.657]])
        >>> ends = np.array([[1, 3, 3], [0, 1, 2]])
        >>> kt.process_supervision_advantages(rewards, np.array([0, 0]), step_ends=ends, num_tokens=5, eps=1e-6).round(3)
        array([[ 0.418,  0.418,  1.255,  1.255,  0.   ],
               [-0.418, -0.478,  0.657,  0.   ,  0.   ]])
    """
    shape: tuple[int, ...] = tuple(getattr(step_rewards, "shape", ()))
    if len(shape) != 2:
        raise ValueError(f"step_rewards: expected shape (B, S), got {shape}")
    if (step_ends is None) != (num_tokens is None):
        raise ValueError("num_tokens: expected together with step_ends, got one of the two")
    kind = str(getattr(step_ends, "dtype", "int64")).removeprefix("torch.")
    if kind not in ("int32", "int64"):  # narrower ones cannot count the tokens
        raise ValueError(f"step_ends: expected int32 or int64, got {kind}")
    ids = as_ids(groups, step_rewards)
    steps = int(shape[1])
    flat_ids = ids.repeat_interleave(steps) if is_torch(ids) else ids.repeat(steps)
    options = (None, None, eps, ddof, var_floor, 1.0, singleton, "omit", True, num_threads)
    z = run(step_rewards.reshape(-1), flat_ids, "grpo", False, *options).reshape(shape)
    for s in range(steps - 2, -1, -1):  # one fixed order of additions, whatever the library
        z[:, s] += z[:, s + 1]
    if step_ends is None or num_tokens is None:
        return z
    return spread(z, _steps_of_tokens(step_ends, num_tokens), steps, num_threads)


def _steps_of_tokens(ends: Any, num_tokens: int) -> Any:
    """(B, T): how many steps end before a token; -1 after the last."""
    steps = ends.shape[1]
    if is_torch(ends):
        import torch

        tokens = torch.arange(num_tokens, device=ends.device, dtype=ends.dtype).expand(ends.shape[0], num_tokens)
        step = torch.searchsorted(ends.contiguous(), tokens.contiguous(), right=False)
        return torch.where(step < steps, step, -1)
    if library_of(ends) == "cupy":
        import cupy as xp
    else:
        import numpy as xp
    step = xp.zeros((ends.shape[0], num_tokens), dtype=xp.int64)
    tokens = xp.arange(num_tokens)[None, :]
    for s in range(steps):
        step += ends[:, s, None] < tokens
    return xp.where(step < steps, step, -1)
