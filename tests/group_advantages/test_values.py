"""group_advantages against golden vectors and its definition, on every back end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from advantage_cases import FILE, MODES, batch, golden, number, options_of
from compare import assert_within
from golden_cases import allowed
from kinetrace import _reference

GOLDEN = golden()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("case", "mode", "expected"), [g[1:] for g in GOLDEN], ids=[g[0] for g in GOLDEN])
def test_golden(backend: Any, case: dict[str, Any], mode: str, expected: Any, dtype: Any) -> None:
    if dtype is np.float32 and "ill-conditioned" in case.get("note", ""):
        dtype = np.float64
    rewards, groups = number(case["rewards"]).astype(dtype), np.array(case["group"])
    value = backend.call("group_advantages", rewards, groups, **options_of(case, mode))
    assert value.dtype == dtype
    assert_within(value, number(expected), allowed(number(expected), dtype, FILE))


@pytest.mark.parametrize(("case", "mode", "expected"), [g[1:] for g in GOLDEN], ids=[g[0] for g in GOLDEN])
def test_golden_definition(case: dict[str, Any], mode: str, expected: Any) -> None:
    value = _reference.group_advantages(number(case["rewards"]), case["group"], **options_of(case, mode))
    assert_within(value, number(expected), allowed(number(expected), np.float64, FILE))


@pytest.mark.parametrize("policy", ["omit", "propagate"])
@pytest.mark.parametrize("mode", MODES)
def test_the_definition(backend: Any, mode: str, policy: str) -> None:
    rng = np.random.default_rng(MODES.index(mode))
    for _ in range(40):
        rewards, groups, options = batch(rng, mode)
        value = backend.call("group_advantages", rewards, groups, nan_policy=policy, **options)
        expected = _reference.group_advantages(rewards, groups, nan_policy=policy, **options)
        # eps 0 and near ties: deviations carry the rounding of the mean, some 1e-13 of it.
        bound = 1e-9 * (1 + np.abs(expected) + np.nanmax(np.abs(rewards), initial=0) * (mode not in ("grpo", "gdpo")))
        assert_within(value, expected, np.where(np.isnan(expected), 0, bound))
        if policy == "omit":
            assert np.isfinite(value).all()


@pytest.mark.parametrize("mode", MODES)
def test_float32_is_the_float64_answer_rounded_once(backend: Any, mode: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        rewards, groups, options = batch(rng, mode, np.float32)
        single = backend.call("group_advantages", rewards, groups, **options)
        double = backend.call("group_advantages", rewards.astype(np.float64), groups, **options)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(single, double.astype(np.float32))


def test_equal_rewards_give_exactly_nothing(backend: Any) -> None:
    # 0.1 added up three times is not 3 * 0.1: a mean that rounds away from its values would be amplified by eps = 0.
    for mode in MODES:
        value = backend.call(
            "group_advantages", np.full(3, 0.1), np.zeros(3, np.int64), mode=mode, eps=0.0, lengths=np.array([5, 2, 9])
        )
        np.testing.assert_array_equal(value, np.zeros(3), err_msg=mode)


def test_scale_false_is_dr_grpo(backend: Any) -> None:
    rewards, groups = np.array([1.0, 0.0, 0.5]), np.zeros(3, np.int32)
    plain = backend.call("group_advantages", rewards, groups, scale=False)
    np.testing.assert_array_equal(plain, backend.call("group_advantages", rewards, groups, mode="dr_grpo"))


def test_infinite_and_huge_rewards_are_unavailable(backend: Any) -> None:
    groups = np.zeros(4, np.int64)
    expected = backend.call("group_advantages", np.array([1.0, np.nan, 0.0, np.nan]), groups)
    for bad in (np.inf, -np.inf, 2.0**500, 1.7e308):
        value = backend.call("group_advantages", np.array([1.0, bad, 0.0, bad]), groups)
        np.testing.assert_array_equal(value, expected)
    below = backend.call("group_advantages", np.array([2.0**499, -(2.0**499)]), groups[:2])
    assert_within(below, [2**-0.5, -(2**-0.5)], 1e-12)


def test_what_float32_cannot_hold_is_its_largest_number(backend: Any) -> None:
    largest = float(np.finfo(np.float32).max)
    rewards, groups = np.array([largest, -largest, -largest], np.float32), np.zeros(3, np.int32)
    value = backend.call("group_advantages", rewards, groups, mode="rloo")
    np.testing.assert_array_equal(value, np.array([largest, -largest, -largest], np.float32))
    lost = backend.call("group_advantages", np.array([largest, np.nan], np.float32), groups[:2], nan_policy="propagate")
    assert np.isnan(lost).all()


def test_empty_batches(backend: Any) -> None:
    for mode in MODES:
        value = backend.call(
            "group_advantages", np.zeros(0), np.zeros(0, np.int64), mode=mode, lengths=np.zeros(0, np.int64)
        )
        assert value.shape == (0,)


def test_dynamic_sampling_and_overlong() -> None:
    rewards = np.array([1.0, 1.0, np.nan, 0.0, 0.0, 1.0, np.nan])
    kept = kt.dynamic_sampling_mask(rewards, ["a", "a", "a", "b", "c", "b", "d"])
    assert kept.tolist() == [False, False, False, True, False, True, False]
    for case in cases_of_overlong():
        for form in ("trl", "verl"):
            value = kt.overlong_penalty(
                np.array([case["n_tokens"]]), case["max_len"], case["cache"], penalty=case["penalty"], form=form
            )
            assert_within(value, [case["expected"][form]], 1e-12)


def cases_of_overlong() -> list[dict[str, Any]]:
    from golden_cases import cases

    return cases("overlong", FILE)
