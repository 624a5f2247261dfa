"""group_advantages equals verl's advantage estimators on 500 random batches per mode, near ties and NaN included."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import kinetrace as kt

torch = pytest.importorskip("torch", reason="torch is not installed: nothing was compared (pip install torch)")
with warnings.catch_warnings():  # importing verl warns about optional packages
    warnings.simplefilter("ignore")
    core = pytest.importorskip(
        "verl.trainer.ppo.core_algos",
        reason="verl is not installed: its advantages were not compared (pip install --no-deps verl)",
        exc_type=ImportError,
    )

CASES = 500
RAW = {"singleton": "raw"}
#: By name: verl's function, its further arguments, ours, and whether groups of one are left out (an error in verl).
ESTIMATORS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "grpo": ("compute_grpo_outcome_advantage", {}, {"mode": "grpo", "eps": 1e-6} | RAW),
    "dr_grpo": ("compute_grpo_outcome_advantage", {"norm_adv_by_std_in_grpo": False}, {"mode": "dr_grpo"} | RAW),
    "grpo_vectorized": (
        "compute_grpo_vectorized_outcome_advantage",
        {},
        {"mode": "grpo", "eps": 1e-6, "var_floor": 1e-6} | RAW,
    ),
    "rloo": ("compute_rloo_outcome_advantage", {}, {"mode": "rloo"} | RAW),
    "rloo_vectorized": ("compute_rloo_vectorized_outcome_advantage", {}, {"mode": "rloo"}),
    "passk": ("compute_grpo_passk_outcome_advantage", {}, {"mode": "passk", "eps": 1e-6}),
    "passk_raw": ("compute_grpo_passk_outcome_advantage", {}, {"mode": "passk", "scale": False}),
    "opo": ("compute_opo_outcome_advantage", {}, {"mode": "opo"} | RAW),
    "reinforce_pp_baseline": (
        "compute_reinforce_plus_plus_baseline_outcome_advantage",
        {},
        {"mode": "reinforce_pp_baseline"} | RAW,
    ),
    "gpg": ("compute_gpg_outcome_advantage", {}, {"mode": "gpg"} | RAW),
}


def _verl(name: str, rewards: Any, ids: Any, lengths: Any) -> Any:
    """verl's advantage of each response, from the tokens that its function fills."""
    function: Callable[..., Any] = getattr(core, ESTIMATORS[name][0])
    config = {"norm_adv_by_std_in_grpo": name != "passk_raw"}
    mask = torch.arange(int(lengths.max()))[None, :] < torch.tensor(lengths)[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.float64)
    tokens[torch.arange(len(rewards)), torch.tensor(lengths) - 1] = torch.tensor(rewards)
    further = dict(ESTIMATORS[name][1])
    if name.startswith("passk"):
        further["config"] = config
    result, _ = function(tokens, mask.double(), index=ids, **further)
    assert torch.equal(result != 0, (result[:, :1] != 0) & mask)
    return result[:, 0].numpy()


@pytest.fixture(scope="module", autouse=True)
def _double() -> Iterator[None]:
    """Numbers that verl makes on the way (the std of a group of one) in float64, too."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_equal_to_verl(name: str) -> None:
    rng = np.random.default_rng(sorted(ESTIMATORS).index(name))
    worst = 0.0
    # The vectorised form takes variances from float32 sums of squares.
    tolerance = 2e-3 if name == "grpo_vectorized" else 1e-9
    for i in range(CASES):
        groups = int(rng.integers(1, 6))
        sizes = rng.integers(2 if name.startswith("passk") else 1, 7, size=groups)
        ids = np.repeat(rng.permutation(1000)[:groups], sizes)
        rewards = rng.integers(0, 5, size=len(ids)) / 4
        if i % 4 == 0 and name != "grpo_vectorized":
            rewards = 1 + rng.integers(0, 2, size=len(ids)) * 1e-3  # near ties
        elif i % 4 == 1:
            rewards = rng.normal(size=len(ids))
        lengths = rng.integers(2, 9, size=len(ids))
        order = rng.permutation(len(ids))
        ids, rewards, lengths = ids[order], rewards[order], lengths[order]
        expected = _verl(name, rewards, ids, lengths)
        value = kt.group_advantages(rewards, ids, lengths=lengths, **ESTIMATORS[name][2])
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance, err_msg=f"case {i}")
        worst = max(worst, float(np.abs(expected).max()))
    assert worst > 0.5


def test_nan_as_in_verl() -> None:
    rewards = np.array([1.0, np.nan, 0.0, 1.0, 3.0])
    ids, lengths = np.array([0, 0, 0, 1, 1]), np.full(5, 3)
    for name in ("grpo", "dr_grpo", "rloo"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function = getattr(core, ESTIMATORS[name][0])
            tokens = torch.zeros(5, 3, dtype=torch.float64)
            tokens[:, -1] = torch.tensor(rewards)
            expected = function(tokens, torch.ones(5, 3), index=ids, **ESTIMATORS[name][1])[0][:, 0].numpy()
        value = kt.group_advantages(
            rewards, ids, lengths=lengths, **(ESTIMATORS[name][2] | {"nan_policy": "propagate"})
        )
        np.testing.assert_allclose(value, expected, rtol=1e-9)
        assert np.isnan(value[:3]).all()
        assert np.isfinite(value[3:]).all()


def test_gdpo_with_one_token_each() -> None:
    """verl whitens over tokens with its own constants; with large spreads they do not matter."""
    rng = np.random.default_rng(3)
    rewards = rng.normal(size=(24, 2)) * 10
    ids, mask = np.repeat(np.arange(4), 6), torch.ones(24, 1, dtype=torch.float64)
    parts = [
        core.compute_grpo_outcome_advantage(torch.tensor(column)[:, None], mask, index=ids, epsilon=1e-4)[0]
        for column in rewards.T
    ]
    expected = core.verl_F.masked_whiten(0.5 * parts[0] + 2 * parts[1], mask)[:, 0].numpy()
    value = kt.group_advantages(rewards, ids, mode="gdpo", weights=[0.5, 2])
    np.testing.assert_allclose(value, expected, atol=5e-4)
    assert expected.std() > 0.9
