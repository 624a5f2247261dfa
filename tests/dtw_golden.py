"""The golden vectors of DTW in the terms of kinetrace's arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from golden_cases import cases
from kinetrace.step_pattern import StepPattern

FILE = "prr_dtw"
NORMALIZE = {"none": None, "n_ref": "x", "n_plus_m": "sum", "path": "path"}


def cost_cases() -> list[dict[str, Any]]:
    """Single cost matrices."""
    return cases("cost_matrix", FILE)


def ragged_cases() -> list[dict[str, Any]]:
    """Batches of cost matrices of several shapes."""
    return cases("ragged_batch", FILE)


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    """step and subsequence of a case."""
    name = "symmetric1" if case["variant"] == "classic" else case["variant"]
    free = {(True, True): True, (True, False): "start", (False, True): "end", (False, False): False}
    step = StepPattern.named(name, jump=case["jump"])
    return {"step": step, "subsequence": free[case["free_start"], case["free_end"]]}


def number(value: Any) -> Any:
    """Numbers of the file, whose infinities and NaN are strings."""
    return np.vectorize(float)(np.asarray(value, dtype=object)) if isinstance(value, list) else float(value)


def padded(costs: list[Any], dtype: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Cost matrices as one array (B,N,M) amid NaN, with their lengths."""
    arrays = [np.array(cost, dtype=dtype) for cost in costs]
    n, m = (np.array([a.shape[k] for a in arrays]) for k in (0, 1))
    cost = np.full((len(arrays), n.max(), m.max()), np.nan, dtype=dtype)
    for b, a in enumerate(arrays):
        cost[b, : n[b], : m[b]] = a
    return cost, n, m
