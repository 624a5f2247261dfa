"""Fuzzed calls of hard DTW, and how their answers are judged.

"plain" calls must equal the definition within the table of tolerances, and their paths must be paths of the pattern worth the
distance. With huge or vanishing values ("wide", "wild") float32 may overflow where the definition's float64 does not: then
shapes and dtypes must be right, and statuses must fit the distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compare import assert_within
from dtw_cases import METRICS, bound, check_path, expected
from fuzz_inputs import BAD, Call, Rng, break_array, chance, lay_out, pick, size, values
from kinetrace.step_pattern import NAMES, StepPattern
from strategies import Case

BAD_OPTIONS = {
    "step": ("symmetric0", 1, None, [(1, 1, 1)]),
    "window": (-1, 1.5, float("nan"), "1", True, [1], 2**70),
    "subsequence": ("both", 1, None, 1.0),
    "normalize": ("n", 1, True),
    "num_threads": BAD["threads"],
}
ODD = (np.nan, np.inf, -np.inf)


def _options(rng: Rng) -> dict[str, Any]:
    step: Any = pick(rng, NAMES)
    if chance(rng, 0.3):
        moves = [(int(rng.integers(0, 4)), int(rng.integers(0, 4))) for _ in range(int(rng.integers(1, 6)))]
        step = StepPattern([(i or int(not j), j, pick(rng, (0.0, 0.5, 1, 1.7, 2))) for i, j in moves])
    options = {
        "step": step,
        "window": pick(rng, (None, None, 0, 1, 3, 0.0, 0.4, 1.0, np.int64(2))),
        "subsequence": pick(rng, (False, True, "start", "end")),
        "normalize": pick(rng, (None, None, "x", "y", "sum", "path")),
        "return_path": chance(rng, 0.5),
    }
    return {k: v for k, v in options.items() if k in ("step", "window", "subsequence") or chance(rng, 0.7)}


def random_lengths(rng: Rng, arrays: dict[str, Any], batch: int, extents: tuple[int, int]) -> None:
    for name, extent in zip(("x_lengths", "y_lengths"), extents, strict=True):
        if chance(rng, 0.5):
            arrays[name] = rng.integers(0, extent + 1, batch).astype(pick(rng, (np.int32, np.int64)))


def dtw_call(rng: Rng) -> Call:
    """Any call of dtw."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    batch, long = size(rng, 40), chance(rng, 0.05)
    rows, columns = (size(rng, 90), size(rng, 70)) if long else (size(rng, 12), size(rng, 12))
    coordinates = pick(rng, ((), (), (1,), (3,)))
    x = values(rng, (batch, rows, *coordinates), dtype, regime)
    y = values(rng, (pick(rng, (batch, batch, 1)) if batch else 0, columns, *coordinates), dtype, regime)
    arrays: dict[str, Any] = {"x": x, "y": y}
    random_lengths(rng, arrays, batch, (rows, columns))
    options = {**_options(rng), "metric": pick(rng, METRICS)}
    return finished(rng, arrays, options, {**BAD_OPTIONS, "metric": ("L1", 1, None, max)}, dtype, regime)


def dtw_from_cost_call(rng: Rng) -> Call:
    """Any call of dtw_from_cost."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    batch, rows, columns = size(rng, 40), size(rng, 12), size(rng, 12)
    cost = values(rng, (batch, rows, columns), dtype, regime)
    if regime == "plain":
        cost[rng.random(cost.shape) < pick(rng, (0.0, 0.2))] = np.inf
        cost[rng.random(cost.shape) < pick(rng, (0.0, 0.01))] = pick(rng, ODD)
    arrays: dict[str, Any] = {"cost": cost}
    random_lengths(rng, arrays, batch, (rows, columns))
    return finished(rng, arrays, _options(rng), BAD_OPTIONS, dtype, regime)


def finished(rng: Rng, arrays: Any, options: Any, bad: Any, dtype: Any, regime: str) -> Call:
    broken = ""
    if chance(rng, 0.15):
        broken = pick(rng, [*arrays, *bad])
        if broken in arrays:
            arrays[broken] = break_array(rng, arrays[broken])
        else:
            options[broken] = pick(rng, bad[broken])
    elif chance(rng, 0.5):
        options["num_threads"] = pick(rng, (None, 1, 2, 5))
    laid = {k: lay_out(rng, v) if isinstance(v, np.ndarray) and k != broken else v for k, v in arrays.items()}
    names = [name for name in laid if not name.endswith("lengths")]
    rest = {name: laid[name] for name in laid if name.endswith("lengths")}
    return Call(tuple(laid[name] for name in names), {**options, **rest}, dtype, regime, broken)


def judge_dtw(call: Call, answer: Any) -> None:
    """Raises AssertionError where the answer is neither right nor excused by the rule of this file."""
    options = {k: np.asarray(v) if hasattr(v, "shape") else v for k, v in call.options.items() if k != "num_threads"}
    case = Case(tuple(np.asarray(a) for a in call.args), options, np.dtype(call.dtype))
    function = "dtw" if len(case.args) == 2 else "dtw_from_cost"
    distance = answer.distance if options.get("return_path") else answer
    batch = max(len(a) for a in case.args)
    assert distance.dtype == case.dtype
    assert distance.shape == (batch,)
    if options.get("return_path"):
        _judge_statuses(answer)
    if call.regime != "plain":
        return
    tolerance = bound(case)
    want = expected(function, case)
    assert_within(distance, want.distance if options.get("return_path") else want, tolerance)
    if options.get("return_path") and function == "dtw_from_cost" and not options.get("normalize"):
        np.testing.assert_array_equal(answer.status, want.status)
        for b in np.flatnonzero(answer.status == 0):
            check_path(case, answer, int(b), tolerance)


def _judge_statuses(answer: Any) -> None:
    ok, infeasible = answer.status == 0, answer.status == 5
    assert np.isfinite(answer.distance[ok]).all()
    assert (answer.distance[infeasible] == np.inf).all()
    assert np.isnan(answer.distance[~ok & ~infeasible]).all()
    assert (answer.path_lengths[ok] > 0).all()
    assert (answer.path_lengths[~ok] == 0).all()
    for b, length in enumerate(answer.path_lengths):
        assert (answer.path[b, :length] >= 0).all()
        assert (answer.path[b, length:] == -1).all()
