"""Fuzzed calls of fit_kinematics and fit_segments, and how their answers are judged.

Rule for magnitudes: rows of the regimes "plain" and "wide" must equal the definition within the table of tolerances.
In "wild" rows a sum may overflow the working precision, or squares may vanish in it, where the definition's float64
does not; such a row may answer NON_FINITE, or SINGULAR when times or weights vanish, or INVALID_WEIGHT when all weights
are below the smallest normal number, and the numbers of a row that succeeds must be finite but are compared only when
its own values stay within the bounds of "wide".
"""

from __future__ import annotations

from typing import Any

import numpy as np

import fit_checks
import segment_checks
from compare import assert_within
from fuzz_inputs import BAD, WIDE, Array, Call, Rng, break_array, chance, lay_out, pick, size, specials, values
from kinetrace import Status, _reference
from scales import fit_scale
from strategies import Case
from tolerances import rounding, smallest


def fit_kinematics_call(rng: Rng) -> Call:
    """Any call of fit_kinematics."""
    call = _tracks(rng, most_frames=40, increasing=False)
    if chance(rng, 0.4):
        call.options["robust"] = pick(rng, ("huber", "tukey"))
        call.options["robust_iterations"] = int(rng.integers(0, 4))
        if chance(rng, 0.5):
            thresholds = (0.5, 1e-3, 100) if call.regime != "wild" else (1e-300, 1e300, 5e-324, 1e38)
            call.options["robust_threshold"] = pick(rng, thresholds)
    bad = {
        "dt": BAD["positive"],
        "order": (*BAD["int"], 4),
        "robust": BAD["choice"],
        "robust_threshold": BAD["positive"],
        "robust_iterations": (*BAD["int"], 1001),
        "num_threads": BAD["threads"],
    }
    return _finished(rng, call, bad)


def fit_segments_call(rng: Rng) -> Call:
    """Any call of fit_segments."""
    call = _tracks(rng, most_frames=14, increasing=chance(rng, 0.9))
    call.options["max_segments"] = int(rng.integers(1, 5))
    if chance(rng, 0.3):
        call.options["min_points"] = int(call.options.get("order", 2)) + int(rng.integers(1, 4))
    if chance(rng, 0.3):
        call.options["noise"] = pick(rng, (0.5, 0.01, 3) if call.regime != "wild" else (1e-300, 1e300, 1e-20))
    bad = {
        "dt": BAD["positive"],
        "order": (*BAD["int"], 4),
        "max_segments": (*BAD["int"], 0, 5),
        "min_points": ("3", 0, True, 2.5),
        "criterion": BAD["choice"],
        "noise": BAD["positive"],
        "num_threads": BAD["threads"],
    }
    return _finished(rng, call, bad)


def _tracks(rng: Rng, most_frames: int, increasing: bool) -> Call:
    dtype, regime = pick(rng, (np.float32, np.float64)), pick(rng, ("plain", "plain", "wide", "wild"))
    shape = (size(rng, 20 if chance(rng, 0.1) else 5), size(rng, most_frames))
    positions = values(rng, (*shape, int(rng.integers(1, 5))), dtype, regime)
    if chance(rng, 0.3) and regime == "plain":
        positions = (positions.cumsum(axis=1) + dtype(300)).astype(dtype)
    options: dict[str, Any] = {}
    if chance(rng, 0.8):
        options["order"] = int(rng.integers(0, 4))
    used = np.ones(shape, bool)
    if chance(rng, 0.4):
        used = rng.random(shape) < pick(rng, (0.0, 0.5, 0.9))
        options["visible"] = used.copy() if chance(rng, 0.5) else used * rng.integers(1, 256, shape).astype(np.uint8)
    if chance(rng, 0.4):
        options["weights"] = _weights(rng, shape, dtype, regime)
    kind = pick(rng, ("none", "none", "dt", "shared", "each"))
    if kind == "dt":
        options["dt"] = pick(rng, (1 / 16, 2.5, 1) if regime != "wild" else (1e-300, 1e300, 1e-20, 1e30))
    elif kind != "none":
        options["times"] = _times(rng, shape if kind == "each" else shape[1:], dtype, regime, increasing)
    for x in (positions, options.get("weights"), options.get("times")):
        if x is not None and x.shape[:2] == shape and not used.all():
            x[~used] = rng.choice(specials(dtype), size=x[~used].shape)
    return Call((positions,), options, dtype, regime, "")


def _weights(rng: Rng, shape: tuple[int, ...], dtype: Any, regime: str) -> Array:
    if regime == "wild":
        return np.abs(values(rng, shape, dtype, regime)) if chance(rng, 0.7) else values(rng, shape, dtype, regime)
    w = rng.uniform(0.1, 3, shape).astype(dtype)
    w[rng.random(shape) < pick(rng, (0.0, 0.2))] = 0
    if chance(rng, 0.1):
        w[rng.random(shape) < 0.1] = pick(rng, (-1, np.nan, np.inf))
    return w


def _times(rng: Rng, shape: tuple[int, ...], dtype: Any, regime: str, increasing: bool) -> Array:
    if regime == "wild":
        return values(rng, shape, dtype, regime)
    gaps = rng.uniform(0.3, 2, shape)
    t = gaps.cumsum(axis=-1) + pick(rng, (0.0, -7.0, 40.0))
    if not increasing:
        t = rng.permuted(t, axis=-1)
        if chance(rng, 0.3):
            t = np.round(t / pick(rng, (1, 4, 30)))  # repeated times
    return np.asarray(t, dtype)


def _finished(rng: Rng, call: Call, bad: dict[str, tuple[Any, ...]]) -> Call:
    """The call in odd memory, or with one argument broken."""
    arrays = {"positions": call.args[0], **{k: v for k, v in call.options.items() if isinstance(v, np.ndarray)}}
    options = dict(call.options)
    broken, shape = "", call.args[0].shape[:2]
    if chance(rng, 0.1) and shape[0] > 1:  # one row for all problems, of all arrays at once: they belong together
        rows = {k: v for k, v in arrays.items() if v.shape[:2] == shape and v.ndim > 1}
        arrays |= {k: np.broadcast_to(v[:1].copy(), v.shape) for k, v in rows.items()}
    if chance(rng, 0.15):
        broken = pick(rng, [*arrays, *bad])
        if broken in arrays:
            arrays[broken] = break_array(rng, arrays[broken])
        else:
            options[broken] = pick(rng, bad[broken])
            options.pop("times", None)
            arrays.pop("times", None)
    elif chance(rng, 0.5):
        options["num_threads"] = pick(rng, (None, 1, 2, 5))
    keep = {k for k, v in arrays.items() if not isinstance(v, np.ndarray) or k == broken or 0 in v.strides}
    laid = {k: v if k in keep else lay_out(rng, v) for k, v in arrays.items()}
    positions = laid.pop("positions")
    return Call((positions,), {**options, **laid}, call.dtype, call.regime, broken)


def _case(call: Call) -> Case:
    def array(x: Any) -> Any:
        return np.asarray(x) if hasattr(x, "shape") else x

    options = {k: array(v) for k, v in call.options.items() if k != "num_threads"}
    return Case(tuple(array(x) for x in call.args), options, np.dtype(call.dtype))


def judge_fit_kinematics(call: Call, fit: Any) -> None:
    """Raises AssertionError where the answer is neither right nor excused by the rule of this file."""
    case = _case(call)
    expected = _reference.fit_kinematics(*case.args, **case.options)
    fit_checks.check_shapes(case, fit)
    np.testing.assert_array_equal(fit.n_points, expected.n_points)
    robust = case.options.get("robust") is not None and case.options.get("robust_iterations", 5) > 0
    for b in range(len(fit.status)):
        problem = fit_checks.used(case, b)
        if call.regime == "wild" and not _moderate(problem, case):
            allowed = {int(expected.status[b]), Status.NON_FINITE, Status.SINGULAR}
            if problem.w.max(initial=0.0) < np.finfo(case.dtype).tiny:
                allowed |= {Status.INVALID_WEIGHT}
            if expected.status[b] in (Status.NON_FINITE, Status.SINGULAR):
                allowed |= {Status.OK}  # the definition gives up in float64 what a scaled sum may still hold
            assert fit.status[b] in allowed, f"status[{b}] {fit.status[b]}, expected one of {sorted(allowed)}"
            continue
        assert fit.status[b] == expected.status[b], f"status[{b}] {fit.status[b]}, expected {expected.status[b]}"
        if fit.status[b] != Status.OK:
            continue
        _judge_floats(case, fit, expected, b, problem, robust)


def _moderate(problem: Any, case: Case) -> bool:
    """Whether all used numbers of a row lie within the powers of ten of the regime "wide"."""
    top = 10.0 ** WIDE[case.dtype.name]
    threshold = case.options.get("robust_threshold") or 1.0
    step = case.options.get("dt", 1.0)
    numbers = [np.abs(problem.p).ravel(), problem.w, np.abs(problem.t), [threshold, step]]
    x = np.concatenate([np.asarray(n, float) for n in numbers])
    x = x[x != 0]
    weights_alike = len(problem.w) == 0 or problem.w.max() <= 1e3 * problem.w.min()
    gaps = np.diff(np.unique(problem.t))
    apart = len(gaps) == 0 or gaps.min() > 1e-3 * np.ptp(problem.t)
    return bool(np.isfinite(x).all() and (x <= top).all() and (x >= 1 / top).all() and weights_alike and apart)


def _judge_floats(case: Case, fit: Any, expected: Any, b: int, problem: Any, robust: bool) -> None:
    """Floats of row b within the table's bounds; a covariance also within rounding of its own diagonal."""
    scale = fit_scale(problem.t, problem.p, problem.w, case.options.get("order", 2))
    variance = np.diag(expected.covariance[b])
    own = {"covariance": np.sqrt(np.outer(variance, variance))}
    spread = _spread(case, expected, b, problem) if robust else {}
    eps, tiny = float(np.finfo(case.dtype).eps), float(np.finfo(case.dtype).tiny)
    for name in fit_checks.FLOATS:
        units = rounding("fit_kinematics", "robust" if robust else name, case.dtype)
        size = getattr(scale, name) + own.get(name, 0.0)
        if robust and len(problem.t) > case.options.get("order", 2) + 1:
            # Weights follow the residuals, which hold the rounding of the positions: large where residuals are small.
            size = size * (1 + min(np.abs(problem.p).max() / max(float(expected.residual_rms[b]), tiny), eps**-0.5))
            if name == "r_squared" and expected.residual_rms[b] <= 64 * eps * np.abs(problem.p).max():
                continue  # what is left of both sums is rounding
        bound = units * size + 16 * spread.get(name, 0.0) + smallest(case.dtype)
        what = f"{name}[{b}]" + " (robust)" * robust
        assert_within(getattr(fit, name)[b], getattr(expected, name)[b], bound, what)


def _spread(case: Case, expected: Any, b: int, problem: Any) -> dict[str, Any]:
    """How far the results of row b move when its positions are nudged by rounding: how stable re-weighting is."""
    rng = np.random.default_rng(b)
    positions = case.args[0][b : b + 1].astype(np.float64)
    options = {k: v[b : b + 1] if isinstance(v, np.ndarray) and v.ndim == 2 else v for k, v in case.options.items()}
    nudge = 16 * float(np.finfo(case.dtype).eps) * np.abs(problem.p).max(initial=0.0)
    spread: dict[str, Any] = dict.fromkeys(fit_checks.FLOATS, 0.0)
    for _ in range(3):
        other = _reference.fit_kinematics(positions + nudge * rng.choice([-1.0, 1.0], positions.shape), **options)
        for name in spread:
            change = np.abs(getattr(other, name)[0] - getattr(expected, name)[b])
            spread[name] = np.maximum(spread[name], np.where(np.isnan(change), np.inf, change))
    return spread


def judge_fit_segments(call: Call, fit: Any) -> None:
    """As judge_fit_kinematics; wild rows must have a status and the right fillers."""
    case = _case(call)
    if call.regime == "wild":
        segment_checks.check_shapes(case, fit)
        return
    segment_checks.check_segments(case, fit)
