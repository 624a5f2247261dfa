"""group_advantages equals TRL's code on 500 random batches per mode, near ties, NaN and groups of one included."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import kinetrace as kt

torch = pytest.importorskip("torch", reason="torch is not installed: nothing was compared (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: its advantages were not compared (pip install trl)")

import trl_advantages  # noqa: E402  # it needs torch

CASES = 500
MODES = {
    "grpo": ("group", "sum_then_normalize"),
    "dr_grpo": ("none", "sum_then_normalize"),
    "batch_std": ("batch", "sum_then_normalize"),
    "gdpo": ("group", "normalize_then_sum"),
}


@pytest.fixture(scope="module", autouse=True)
def _double() -> Iterator[None]:
    """Numbers that TRL makes on the way (counts) in float64, too; importing it warns about optional packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trl_advantages.block()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("mode", MODES)
def test_equal_to_trl(mode: str) -> None:
    rng = np.random.default_rng(sorted(MODES).index(mode))
    worst = 0.0
    for i in range(CASES):
        size, groups, columns = int(rng.integers(1, 9)), int(rng.integers(1, 6)), int(rng.integers(1, 4))
        rewards = rng.integers(0, 5, size=(groups * size, columns)) / 4
        if i % 4 == 0:
            rewards = 1 + rng.integers(0, 2, size=rewards.shape) * 1e-3  # near ties
        elif i % 4 == 1:
            rewards = rng.normal(size=rewards.shape)
        if i % 3 == 0:
            rewards[rng.random(rewards.shape) < 0.3] = np.nan
        weights = rng.integers(1, 5, size=columns) / 2
        expected = trl_advantages.advantages(torch.tensor(rewards), size, weights.tolist(), *MODES[mode]).numpy()
        ids = np.repeat(rng.permutation(1000)[:groups], size)
        order = rng.permutation(len(ids))
        value = np.empty_like(expected)
        value[order] = kt.group_advantages(rewards[order], ids[order], mode=mode, weights=weights.tolist())
        # Where TRL's float64 std of equal rewards is its rounding error, so is its advantage: eps 1e-4 keeps it small.
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9, err_msg=f"case {i}")
        worst = max(worst, float(np.abs(expected).max()))
    assert worst > 0.5
