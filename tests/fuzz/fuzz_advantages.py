"""Fuzzed calls of group_advantages and segment_advantages, and how their answers are judged.

"plain" and "wide" calls must equal the definition. "wild" rewards may differ from each other by less than the definition's
own rounding: then shapes and dtypes must be right, and nothing may be NaN or infinite without having been asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from advantage_cases import MODES
from compare import assert_within
from fuzz_dtw import finished
from fuzz_inputs import BAD, Call, Rng, chance, pick, size, values
from kinetrace import _reference

SEPARATE_MODES = ("grpo", "dr_grpo", "rloo", "passk")
NOT_FINITE = (-1.0, float("nan"), float("inf"), "1", True, [1.0])
BAD_OPTIONS = {
    "mode": ("ppo", "mean", "sum", "GRPO"),
    "eps": NOT_FINITE,
    "ddof": (-1, 1.0, "1", True, 2**70, None),
    "var_floor": NOT_FINITE,
    "singleton": ("one", 1, None, b"zero"),
    "nan_policy": ("raise", 0, None, b"omit"),
    "weights": (1.0, ["1"], [float("nan")], [1.0] * 65, {}),
    "scale": (1, "yes", None),
    "groups": ("ids", 3, 1.5, np.zeros((2, 2), np.int64), np.zeros(7), np.zeros(3, np.int16), [0] * 1000, [[]] * 3),
    "num_threads": BAD["threads"],
}


def _rewards(rng: Rng, rows: int, columns: int, dtype: Any, regime: str) -> Any:
    rewards = values(rng, (rows, columns), dtype, regime)
    if regime == "plain":
        if chance(rng, 0.5):
            rewards = np.round(rewards)  # ties
        rewards[rng.random(rewards.shape) < pick(rng, (0.0, 0.1, 0.6))] = pick(rng, (np.nan, np.inf, -np.inf))
    return rewards


def _groups(rng: Rng, rows: int) -> Any:
    ids = rng.integers(-3, pick(rng, (-2, 0, 4, 40)), rows) * int(pick(rng, (1, 1, 2**28, 10**15)))
    if np.abs(ids).max(initial=0) < 2**31 and chance(rng, 0.5):
        ids = ids.astype(np.int32)
    return [str(i) for i in ids] if chance(rng, 0.1) else ids


def _options(rng: Rng, modes: tuple[str, ...], columns: int) -> dict[str, Any]:
    mode = pick(rng, modes)
    options = {
        "mode": mode,
        "eps": pick(rng, (1e-6, 1e-4, 0.5)),
        "ddof": int(rng.integers(0, 4)),
        "var_floor": pick(rng, (0.0, 1e-6)),
        "singleton": "zero" if mode == "passk" else pick(rng, ("zero", "raw")),
        "nan_policy": pick(rng, ("omit", "propagate")),
        "weights": pick(rng, (None, rng.normal(size=columns).tolist())),
        "scale": chance(rng, 0.7),
    }
    return {k: v for k, v in options.items() if k == "mode" or chance(rng, 0.6)}


def _finished(rng: Rng, rewards: Any, groups: Any, more: dict[str, Any], options: Any, dtype: Any, regime: str) -> Call:
    """As other fuzzed calls; group ids may be any sequence, so what they refuse is among the options."""
    call = finished(rng, {"rewards": rewards, **more}, options, BAD_OPTIONS, dtype, regime)
    others = dict(call.options)
    ids = others.pop("groups", groups)
    return call._replace(args=(call.args[0], ids, *call.args[1:]), options=others)


def group_advantages_call(rng: Rng) -> Call:
    """Any call of group_advantages."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    rows, columns = size(rng, 300 if chance(rng, 0.1) else 30), int(rng.integers(1, 5))
    rewards = _rewards(rng, rows, columns, dtype, regime)
    options = _options(rng, MODES, columns)
    more = {}
    if options["mode"] in ("opo", "reinforce_pp_baseline") or chance(rng, 0.2):
        more["lengths"] = rng.integers(-1, 60, rows).astype(pick(rng, (np.int32, np.int64)))
    if columns == 1 and chance(rng, 0.6):
        rewards = rewards[:, 0]
    return _finished(rng, rewards, _groups(rng, rows), more, options, dtype, regime)


def segment_advantages_call(rng: Rng) -> Call:
    """Any call of segment_advantages."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    rows, columns, tokens = size(rng, 30), int(rng.integers(1, 5)), size(rng, 300 if chance(rng, 0.1) else 20)
    options = _options(rng, SEPARATE_MODES, columns)
    if options.get("weights") or chance(rng, 0.4):
        options["separate"] = False
    low, high = (-1, columns) if chance(rng, 0.7) else (-3, columns + 2)
    segments = rng.integers(low, high, (rows, tokens)).astype(pick(rng, (np.int8, np.int32, np.int64)))
    if chance(rng, 0.2):
        segments = np.maximum(segments, 0).astype(np.uint8)
    rewards = _rewards(rng, rows, columns, dtype, regime)
    return _finished(rng, rewards, _groups(rng, rows), {"segments": segments}, options, dtype, regime)


def _judge(call: Call, answer: Any, expected: Any) -> None:
    assert answer.dtype == call.dtype
    assert answer.shape == expected.shape
    expected = np.clip(expected, np.finfo(call.dtype).min, np.finfo(call.dtype).max)
    assert not np.isinf(answer).any()
    if call.options.get("nan_policy", "omit") == "omit" and call.regime != "wild":
        np.testing.assert_array_equal(np.isnan(answer), np.isnan(expected))
    if call.regime == "wild":
        return
    rewards = np.abs(np.asarray(call.args[0], dtype=np.float64))
    largest = rewards[np.isfinite(rewards)].max(initial=0) * (1 + np.abs(call.options.get("weights") or [1.0]).max())
    size_of = np.where(np.isnan(expected), 0, np.abs(expected))
    by_deviation = (
        largest if not call.options.get("scale", True) or call.options["mode"] not in ("grpo", "gdpo", "passk") else 0
    )
    assert_within(answer, expected, 1e-9 * (1 + size_of + by_deviation) + np.finfo(call.dtype).eps * size_of)


def judge_group_advantages(call: Call, answer: Any) -> None:
    """Raises AssertionError where an answer is not the definition's."""
    options = {k: np.asarray(v) if hasattr(v, "shape") else v for k, v in call.options.items() if k != "num_threads"}
    groups = call.args[1] if isinstance(call.args[1], list) else np.asarray(call.args[1])
    _judge(call, answer, _reference.group_advantages(np.asarray(call.args[0]), groups, **options))
    if options.get("nan_policy", "omit") == "omit":
        assert np.isfinite(answer).all()


def judge_segment_advantages(call: Call, answer: Any) -> None:
    """Raises AssertionError where an answer is not the definition's."""
    options = {k: v for k, v in call.options.items() if k != "num_threads"}
    rewards, groups, segments = call.args
    groups = groups if isinstance(groups, list) else np.asarray(groups)
    expected = _reference.segment_advantages(np.asarray(rewards), groups, np.asarray(segments), **options)
    _judge(call, answer, expected)
    assert not answer[np.asarray(segments) == -1].any()
