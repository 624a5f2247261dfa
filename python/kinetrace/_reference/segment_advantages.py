"""Definitions of segment_advantages and of process supervision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace._reference.group_advantages import group_advantages

Float = npt.NDArray[np.float64]


def segment_advantages(
    rewards: npt.ArrayLike,
    groups: Any,
    segments: npt.ArrayLike,
    *,
    separate: bool = True,
    weights: Any = None,
    **options: Any,
) -> Float:
    """As `kinetrace.segment_advantages`."""
    r, s = np.asarray(rewards, dtype=np.float64), np.asarray(segments)
    if separate:
        z = np.stack([group_advantages(column, groups, **options) for column in r.T], axis=1)
    else:
        z = np.repeat(group_advantages(r, groups, weights=weights, **options)[:, None], r.shape[1], axis=1)
    out = np.full(s.shape, np.nan)
    for b, t in np.ndindex(*s.shape):
        if s[b, t] == -1:
            out[b, t] = 0.0
        elif 0 <= s[b, t] < r.shape[1]:
            out[b, t] = z[b, s[b, t]]
    return out


def process_supervision(step_rewards: npt.ArrayLike, groups: Any, **options: Any) -> Float:
    """(B, S): the sum of a response's normalised step rewards from each step on; NaN steps count nothing."""
    r = np.asarray(step_rewards, dtype=np.float64)
    z = group_advantages(r.reshape(-1), np.repeat(np.asarray(groups), r.shape[1]), **options).reshape(r.shape)
    return np.cumsum(z[:, ::-1], axis=1)[:, ::-1]
