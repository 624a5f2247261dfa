"""temporal_bonus against golden vectors and its definition."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits, assert_within
from golden_cases import allowed, case_id, cases
from kinetrace import _reference
from kinetrace.rewards import TEMPORAL_PRESETS

RENAMED = {"thr": "threshold", "strict_cmp": "strict"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", cases("totals", "tgrpo"), ids=case_id)
def test_golden(case: dict[str, Any], dtype: Any) -> None:
    arrays = {name: np.array(case[name], dtype=dtype) for name in ("accuracy", "shuffled_accuracy", "other")}
    options = {RENAMED.get(name, name): value for name, value in case["overrides"].items()}
    result = kt.temporal_bonus(
        arrays["accuracy"],
        arrays["shuffled_accuracy"],
        preset=case["preset"],
        other=arrays["other"],
        lengths=np.array(case["lengths"]),
        **options,
    )
    expected = case["expected"]
    assert result.active.tolist() == [expected["temporal_on"]] * len(case["accuracy"])
    for name in ("rewards", "advantages"):
        value = getattr(result, name)
        assert value.dtype == dtype
        assert_within(value, expected[name], allowed(expected[name], dtype, "tgrpo"), name)


def _batch(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
    rows, others = int(rng.integers(1, 60)), int(rng.integers(0, 30))
    accuracy, shuffled = rng.integers(0, 5, size=rows) / 4, rng.integers(0, 5, size=others) / 4
    accuracy[rng.random(rows) < 0.1] = np.nan
    arrays = accuracy, shuffled, rng.integers(0, 4, size=rows) - 2, rng.integers(0, 5, size=others) - 2
    return arrays, {
        "other": rng.integers(0, 2, size=rows).astype(float),
        "lengths": rng.integers(300, 540, size=rows),
        "video": rng.random(rows) < 0.8,
    }


@pytest.mark.parametrize("preset", ["video_r1_code", "video_r1_paper"])
def test_the_definition(preset: str) -> None:
    rng = np.random.default_rng(3)
    seen = np.zeros(2, dtype=bool)
    for _ in range(60):
        arrays, columns = _batch(rng)
        changes = {
            "strict": bool(rng.integers(2)),
            "estimator": str(rng.choice(["mean_reward", "proportion"])),
            "apply_to": str(rng.choice(["reward", "advantage"])),
            "min_correct": int(rng.integers(0, 4)),
        }
        result = kt.temporal_bonus(*arrays, preset=preset, **columns, **changes)
        expected = _reference.temporal_bonus(*arrays, **columns, **(dict(TEMPORAL_PRESETS[preset].arguments) | changes))
        seen |= result.temporal.any(), result.length.any()
        for name, value in expected.items():
            assert_within(getattr(result, name), value, 1e-9, name)
    assert seen.all()


def test_order_changes_no_bit_and_groups_are_apart() -> None:
    rng = np.random.default_rng(4)
    arrays, columns = _batch(rng)
    accuracy, shuffled, groups, shuffled_groups = arrays
    plain = kt.temporal_bonus(*arrays, **columns)
    order, other = rng.permutation(len(accuracy)), rng.permutation(len(shuffled))
    turned = kt.temporal_bonus(
        accuracy[order],
        shuffled[other],
        groups[order],
        shuffled_groups[other],
        **{name: column[order] for name, column in columns.items()},
    )
    named = kt.temporal_bonus(
        accuracy, shuffled, [f"p{g}" for g in groups], [f"p{g}" for g in shuffled_groups], **columns
    )
    for one, two, three in zip(plain, turned, named, strict=True):
        assert_same_bits(two, one[order])
        assert_same_bits(three, one)


def test_a_bonus_on_binary_rewards_cancels_unless_added_to_the_advantage() -> None:
    accuracy, shuffled = np.array([1.0, 0, 1, 0, 1, 0, 0, 0]), np.array([0.0])
    plain = kt.group_advantages(accuracy, np.zeros(8, np.int64))
    rewarded = kt.temporal_bonus(accuracy, shuffled).advantages
    assert_within(rewarded, plain, 1e-4)
    added = kt.temporal_bonus(accuracy, shuffled, apply_to="advantage").advantages
    assert_within(added, plain + 0.3 * accuracy, 1e-12)


def test_groups_without_shuffled_responses_get_no_bonus() -> None:
    result = kt.temporal_bonus(np.ones(2), np.zeros(1), np.array([0, 1]), np.array([0]))
    assert result.active.tolist() == [True, False]
    assert not kt.temporal_bonus(np.ones(2), np.zeros(0)).active.any()


ONE = np.ones(2)
ERRORS: list[tuple[type[Exception], dict[str, Any], str]] = [
    (ValueError, {"preset": "video_r2"}, "preset: expected one of 'video_r1_code', 'video_r1_paper', got 'video_r2'"),
    (TypeError, {"beta": 1}, "beta: expected one of alpha, mu, "),
    (ValueError, {"alpha": np.inf}, "alpha: expected a finite number, got inf"),
    (TypeError, {"mu": "1"}, "mu: expected a finite number, got str"),
    (TypeError, {"strict": 1}, "strict: expected True or False, got int"),
    (ValueError, {"estimator": "median"}, "estimator: expected 'mean_reward' or 'proportion', got 'median'"),
    (ValueError, {"apply_to": "loss"}, "apply_to: expected 'reward' or 'advantage', got 'loss'"),
    (ValueError, {"length_band": (5, 1)}, "length_band: expected (lowest, highest), got (5, 1)"),
    (TypeError, {"min_correct": 1.0}, "min_correct: expected an int, got float"),
    (TypeError, {"accuracy": [1.0]}, "accuracy: expected a NumPy, Torch or CuPy array, got list"),
    (ValueError, {"accuracy": np.ones(2, int)}, "accuracy: expected float32 or float64, got int64"),
    (ValueError, {"accuracy": np.ones((2, 2))}, "accuracy: expected shape (B,), got (2, 2)"),
    (ValueError, {"other": np.ones(3)}, "other: expected shape (2,), got (3,)"),
    (ValueError, {"lengths": np.ones(3, int)}, "lengths: expected shape (2,), got (3,)"),
    (ValueError, {"groups": np.ones(2, int)}, "shuffled_groups: expected together with groups, got one of the two"),
]


@pytest.mark.parametrize(("kind", "changes", "message"), ERRORS, ids=[m for *_, m in ERRORS])
def test_bad_calls(kind: type[Exception], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        kt.temporal_bonus(**({"accuracy": ONE, "shuffled_accuracy": ONE} | changes))
