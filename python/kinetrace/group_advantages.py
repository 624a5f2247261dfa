"""Advantages of groups of responses to the same prompt: GRPO and its relatives."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from kinetrace._arrays import Array, any_torch
from kinetrace._dispatch import backend_for
from kinetrace._namespace import as_ids

MODES = ("grpo", "dr_grpo", "batch_std", "rloo", "gdpo", "passk", "opo", "reinforce_pp_baseline", "gpg")


def group_advantages(
    rewards: Array,
    groups: Array | Sequence[Hashable],
    *,
    mode: str = "grpo",
    eps: float = 1e-4,
    ddof: int = 1,
    var_floor: float = 0.0,
    singleton: str = "zero",
    nan_policy: str = "omit",
    lengths: Array | None = None,
    weights: Sequence[float] | None = None,
    scale: bool = True,
    f_norm: float = 1.0,
    num_threads: int | None = None,
) -> Array:
    """Advantage of every response within the group of responses to its prompt.

    With r the reward (of several rewards the weighted sum), n, mean and std those of its group:

    ======================= ============================================================================================
    mode                    advantage
    ======================= ============================================================================================
    "grpo"                  (r - mean) / (std + eps); GRPO with outcome rewards, arXiv 2402.03300 (eps and ddof are not
                            printed there); TRL eps 1e-4, verl eps 1e-6. `scale=False`: "dr_grpo"
    "dr_grpo"               r - mean; Dr.GRPO, arXiv 2503.20783, and TRL's scale_rewards="none"
    "batch_std"             (r - mean) / (std of the batch + eps); TRL's scale_rewards="batch"
    "rloo"                  (n r - sum) / (n - 1); arXiv 2402.14740
    "gdpo"                  each reward normalised by itself in its group as in "grpo", their weighted sum s normalised
                            over the batch: (s - mean s) / (std s + eps); arXiv 2601.05242, TRL's "normalize_then_sum"
    "passk"                 the best response of a group gets (best - second best) / (std + eps), all others 0;
                            arXiv 2503.19595; without the division for `scale=False`
    "opo"                   r - sum(length * r) / sum(length); arXiv 2505.23585
    "reinforce_pp_baseline" r - mean on each of the response's tokens, whitened over all tokens of the batch;
                            arXiv 2501.03262, with verl's constants (1e-8), not eps
    "gpg"                   (r - mean) * (rows / rows with r != 0) / f_norm; arXiv 2504.02546 as in verl
    ======================= ============================================================================================

    Args:
        rewards (array, (B,) | (B, K), float32 | float64): K up to 64 rewards per response; float16 and bfloat16 are
            refused, for the result has the dtype of the rewards: convert them as you want them. NaN and infinite rewards
            (and those from 2^500 on) are unavailable: left out of the weighted sum, and a row without any is
            unscorable.
        groups (array, (B,), int32 | int64; or a sequence of any hashable ids): equal ids are one group, in any order.
        mode: see above.
        eps: added to a standard deviation, >= 0. With nothing to divide by (eps 0, equal rewards) the advantage is 0.
        ddof: n - ddof is the divisor of a variance. Where that is not above 0 the advantage is 0 (TRL).
        var_floor: variances are at least this (1e-6 is verl's "grpo_vectorized").
        singleton: a group with one available reward: "zero": advantage 0 (TRL); "raw": mean 0, std 1 (verl), so that
            the advantage is the reward itself. Not with "passk", where verl raises.
        nan_policy: "omit": unscorable rows are left out of all statistics and get 0 (TRL); "propagate": they make
            every row of their group NaN (verl), and every row of the batch in modes that use the batch.
        lengths (array, (B,), int32 | int64): response tokens, for "opo" and "reinforce_pp_baseline"; < 0 counts as 0.
        weights: K finite numbers; None: all 1.
        scale: divide by the standard deviation, for "grpo" and "passk".
        f_norm: divisor of "gpg", > 0.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, (B,), dtype of rewards: never NaN unless nan_policy="propagate", and never infinite: the dtype's largest
        number stands for what is beyond it.

    Raises:
        ValueError: shape, dtype, device or value of an argument; a torch tensor that requires grad (advantages are
            constants to the policy's gradient).
        TypeError: an argument is not an array or of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Notes:
        All arithmetic is float64 and rounded once to the dtype of rewards. Sums are exact until their end, so the
        result has the same bits for any order of the batch, any thread count, any number of unscorable rows appended,
        and on every back end. Equal rewards give exactly 0. On CUDA nothing waits for the device.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> rewards = np.array([1.0, 0.0, 0.0, 3.0, 2.0])
        >>> kt.group_advantages(rewards, np.array([7, 7, 7, 2, 2]), mode="dr_grpo").round(3).tolist()
        [0.667, -0.333, -0.333, 0.5, -0.5]
        >>> kt.group_advantages(rewards, ["a", "a", "a", "b", "b"], mode="rloo").round(3).tolist()
        [1.0, -0.5, -0.5, 1.0, -1.0]
    """
    if isinstance(mode, str) and mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(map(repr, MODES))}, got {mode!r}")
    ids = as_ids(groups, rewards)
    options = (weights, lengths, eps, ddof, var_floor, f_norm, singleton, nan_policy, scale, num_threads)
    return run(rewards, ids, mode, False, *options)


def run(rewards: Array, ids: Any, mode: str, apart: bool, *options: Any) -> Any:
    """The native call; the modes "mean", "sum" and "range" give every row that statistic of its group."""
    if any_torch(rewards, ids):
        from kinetrace import _torch
        from kinetrace._torch import group_advantages as torch_op

        _torch.refuse_grad("group_advantages", rewards=rewards)
        if _torch.through_operator(rewards, ids):
            return torch_op.operator(rewards, ids, mode, apart, *options)
    return backend_for(rewards, "rewards").group_advantages(rewards, ids, mode, apart, *options)


def group_statistic(values: Array, ids: Any, which: str) -> Any:
    """Mean, sum or range of the available values of each row's group (the mean and range of none are NaN)."""
    return run(values, ids, which, False, None, None, 0.0, 1, 0.0, 1.0, "zero", "omit", True, None)
