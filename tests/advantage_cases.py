"""Golden vectors and random batches of advantages."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from golden_cases import cases

FILE = "advantages"
MODES = ("grpo", "dr_grpo", "batch_std", "rloo", "gdpo", "passk", "opo", "reinforce_pp_baseline", "gpg")
OPTIONS = ("eps", "ddof", "singleton", "var_floor", "weights", "scale", "f_norm")

Batch = tuple[npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]


def number(value: Any) -> Any:
    """Numbers of a file, whose infinities and NaN are strings."""
    return np.vectorize(float)(np.asarray(value, dtype=object)) if isinstance(value, list) else float(value)


def golden() -> list[tuple[str, dict[str, Any], str, Any]]:
    """(id, case, mode, expected) of every vector of group_advantages."""
    listed = []
    for name in (*MODES, "verl_vectorized"):
        for case in cases(name, FILE):
            expected = case.get("expected", case.get("expected_per_response"))
            listed.append((f"{name}-{case['id']}", case, "grpo" if name == "verl_vectorized" else name, expected))
    for case in cases("multi_reward", FILE):
        for key, mode in (("group", "grpo"), ("none", "dr_grpo"), ("batch", "batch_std")):
            listed.append((f"{case['id']}-{key}", case, mode, case["expected"][f"advantage_{key}"]))
    return listed


def options_of(case: dict[str, Any], mode: str) -> dict[str, Any]:
    """Keyword arguments of a golden case."""
    options = {"mode": mode} | {name: case[name] for name in OPTIONS if name in case}
    if "lengths" in case:
        options["lengths"] = np.array(case["lengths"])
    return options


def batch(rng: np.random.Generator, mode: str, dtype: Any = np.float64) -> Batch:
    """Rewards, groups and options: few or many values, near ties, NaN, wide ranges, ids of any size."""
    rows, columns = int(rng.integers(1, 90)), int(rng.integers(1, 4))
    kind = int(rng.integers(4))
    values = rng.normal(size=(rows, columns))
    if kind == 1:
        values = rng.integers(0, 3, size=(rows, columns)).astype(float)
    elif kind == 2:
        values = 1 + np.round(values) * 1e-3
    elif kind == 3:
        values *= 10.0 ** rng.integers(-30, 30)
    rewards = values.astype(dtype)
    rewards[rng.random((rows, columns)) < 0.1] = np.nan
    groups = rng.integers(-4, 4, size=rows) * int(rng.choice([1, 10**12]))
    options: dict[str, Any] = {
        "mode": mode,
        "eps": float(rng.choice([0.0, 1e-6, 1e-4])),
        "ddof": int(rng.integers(0, 3)),
        "singleton": "zero" if mode == "passk" else str(rng.choice(["zero", "raw"])),
        "weights": rng.normal(size=columns).tolist(),
        "lengths": rng.integers(0, 50, size=rows),
        "var_floor": float(rng.choice([0.0, 1e-6])),
        "scale": bool(rng.integers(2)) if mode == "passk" else True,
    }
    return (rewards[:, 0], groups, options | {"weights": None}) if columns == 1 else (rewards, groups, options)


def permuted(rewards: Any, groups: Any, options: dict[str, Any], order: Any) -> Batch:
    """The same batch in another order."""
    return rewards[order], groups[order], options | {"lengths": options["lengths"][order]}
