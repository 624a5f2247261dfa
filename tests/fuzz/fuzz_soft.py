"""Fuzzed calls of soft-DTW, and how their answers are judged: as those of hard DTW."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from compare import assert_within
from dtw_cases import METRICS
from fuzz_dtw import ODD, finished, random_lengths
from fuzz_inputs import BAD, Call, Rng, chance, pick, size, values
from soft_checks import GAMMAS, solution, value_bound
from strategies import Case

BAD_OPTIONS = {
    "gamma": (0, -1.0, float("nan"), float("inf"), "1", None),
    "window": (-1, 1.5, float("nan"), "1", True, [1], 2**70),
    "num_threads": BAD["threads"],
}


def _options(rng: Rng) -> dict[str, Any]:
    return {"gamma": pick(rng, GAMMAS), "window": pick(rng, (None, None, 0, 1, 3, 0.0, 0.4, 1.0))}


def soft_dtw_call(rng: Rng) -> Call:
    """Any call of soft_dtw."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    batch, long = size(rng, 40), chance(rng, 0.05)
    rows, columns = (size(rng, 70), size(rng, 90)) if long else (size(rng, 12), size(rng, 12))
    coordinates = pick(rng, ((), (), (1,), (3,)))
    x = values(rng, (batch, rows, *coordinates), dtype, regime)
    y = values(rng, (pick(rng, (batch, batch, 1)) if batch else 0, columns, *coordinates), dtype, regime)
    arrays: dict[str, Any] = {"x": x, "y": y}
    random_lengths(rng, arrays, batch, (rows, columns))
    options = {**_options(rng), "metric": pick(rng, METRICS)}
    call = finished(rng, arrays, options, {**BAD_OPTIONS, "metric": ("L1", 1, None)}, dtype, regime)
    return call if call.broken else call._replace(args=_of_one_library(*call.args))


def _of_one_library(x: Any, y: Any) -> tuple[Any, Any]:
    """Gradients are given to both, so soft_dtw takes no NumPy array beside a tensor."""
    if isinstance(x, torch.Tensor) == isinstance(y, torch.Tensor):
        return x, y
    return (torch.tensor(x.copy()), y) if isinstance(y, torch.Tensor) else (x, torch.tensor(y.copy()))


def soft_dtw_from_cost_call(rng: Rng) -> Call:
    """Any call of soft_dtw_from_cost."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    batch, rows, columns = size(rng, 40), size(rng, 12), size(rng, 12)
    cost = values(rng, (batch, rows, columns), dtype, regime)
    if regime == "plain":
        cost[rng.random(cost.shape) < pick(rng, (0.0, 0.2))] = np.inf
        cost[rng.random(cost.shape) < pick(rng, (0.0, 0.01))] = pick(rng, ODD)
    arrays: dict[str, Any] = {"cost": cost}
    random_lengths(rng, arrays, batch, (rows, columns))
    return finished(rng, arrays, _options(rng), BAD_OPTIONS, dtype, regime)


def judge_soft_dtw(call: Call, answer: Any) -> None:
    """Raises AssertionError where a plain call's values are not those of the definition."""
    options = {k: np.asarray(v) if hasattr(v, "shape") else v for k, v in call.options.items() if k != "num_threads"}
    case = Case(tuple(np.asarray(a) for a in call.args), options, np.dtype(call.dtype))
    assert answer.dtype == case.dtype
    assert answer.shape == (max(len(a) for a in case.args),)
    if call.regime == "plain":
        assert_within(answer, solution(case).value, value_bound(case))
