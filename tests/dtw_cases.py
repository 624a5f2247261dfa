"""Hypothesis strategies and judgement for DTW: shapes, patterns, windows, costs with ties, infinities and NaN."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compare import assert_within
from kinetrace import _reference
from kinetrace._reference import _dtw_table
from kinetrace.step_pattern import NAMES, StepPattern
from strategies import Case, dtypes, generators, specials
from tolerances import rounding

METRICS = ("sqeuclidean", "euclidean", "l1", "cosine", "dot")


def patterns() -> st.SearchStrategy[Any]:
    """Named patterns and arbitrary ones."""
    move = st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any)
    weight = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, 1.7])
    step = st.tuples(move, weight).map(lambda s: (*s[0], s[1]))
    made = st.lists(step, min_size=1, max_size=6).map(StepPattern)
    return st.one_of(st.sampled_from(NAMES), made)


@st.composite
def options(draw: Any) -> dict[str, Any]:
    """step, window, subsequence."""
    window = draw(st.sampled_from([None, None, 0, 1, 2, 4, 0.0, 0.2, 0.5, 1.0]))
    return {
        "step": draw(patterns()),
        "window": window,
        "subsequence": draw(st.sampled_from([False, True, "start", "end"])),
    }


def _shape(draw: Any) -> tuple[int, int, int]:
    return draw(st.integers(0, 40)), draw(st.integers(0, 9)), draw(st.integers(0, 11))


def _add_lengths(draw: Any, rng: np.random.Generator, shape: tuple[int, int, int], chosen: dict[str, Any]) -> None:
    for name, extent in (("x_lengths", shape[1]), ("y_lengths", shape[2])):
        if draw(st.booleans()):
            kind = draw(st.sampled_from([np.int32, np.int64]))
            chosen[name] = rng.integers(0, extent + 1, size=shape[0]).astype(kind)


@st.composite
def cost_cases(draw: Any, *, exact: bool = False) -> Case:
    """A batch of given costs, garbage beyond the lengths. exact: small integers, so that equal sums are equal."""
    dtype, rng, shape = draw(dtypes()), draw(generators()), _shape(draw)
    chosen = draw(options())
    if exact and not isinstance(chosen["step"], str):
        chosen["step"] = StepPattern([(s.di, s.dj, float(round(s.weight))) for s in chosen["step"].steps])
    low = draw(st.sampled_from([0, -4]))
    cost = rng.integers(low, 5, size=shape).astype(dtype) if exact else rng.normal(size=shape).astype(dtype)
    _add_lengths(draw, rng, shape, chosen)
    if draw(st.booleans()):
        cost[rng.uniform(size=shape) < 0.15] = np.inf
    if draw(st.booleans()):
        cost[rng.uniform(size=shape) < 0.01] = rng.choice([np.nan, -np.inf])
    for b in range(shape[0]):
        n = chosen["x_lengths"][b] if "x_lengths" in chosen else shape[1]
        m = chosen["y_lengths"][b] if "y_lengths" in chosen else shape[2]
        cost[b, n:] = np.nan
        cost[b, :, m:] = np.nan
    return Case((cost,), chosen, np.dtype(dtype))


@st.composite
def series_cases(draw: Any) -> Case:
    """A batch of pairs of series, garbage beyond the lengths; sometimes one y for all."""
    dtype, rng, (batch, rows, columns) = draw(dtypes()), draw(generators()), _shape(draw)
    chosen = {**draw(options()), "metric": draw(st.sampled_from(METRICS))}
    coordinates = draw(st.sampled_from([(), (1,), (3,), (9,)]))
    repeat = draw(st.booleans()) and batch > 0
    x = rng.normal(size=(batch, rows, *coordinates)).astype(dtype)
    y = rng.normal(size=(1 if repeat else batch, columns, *coordinates)).astype(dtype)
    _add_lengths(draw, rng, (batch, rows, columns), chosen)
    if repeat and "y_lengths" in chosen:
        chosen["y_lengths"] = chosen["y_lengths"][:1]
    bad = draw(st.sampled_from([0.0, 0.0, 0.02]))
    for array, name in ((x, "x_lengths"), (y, "y_lengths")):
        array[rng.uniform(size=array.shape) < bad] = np.nan
        array[rng.uniform(size=array.shape) < 0.02] = 0
        for b, length in enumerate(chosen.get(name, [])):
            array[b, length:] = rng.choice(specials(dtype), size=array[b, length:].shape)
    return Case((x, y), chosen, np.dtype(dtype))


def magnitude(case: Case) -> float:
    """Bound of the sum of the magnitudes of the costs of a path, times its weights."""
    if len(case.args) == 1:
        finite = np.abs(case.args[0][np.isfinite(case.args[0])], dtype=np.float64)
        largest, roundings = finite.max(initial=0.0), 1
    else:
        largest, roundings = _largest_cost(case)
    extents = case.args[0].shape[1] + case.args[-1].shape[-1 if len(case.args) == 1 else 1]
    step = case.options.get("step", "symmetric1")
    steps = _dtw_table.PATTERNS[step] if isinstance(step, str) else step.steps
    return float(largest * roundings * extents * max([1.0, *(w for _, _, w in steps)]))


def _largest_cost(case: Case) -> tuple[float, int]:
    tops = [np.abs(a[np.isfinite(a)], dtype=np.float64) for a in case.args]
    tops = [t[t < 1e10] for t in tops]  # garbage beyond the lengths
    size = sum(float(t.max(initial=0.0)) for t in tops)
    count = case.args[0].shape[2] if case.args[0].ndim == 3 else 1
    metric = case.options.get("metric", "sqeuclidean")
    per_coordinate = {"l1": size, "euclidean": size, "cosine": 1.0}.get(metric, size * size)
    return max(per_coordinate * (1 if metric == "cosine" else count), 1e-30), count + 4


def bound(case: Case) -> float:
    """Largest error of an accumulated cost: each addition rounds a sum of at most `magnitude`."""
    cells = case.args[0].shape[1] + case.args[-1].shape[-1 if len(case.args) == 1 else 1]
    return rounding("dtw", "distance", case.dtype) * magnitude(case) * max(cells, 1)


def expected(function: str, case: Case, **more: Any) -> Any:
    """The definition's answer."""
    if len(case.args) == 1 and function in ("dtw_curve", "dtw_rewards"):
        return getattr(_reference, function)(cost=case.args[0], **{**case.options, **more})
    return getattr(_reference, function)(*case.args, **{**case.options, **more})


def check_path(case: Case, result: Any, index: int, tolerance: float) -> None:
    """The path of one pair: steps of the pattern, inside window and lengths, and worth the distance."""
    length = int(result.path_lengths[index])
    cells = [tuple(int(k) for k in cell) for cell in result.path[index, :length]]
    assert (result.path[index, length:] == -1).all()
    step = case.options["step"]
    steps = _dtw_table.PATTERNS[step] if isinstance(step, str) else step.steps
    cost = case.args[0][index].astype(np.float64)
    n = int(case.options["x_lengths"][index]) if "x_lengths" in case.options else cost.shape[0]
    m = int(case.options["y_lengths"][index]) if "y_lengths" in case.options else cost.shape[1]
    free = case.options["subsequence"]
    assert cells[0][0] == 0
    assert free in (True, "start") or cells[0][1] == 0
    assert cells[-1][0] == n - 1
    assert free in (True, "end") or cells[-1][1] == m - 1
    assert all(_dtw_table.inside_window(*cell, n, m, case.options["window"]) for cell in cells)
    total = cost[cells[0]]
    for before, cell in pairwise(cells):
        move = (cell[0] - before[0], cell[1] - before[1])
        weights = [w for di, dj, w in steps if (di, dj) == move]
        assert weights, f"no step {move}"
        value = cost[cell]
        total += min(weights) * value if value >= 0 else max(weights) * value
    if len({(di, dj) for di, dj, _ in steps}) == len(steps):
        assert_within(total, result.distance[index], tolerance, "sum along the path")
