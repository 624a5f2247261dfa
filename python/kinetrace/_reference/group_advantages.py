"""Definition of group_advantages: every mode in plain float64, with exact sums so that no order of the batch matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

#: Rewards from here on count as unavailable, like NaN.
_TOO_LARGE = 2.0**500


def group_advantages(
    rewards: npt.ArrayLike,
    groups: Any,
    *,
    mode: str = "grpo",
    eps: float = 1e-4,
    ddof: int = 1,
    var_floor: float = 0.0,
    singleton: str = "zero",
    nan_policy: str = "omit",
    lengths: npt.ArrayLike | None = None,
    weights: Sequence[float] | None = None,
    scale: bool = True,
    f_norm: float = 1.0,
) -> Float:
    """As `kinetrace.group_advantages`."""
    r = np.asarray(rewards, dtype=np.float64)
    r = r[:, None] if r.ndim == 1 else r
    r = np.where(np.abs(r) < _TOO_LARGE, r, np.nan)
    w = np.ones(r.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    tokens = np.ones(len(r)) if lengths is None else np.maximum(np.asarray(lengths, dtype=np.float64), 0)
    members = _members(groups)
    raw = singleton == "raw"

    def each_group(x: Float, of_group: Callable[[Float, Float], Float]) -> Float:
        out = np.full(len(x), np.nan)
        for rows in members:
            known = rows[~np.isnan(x[rows])]
            if len(known) and (nan_policy == "omit" or len(known) == len(rows)):
                out[known] = of_group(x[known], tokens[known])
        return out

    def centred(x: Float, _: Float) -> Float:
        return x - (0.0 if raw and len(x) == 1 else _mean(x))

    def normalised(x: Float, _: Float) -> Float:
        if raw and len(x) == 1:
            return np.asarray(x / (1.0 + eps))
        return _divided(centred(x, _), _std(x, ddof, var_floor) + eps)

    def leave_one_out(x: Float, _: Float) -> Float:
        n = len(x)
        if n == 1:
            return x if raw else np.zeros(1)
        return (x - _mean(x)) * (n / (n - 1))

    def best_alone(x: Float, _: Float) -> Float:
        if len(x) < 2:
            return np.zeros(1)
        second, first = np.sort(x)[-2:]
        lead = np.where(x == first, first - second, 0.0)
        return _divided(lead, _std(x, ddof, var_floor) + eps) if scale else lead

    def length_weighted(x: Float, n: Float) -> Float:
        if raw and len(x) == 1:
            return x
        if n.sum() == 0:
            return np.zeros_like(x)
        return np.asarray(x - min(max(math.fsum(n * x) / float(n.sum()), x.min()), x.max()))

    if mode == "gdpo":
        parts = [each_group(column, normalised) for column in r.T]
        if nan_policy == "omit":
            parts = [np.where(np.isnan(part), 0.0, part) for part in parts]
        total = sum((weight * part for weight, part in zip(w, parts, strict=True)), np.zeros(len(r)))
        total = np.where(np.isnan(r).all(axis=1), np.nan, total)
        return _shown(
            _of_batch(total, nan_policy, lambda x: _divided(x - _mean(x), _std(x, ddof, var_floor) + eps)), nan_policy
        )

    x = combined(r, w)
    if mode == "grpo":
        return _shown(each_group(x, normalised if scale else centred), nan_policy)
    simple = {"dr_grpo": centred, "rloo": leave_one_out, "passk": best_alone, "opo": length_weighted}
    if mode in simple:
        return _shown(each_group(x, simple[mode]), nan_policy)
    d = each_group(x, centred)
    known = ~np.isnan(x)
    if mode == "batch_std":
        deviation = _std(x[known], ddof, var_floor) + eps if known.any() else np.nan
        return _shown(_of_batch(d, nan_policy, lambda v: _divided(v, deviation)), nan_policy)
    if mode == "gpg":
        alpha = known.sum() / max(np.count_nonzero(x[known]), 1)
        return _shown(_of_batch(d, nan_policy, lambda v: alpha * v / f_norm), nan_policy)
    if mode == "reinforce_pp_baseline":
        return _shown(_of_batch(d, nan_policy, lambda v: _whitened(v, tokens[~np.isnan(d)])), nan_policy)
    raise ValueError(f"mode: {mode!r}")


def combined(r: Float, w: Float) -> Float:
    """Weighted sum of the available rewards of each row; NaN where none is available."""
    total = np.where(np.isnan(r), 0.0, r) @ w
    return np.where(np.isnan(r).all(axis=1), np.nan, total)


def _members(groups: Any) -> list[npt.NDArray[np.int64]]:
    rows: dict[Hashable, list[int]] = {}
    for i, group in enumerate(np.asarray(groups).tolist()):
        rows.setdefault(group, []).append(i)
    return [np.array(indices) for indices in rows.values()]


def _mean(x: Float) -> float:
    """Never outside the range of its values: equal values have no deviation."""
    return float(min(max(math.fsum(x) / len(x), x.min()), x.max()))


def _std(x: Float, ddof: int, var_floor: float) -> float:
    """NaN where there are too few values for ddof."""
    if len(x) - ddof <= 0:
        return math.nan
    return math.sqrt(max(math.fsum((x - _mean(x)) ** 2) / (len(x) - ddof), var_floor))


def _divided(x: Float, by: float) -> Float:
    """0 where there is nothing to divide by."""
    return np.asarray(x / by) if by > 0 else np.zeros_like(x)


def _of_batch(x: Float, nan_policy: str, f: Callable[[Float], Float]) -> Float:
    known = ~np.isnan(x)
    out = np.full(len(x), np.nan)
    if known.any() and (nan_policy == "omit" or known.all()):
        out[known] = f(x[known])
    return out


def _whitened(x: Float, tokens: Float) -> Float:
    """Over all tokens of the batch, each of which has its response's value; the constants are verl's."""
    total = tokens.sum()
    if total <= 1:
        return np.zeros_like(x)
    mean = math.fsum(tokens * x) / (total + 1e-8)
    var = math.fsum(tokens * (x - mean) ** 2) / (total + 1e-8) * (total / (total - 1))
    return np.asarray((x - mean) / math.sqrt(var + 1e-8))


def _shown(x: Float, nan_policy: str) -> Float:
    return np.where(np.isnan(x), 0.0, x) if nan_policy == "omit" else x
