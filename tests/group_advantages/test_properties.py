"""What group_advantages promises whatever the data: the same bits for any order, padding, layout and thread count."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from advantage_cases import MODES, batch, permuted
from compare import assert_same_bits
from kinetrace import _testing

DTYPES = [np.float32, np.float64]


def _call(rewards: Any, groups: Any, options: dict[str, Any], **more: Any) -> Any:
    return kt.group_advantages(rewards, groups, **options, **more)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_order_changes_no_bit(backend: Any, mode: str, dtype: Any) -> None:
    rng = np.random.default_rng(MODES.index(mode))
    with _testing.use_backend(backend.name):
        for _ in range(25):
            rewards, groups, options = batch(rng, mode, dtype)
            plain = _call(rewards, groups, options)
            for order in (
                np.argsort(groups, kind="stable"),
                rng.permutation(len(groups)),
                np.arange(len(groups))[::-1],
            ):
                assert_same_bits(_call(*permuted(rewards, groups, options, order)), plain[order])


@pytest.mark.parametrize("mode", MODES)
def test_every_back_end_has_the_same_bits(mode: str) -> None:
    rng = np.random.default_rng(MODES.index(mode) + 50)
    names = _testing.backends()
    assert len(names) > 1
    for i in range(25):
        rewards, groups, options = batch(rng, mode, DTYPES[i % 2])
        results = []
        for name in names:
            with _testing.use_backend(name):
                results.append(_call(rewards, groups, options))
        for result in results[1:]:
            assert_same_bits(result, results[0])


@pytest.mark.parametrize("mode", MODES)
def test_unscorable_rows_change_no_bit(backend: Any, mode: str) -> None:
    rng = np.random.default_rng(7)
    with _testing.use_backend(backend.name):
        for extra in (1, 13, 200):
            rewards, groups, options = batch(rng, mode)
            plain = _call(rewards, groups, options)
            tail = np.full((extra, *rewards.shape[1:]), np.nan)
            ids = np.concatenate([groups, rng.choice([groups[0], 99], size=extra)])
            longer = options | {"lengths": np.concatenate([options["lengths"], np.full(extra, 1000)])}
            padded = _call(np.concatenate([rewards, tail]), ids, longer)
            assert_same_bits(padded[: len(groups)], plain)
            assert not padded[len(groups) :].any()


def test_other_groups_and_renamed_groups_change_no_bit(backend: Any) -> None:
    rng = np.random.default_rng(8)
    with _testing.use_backend(backend.name):
        for mode in ("grpo", "dr_grpo", "rloo", "passk", "opo"):
            rewards, groups, options = batch(rng, mode)
            plain = _call(rewards, groups, options)
            renamed = dict(zip(np.unique(groups), rng.permutation(10**6)[:99], strict=False))
            assert_same_bits(_call(rewards, np.array([renamed[g] for g in groups]), options), plain)
            assert_same_bits(_call(rewards, [f"prompt {g}" for g in groups], options), plain)
            mine = groups == groups[0]
            assert_same_bits(_call(*permuted(rewards, groups, options, mine)), plain[mine])


@pytest.mark.parametrize("mode", MODES)
def test_threads_and_layout_change_no_bit(backend: Any, mode: str) -> None:
    rng = np.random.default_rng(9)
    rows = 60_000 if backend.name.startswith("cpu") else 3000
    rewards = rng.integers(0, 5, size=(rows, 2)).astype(np.float32) / 3
    groups = np.arange(rows, dtype=np.int32) // 7
    options = {"mode": mode, "lengths": rng.integers(1, 500, size=rows)}
    with _testing.use_backend(backend.name):
        plain = _call(rewards, groups, options, num_threads=1)
        assert np.isfinite(plain).all()
        assert plain.any()
        for threads in (2, 3, 8):
            assert_same_bits(_call(rewards, groups, options, num_threads=threads), plain)
        views = np.asfortranarray(rewards), np.repeat(rewards, 2, axis=0)[::2], rewards[::-1].copy()[::-1]
        for view in views:
            view.setflags(write=False)
            assert_same_bits(_call(view, np.repeat(groups.astype(np.int64), 3)[::3], options), plain)


def test_one_large_group_among_small_ones(backend: Any) -> None:
    rng = np.random.default_rng(10)
    groups = np.where(np.arange(4000) % 3 == 0, 5, np.arange(4000) + 10)
    rewards = rng.normal(size=4000)
    value = backend.call("group_advantages", rewards, groups)
    inside = groups == 5
    np.testing.assert_allclose(value[inside].std(ddof=1), 1.0, rtol=1e-3)
    assert not value[~inside].any()


def test_concurrent_calls_agree() -> None:
    rng = np.random.default_rng(11)
    rewards, groups = rng.normal(size=20_000), rng.integers(0, 2500, size=20_000)
    expected = kt.group_advantages(rewards, groups, mode="batch_std", num_threads=1)
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(10):
            if not np.array_equal(kt.group_advantages(rewards, groups, mode="batch_std", num_threads=2), expected):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
