"""Fuzzed calls of kinematic_residual, track_residual and chain_flow, and how their answers are judged.

Rule for magnitudes: "plain" calls must equal the definition within the table of tolerances. With non-finite, huge or
vanishing values ("wide", "wild") float32 may overflow or vanish where the definition's float64 does not: shapes and
dtypes must be right, and a NaN may stand only where a value that is not finite, or that overflows, can reach.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chain_checks
import residual_checks
from fuzz_inputs import BAD, Call, Rng, break_array, chance, lay_out, pick, size, values
from kinetrace import _reference
from strategies import Case

NORMS, REDUCTIONS = ("squared", "abs", "signed"), ("mean", "mean_elements", "sum", "none")


def kinematic_residual_call(rng: Rng) -> Call:
    """Any call of kinematic_residual."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    batch = pick(rng, ((), (), (0,), (1,), (3,)))
    frames, height, width = int(rng.integers(3, 8)), size(rng, 12), size(rng, 40 if chance(rng, 0.2) else 9)
    flow = values(rng, (*batch, frames, 2, height, width), dtype, regime)
    options: dict[str, Any] = {"norm": pick(rng, NORMS), "reduction": pick(rng, REDUCTIONS)}
    options["dt"] = pick(rng, (1.0, 0.25, 3))
    options["mode"] = pick(rng, ("eulerian", "advected"))
    if options["mode"] == "advected":
        options["iterations"] = int(rng.integers(0, 3))
    arrays = {"flow": flow}
    if chance(rng, 0.5):
        rule = options["mask_rule"] = pick(rng, ("center", "all", "any", "explicit"))
        lead = batch if chance(rng, 0.7) else ()
        shape = (*lead, frames - 2 if rule == "explicit" else frames, height, width)
        mask = rng.random(shape) < pick(rng, (0.0, 0.5, 1.0))
        kind = pick(rng, (bool, np.uint8, dtype))
        arrays["mask"] = (mask * rng.uniform(0.1, 2, shape)).astype(dtype) if kind is dtype else mask.astype(kind)
    bad = {
        "dt": BAD["positive"],
        "norm": BAD["choice"],
        "reduction": BAD["choice"],
        "mode": BAD["choice"],
        "mask_rule": BAD["choice"],
        "iterations": BAD["int"],
        "num_threads": BAD["threads"],
    }
    return _finished(rng, arrays, options, bad, dtype, regime)


def track_residual_call(rng: Rng) -> Call:
    """Any call of track_residual."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    batch = pick(rng, ((), (), (0,), (1,), (3,)))
    shape = (*batch, int(rng.integers(4, 14)), size(rng, 40 if chance(rng, 0.2) else 9))
    arrays = {"positions": values(rng, (*shape, int(rng.integers(1, 5))), dtype, regime)}
    if chance(rng, 0.5):
        lead = shape if chance(rng, 0.7) else shape[-2:]
        visible = rng.random(lead) < pick(rng, (0.0, 0.7, 0.95))
        arrays["visible"] = visible if chance(rng, 0.5) else visible * rng.integers(1, 256, lead).astype(np.uint8)
    options = {"norm": pick(rng, NORMS), "reduction": pick(rng, REDUCTIONS), "dt": pick(rng, (1.0, 0.25, 3))}
    bad = {"dt": BAD["positive"], "norm": BAD["choice"], "reduction": BAD["choice"], "num_threads": BAD["threads"]}
    return _finished(rng, arrays, options, bad, dtype, regime)


def chain_flow_call(rng: Rng) -> Call:
    """Any call of chain_flow."""
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    steps, height, width, count = size(rng, 9), size(rng, 12), size(rng, 12), size(rng, 70)
    flow = values(rng, (steps, 2, height, width), dtype, regime)
    points = rng.uniform(-1, [width, height], (count, 2)).astype(dtype)
    if regime == "wild":
        points = values(rng, points.shape, dtype, regime)
    elif chance(rng, 0.3):
        points = np.round(points)
    arrays, options = {"flow": flow, "points": points}, {}
    if chance(rng, 0.5):
        arrays["backward_flow"] = (-flow + rng.normal(size=flow.shape) * pick(rng, (0.0, 0.3))).astype(dtype)
        if chance(rng, 0.5):
            options["max_cycle_error"] = pick(rng, (0.0, 0.3, 1e6))
    if chance(rng, 0.5):
        if chance(rng, 0.5):
            arrays["start"] = rng.integers(0, steps + 1, count).astype(pick(rng, (np.int32, np.int64)))
        else:
            options["start"] = int(rng.integers(0, steps + 1))
    bad = {
        "start": (*BAD["int"], steps + 1),
        "num_threads": BAD["threads"],
        "max_cycle_error": ("1", -1.0, float("nan"), True),
    }
    return _finished(rng, arrays, options, bad, dtype, regime)


def _finished(rng: Rng, arrays: Any, options: Any, bad: dict[str, tuple[Any, ...]], dtype: Any, regime: str) -> Call:
    """The call in odd memory, or with one argument broken."""
    broken = ""
    if chance(rng, 0.15):
        broken = pick(rng, [*arrays, *bad])
        if broken in arrays:
            arrays[broken] = break_array(rng, arrays[broken])
        else:
            arrays.pop(broken, None)
            options[broken] = pick(rng, bad[broken])
    elif chance(rng, 0.5):
        options["num_threads"] = pick(rng, (None, 1, 2, 5))
    laid = {k: lay_out(rng, v) if isinstance(v, np.ndarray) and k != broken else v for k, v in arrays.items()}
    count = 2 if "points" in laid else 1
    names = list(laid)
    args = tuple(laid[name] for name in names[:count])
    return Call(args, {**options, **{name: laid[name] for name in names[count:]}}, dtype, regime, broken)


def _case(call: Call) -> Case:
    def array(x: Any) -> Any:
        return np.asarray(x) if hasattr(x, "shape") else x

    options = {k: array(v) for k, v in call.options.items() if k != "num_threads"}
    return Case(tuple(array(x) for x in call.args), options, np.dtype(call.dtype))


def judge_kinematic_residual(call: Call, value: Any) -> None:
    """Raises AssertionError where the answer is neither right nor excused by the rule of this file."""
    case = _case(call)
    if call.regime != "plain":
        _judge_shape(case, "kinematic_residual", value)
        return
    if residual_checks.settled(case) is case:  # else a decision hangs on rounding, and either answer is right
        residual_checks.check_value(case, "kinematic_residual", residual_checks.flow_parts(case), np.asarray(value))


def judge_track_residual(call: Call, value: Any) -> None:
    """As judge_kinematic_residual."""
    case = _case(call)
    if call.regime == "plain":
        residual_checks.check_value(case, "track_residual", residual_checks.track_parts(case), np.asarray(value))
    else:
        _judge_shape(case, "track_residual", value)


def _judge_shape(case: Case, kernel: str, value: Any) -> None:
    value = np.asarray(value)
    with np.errstate(all="ignore"):
        expected = np.asarray(getattr(_reference, kernel)(*case.args, **case.options))
    assert value.dtype == case.dtype
    assert value.shape == expected.shape
    finite = all(np.isfinite(x).all() for x in (*case.args, *case.options.values()) if isinstance(x, np.ndarray))
    limit = float(np.finfo(case.dtype).max) ** 0.5 / 1e6
    if finite and np.abs(case.args[0]).max(initial=0.0) < limit:
        assert np.isfinite(value).all(), "not finite, although every input is and nothing overflows"


def judge_chain_flow(call: Call, tracks: Any) -> None:
    """Step by step, see chain_checks; beyond "plain" the rules that hold whatever the numbers."""
    case = _case(call)
    if call.regime == "plain":
        chain_checks.check_tracks(case, tracks)
    else:
        chain_checks.check_shapes(case, tracks)
