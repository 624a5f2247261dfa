"""segment_advantages and process supervision against golden vectors and their definitions, on every back end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from advantage_cases import number
from compare import assert_same_bits, assert_within
from golden_cases import allowed, case_id, cases
from kinetrace import _reference, _testing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", cases("advantages", "pagrpo"), ids=case_id)
def test_golden(backend: Any, case: dict[str, Any], dtype: Any) -> None:
    rewards, groups, segments = number(case["rewards"]), np.array(case["group"]), np.array(case["segment"])
    options = {name: case[name] for name in ("eps", "ddof", "separate")}
    expected = number(case["expected"])
    for ids in (np.int8, np.int32, np.int64):
        value = backend.call("segment_advantages", rewards.astype(dtype), groups, segments.astype(ids), **options)
        assert value.dtype == dtype
        assert_within(value, expected, allowed(expected, dtype, "pagrpo"))
    assert_within(_reference.segment_advantages(rewards, groups, segments, **options), expected, 1e-9)


def _random(rng: np.random.Generator, tokens: int) -> tuple[Any, Any, Any]:
    rewards = rng.integers(0, 3, size=(12, 3)).astype(np.float32) / 2
    rewards[rng.random(rewards.shape) < 0.1] = np.nan
    return rewards, rng.integers(0, 3, size=12), rng.integers(-1, 3, size=(12, tokens))


@pytest.mark.parametrize("tokens", [0, 1, 17, 1100])
@pytest.mark.parametrize("mode", ["grpo", "dr_grpo", "rloo", "passk"])
def test_the_definition(backend: Any, mode: str, tokens: int) -> None:
    rng = np.random.default_rng(tokens)
    rewards, groups, segments = _random(rng, tokens)
    for options in ({"separate": True}, {"separate": False}, {"separate": False, "weights": [0.5, 2.0, -1.0]}):
        value = backend.call("segment_advantages", rewards, groups, segments, mode=mode, **options)
        expected = _reference.segment_advantages(rewards, groups, segments, mode=mode, **options)
        assert_within(value, expected, 1e-5)
        assert not value[segments == -1].any()


def test_ids_out_of_range_are_nan_and_harm_no_neighbour(backend: Any) -> None:
    rewards, groups, segments = _random(np.random.default_rng(1), 9)
    clean = backend.call("segment_advantages", rewards, groups, segments)
    wrong = {
        np.int8: (3, -2, 127, -128),
        np.int32: (3, -2, 2**31 - 1, -(2**31)),
        np.int64: (3, -2, 2**63 - 1, -(2**63), 2**32, 2**32 - 1, -(2**32)),
    }
    for dtype, bad in wrong.items():
        for separate in (True, False):
            broken = segments.astype(dtype)
            for place, segment in enumerate(bad):
                broken[place, place] = segment
            value = backend.call("segment_advantages", rewards, groups, broken, separate=separate)
            for place in range(len(bad)):
                assert np.isnan(value[place, place])
            untouched = broken == segments
            assert np.isnan(value).sum() == len(bad)
            if separate:
                np.testing.assert_array_equal(value[untouched], clean[untouched])


def test_unsigned_bytes_have_no_minus_one(backend: Any) -> None:
    rewards, groups, segments = _random(np.random.default_rng(3), 90)
    segments[segments == -1] = 0
    unsigned = segments.astype(np.uint8)
    plain = backend.call("segment_advantages", rewards, groups, segments)
    assert_same_bits(backend.call("segment_advantages", rewards, groups, unsigned), plain)
    unsigned[2, 5], unsigned[4, 70], unsigned[5, 64] = 255, 3, 128
    value = backend.call("segment_advantages", rewards, groups, unsigned)
    assert np.isnan([value[2, 5], value[4, 70], value[5, 64]]).all()
    assert_same_bits(value[unsigned == segments], plain[unsigned == segments])


@pytest.mark.parametrize("ids", [np.int8, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 2, 3, 6, 7, 14, 15, 40])
def test_tables_of_every_length_a_register_has_or_not(backend: Any, columns: int, dtype: Any, ids: Any) -> None:
    rng = np.random.default_rng(columns)
    rows, tokens = 4, 83  # lines of results begin anywhere in a row
    segments = rng.integers(0 if ids == np.uint8 else -2, columns + 2, (rows, tokens)).astype(ids)
    rewards, groups = rng.normal(size=(rows, columns)).astype(dtype), np.zeros(rows, np.int64)
    for separate in (True, False):
        value = backend.call("segment_advantages", rewards, groups, segments, separate=separate)
        expected = _reference.segment_advantages(rewards, groups, segments, separate=separate)
        assert_within(value, expected, 1e-5 if dtype == np.float32 else 1e-9)
    wide = segments.astype(np.int64)
    assert_same_bits(backend.call("segment_advantages", rewards, groups, wide, separate=False), value)


@pytest.mark.parametrize("ids", [np.int8, np.int64])
@pytest.mark.parametrize("columns", [2, 3])
def test_results_that_pass_the_caches(backend: Any, columns: int, ids: Any) -> None:
    """From 4 MiB on a CPU streams its results, in whole lines, wherever rows begin."""
    rng, tokens = np.random.default_rng(4), 150_001 if backend.name.startswith("cpu") else 101
    rewards, groups = rng.normal(size=(8, columns)).astype(np.float32), np.arange(8) // 4
    segments = rng.integers(-1, columns, (8, tokens)).astype(ids)
    apart = [backend.call("group_advantages", rewards[:, k].copy(), groups) for k in range(columns)]
    table = np.stack([*apart, np.zeros(8, np.float32)], axis=1)  # the last for -1
    value = backend.call("segment_advantages", rewards, groups, segments)
    assert_same_bits(value, np.take_along_axis(table, segments.astype(np.int64), axis=1))


def test_order_threads_and_layout_change_no_bit(backend: Any) -> None:
    rng = np.random.default_rng(2)
    rows, tokens = (96, 12_000) if backend.name.startswith("cpu") else (24, 300)
    rewards, groups = rng.normal(size=(rows, 2)), rng.integers(0, rows // 8, size=rows)
    segments = rng.integers(-1, 2, size=(rows, tokens))
    with _testing.use_backend(backend.name):
        plain = kt.segment_advantages(rewards, groups, segments, num_threads=1)
        assert np.isfinite(plain).all()
        assert plain.any()
        order = rng.permutation(rows)
        assert_same_bits(kt.segment_advantages(rewards[order], groups[order], segments[order]), plain[order])
        views = [
            np.asfortranarray(segments),
            segments.astype(np.int32),
            segments.astype(np.int8),
            np.repeat(segments.astype(np.int8), 2, axis=1)[:, ::2],
            np.repeat(segments, 2, axis=1)[:, ::2],
            np.ascontiguousarray(segments[::-1, ::-1])[::-1, ::-1],
        ]
        for view in views:
            assert_same_bits(kt.segment_advantages(rewards, groups, view, num_threads=3), plain)
        shifted = np.empty((rows, tokens + 3), np.int64)
        shifted[:, 3:] = segments
        assert_same_bits(kt.segment_advantages(rewards, groups, shifted[:, 3:]), plain)


@pytest.mark.parametrize("case", cases("process_supervision", "advantages"), ids=case_id)
def test_process_supervision(backend: Any, case: dict[str, Any]) -> None:
    steps = max(map(len, case["step_rewards"]))
    rewards = np.full((len(case["step_rewards"]), steps), np.nan)
    ends = np.full(rewards.shape, 0)
    for i, listed in enumerate(case["step_rewards"]):
        rewards[i, : len(listed)] = listed
        ends[i] = 3 * np.minimum(np.arange(steps), len(listed) - 1) + 1
    groups, options = np.zeros(len(rewards), np.int64), {"eps": case["eps"], "ddof": case["ddof"]}
    value = backend.call("process_supervision_advantages", rewards, groups, **options)
    assert_within(value, _reference.process_supervision(rewards, groups, **options), 1e-12)
    tokens = backend.call(
        "process_supervision_advantages", rewards, groups, step_ends=ends, num_tokens=3 * steps + 2, **options
    )
    for i, expected in enumerate(case["expected"]):
        assert_within(value[i, : len(expected)], expected, allowed(expected, np.float64, "advantages"))
        assert not value[i, len(expected) :].any()
        for t in range(3 * steps + 2):  # tokens 0, 1 | 2, 3, 4 | 5, 6, 7 ...
            step = (t + 1) // 3
            assert tokens[i, t] == (value[i, step] if step < len(expected) else 0.0)
