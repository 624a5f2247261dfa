"""Definition of temporal_bonus: T-GRPO's rewards and advantages, one group after another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace._reference.group_advantages import group_advantages

Float = npt.NDArray[np.float64]


def temporal_bonus(
    accuracy: npt.ArrayLike,
    shuffled_accuracy: npt.ArrayLike,
    groups: Any,
    shuffled_groups: Any,
    *,
    other: npt.ArrayLike,
    lengths: npt.ArrayLike,
    video: npt.ArrayLike,
    alpha: float,
    mu: float,
    strict: bool,
    threshold: float,
    estimator: str,
    apply_to: str,
    length_bonus: float,
    length_band: tuple[int, int],
    min_correct: int,
    eps: float,
    ddof: int,
) -> dict[str, npt.NDArray[Any]]:
    """As `kinetrace.temporal_bonus`, with every argument spelled out."""
    acc, shuffled = np.asarray(accuracy, dtype=np.float64), np.asarray(shuffled_accuracy, dtype=np.float64)
    n, is_video, extra = np.asarray(lengths), np.asarray(video, dtype=bool), np.asarray(other, dtype=np.float64)
    ids, shuffled_ids = np.asarray(groups), np.asarray(shuffled_groups)

    def p(values: Float) -> float:
        known = values[~np.isnan(values)]
        scored = (known > threshold).astype(float) if estimator == "proportion" else known
        return math.fsum(scored) / len(scored) if len(scored) else math.nan

    temporal, length, active = np.zeros(len(acc)), np.zeros(len(acc)), np.zeros(len(acc), dtype=bool)
    for i in range(len(acc)):
        ordered, right = p(acc[ids == ids[i]]), bool(acc[i] > threshold)
        reordered = mu * p(shuffled[shuffled_ids == ids[i]])
        active[i] = bool(is_video[i] and (ordered > reordered if strict else ordered >= reordered))
        temporal[i] = alpha if active[i] and right else 0.0
        enough = np.count_nonzero(acc[ids == ids[i]] > threshold) >= min_correct
        length[i] = length_bonus if right and enough and length_band[0] <= n[i] <= length_band[1] else 0.0
    rewards = acc + extra + length + (temporal if apply_to == "reward" else 0.0)
    advantages = group_advantages(rewards, ids, eps=eps, ddof=ddof)
    if apply_to == "advantage":
        advantages = advantages + temporal
    return {"rewards": rewards, "advantages": advantages, "temporal": temporal, "length": length, "active": active}
