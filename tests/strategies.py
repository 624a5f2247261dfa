"""Hypothesis strategies for the inputs of each kernel: shapes, layouts, special values, masks, times.

Shapes and options are drawn, so that they shrink; bulk numbers come from a generator seeded with a drawn
number. Garbage (NaN, infinities, huge, denormal) stands wherever a value must not matter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Array = npt.NDArray[Any]
LAYOUTS = ("contiguous", "fortran", "strided", "reversed", "offset", "readonly")


class Case(NamedTuple):
    """One call: positional arrays and keyword options, all of one float dtype."""

    args: tuple[Array, ...]
    options: dict[str, Any]
    dtype: Any


def specials(dtype: Any) -> Array:
    """Values that break careless arithmetic, the non-finite ones first."""
    limits = np.finfo(dtype)
    tiny, huge = float(limits.smallest_subnormal), float(limits.max)
    return np.array([np.nan, np.inf, -np.inf, huge, -huge, huge**0.6, tiny, -tiny, 0.0, -0.0], dtype=dtype)


def dtypes() -> st.SearchStrategy[Any]:
    """Precisions that every kernel has."""
    return st.sampled_from([np.float32, np.float64])


def generators() -> st.SearchStrategy[np.random.Generator]:
    """Seeded sources of bulk numbers."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def spoil(rng: np.random.Generator, array: Array, where: Array) -> None:
    """Overwrites the entries (of the leading axes) that where marks with special values."""
    pool = specials(array.dtype)
    array[where] = rng.choice(pool, size=array[where].shape)


def lay_out(array: Array, layout: str) -> Array:
    """The same values in another memory layout, amid garbage where there is something around them."""
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        back = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[back])[back]
    if layout in ("strided", "offset"):
        step = 2 if layout == "strided" else 1
        fill = np.nan if array.dtype.kind == "f" else 1
        room = np.full([step * n + 3 for n in array.shape], fill, dtype=array.dtype)
        view = room[tuple(slice(1, 1 + step * n, step) for n in array.shape)]
        view[...] = array
        return view
    copy = np.array(array, order="C")
    copy.setflags(write=layout != "readonly")
    return copy


def laid_out(case: Case, layout: str) -> Case:
    """The call with every array in another memory layout."""
    options = {k: lay_out(v, layout) if isinstance(v, np.ndarray) else v for k, v in case.options.items()}
    return Case(tuple(lay_out(a, layout) for a in case.args), options, case.dtype)


@st.composite
def fit_cases(draw: Any, *, wild: bool = False, increasing: bool = False, max_frames: int = 20) -> Case:
    """positions (B,T,D) for the fits; garbage at unused points, or with wild anywhere."""
    dtype, rng = draw(dtypes()), draw(generators())
    shape = (draw(st.integers(0, 4)), draw(st.integers(0, max_frames)))
    dimensions = draw(st.integers(1, 4))
    walk = rng.normal(size=(*shape, dimensions)).cumsum(axis=1) * draw(st.sampled_from([0.1, 5.0]))
    positions = (walk + draw(st.sampled_from([0.0, 300.0, -1000.0]))).astype(dtype)
    options: dict[str, Any] = {"order": draw(st.integers(0, 3))}
    used = np.ones(shape, dtype=bool)
    if draw(st.booleans()):
        visible = rng.uniform(size=shape) < draw(st.sampled_from([0.0, 0.4, 0.9]))
        options["visible"] = visible if draw(st.booleans()) else visible * rng.integers(1, 256, shape).astype(np.uint8)
        used &= visible
    if draw(st.booleans()):
        weights = rng.uniform(0.1, 3.0, shape).astype(dtype)
        weights[rng.uniform(size=shape) < draw(st.sampled_from([0.0, 0.2]))] = 0
        spoil(rng, weights, ~used)
        used &= weights != 0
        options["weights"] = weights
    spoil(rng, positions, ~used)
    kind = draw(st.sampled_from(["none", "dt", "shared", "each"]))
    if kind == "dt":
        options["dt"] = draw(st.sampled_from([1 / 16, 0.04, 2.5]))
    elif kind != "none":
        gaps = rng.uniform(0.3, 2.0, shape if kind == "each" else shape[1:])
        times = (gaps.cumsum(axis=-1) + draw(st.sampled_from([0.0, -7.0, 40.0]))).astype(dtype)
        if kind == "each":
            if not increasing:
                times = rng.permuted(times, axis=1)
            spoil(rng, times, ~used)
        options["times"] = times
    if wild:
        for array in (positions, options.get("weights"), options.get("times")):
            if array is not None:
                spoil(rng, array, rng.uniform(size=array.shape[:2]) < draw(st.sampled_from([0.0, 0.05, 0.5])))
        if "weights" in options and draw(st.booleans()):
            options["weights"][rng.uniform(size=shape) < 0.1] *= -1
    return Case((positions,), options, np.dtype(dtype))


@st.composite
def flow_cases(draw: Any, *, wild: bool = False, max_side: int = 9) -> Case:
    """flow (B,T,2,H,W) or (T,2,H,W) with a mask or none, and the options of kinematic_residual."""
    dtype, rng = draw(dtypes()), draw(generators())
    batch = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    t_count, height, width = (
        draw(st.integers(3, 7)),
        draw(st.integers(0, max_side)),
        draw(st.integers(0, max_side)),
    )
    flow = (rng.normal(size=(*batch, t_count, 2, height, width)) * draw(st.sampled_from([0.3, 4.0]))).astype(dtype)
    options: dict[str, Any] = {
        "norm": draw(st.sampled_from(["squared", "abs", "signed"])),
        "reduction": draw(st.sampled_from(["mean", "mean_elements", "sum", "none"])),
        "dt": draw(st.sampled_from([1.0, 0.25, 1 / 16])),
        "mode": draw(st.sampled_from(["eulerian", "advected"])),
    }
    if options["mode"] == "advected":
        options["iterations"] = draw(st.integers(0, 2))
    if draw(st.booleans()):
        rule = draw(st.sampled_from(["center", "all", "any", "explicit"]))
        shape = (*batch, t_count - 2 if rule == "explicit" else t_count, height, width)
        mask = rng.uniform(size=shape) < draw(st.sampled_from([0.0, 0.5, 0.9]))
        kind = draw(st.sampled_from(["bool", "uint8", "float"]))
        options["mask_rule"] = rule
        options["mask"] = mask if kind == "bool" else mask.astype(np.uint8)
        if kind == "float":
            options["mask"] = (mask * rng.uniform(0.1, 2, shape)).astype(dtype)
    if wild:
        spoil(rng, flow, rng.uniform(size=flow.shape) < draw(st.sampled_from([0.01, 0.3])))
    return Case((flow,), options, np.dtype(dtype))


@st.composite
def track_cases(draw: Any, *, wild: bool = False) -> Case:
    """positions (B,T,N,D) or (T,N,D) with visibility or none; unseen positions are garbage."""
    dtype, rng = draw(dtypes()), draw(generators())
    batch = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    shape = (*batch, draw(st.integers(4, 12)), draw(st.integers(0, 9)))
    positions = (rng.normal(size=(*shape, draw(st.integers(1, 4)))) * 5 + 50).astype(dtype)
    options: dict[str, Any] = {
        "norm": draw(st.sampled_from(["squared", "abs", "signed"])),
        "reduction": draw(st.sampled_from(["mean", "mean_elements", "sum", "none"])),
        "dt": draw(st.sampled_from([1.0, 0.25, 1 / 16])),
    }
    if draw(st.booleans()):
        visible = rng.uniform(size=shape) < draw(st.sampled_from([0.0, 0.7, 0.95]))
        spoil(rng, positions, ~visible)
        options["visible"] = visible if draw(st.booleans()) else visible.astype(np.uint8)
    if wild:
        spoil(rng, positions, rng.uniform(size=shape) < 0.1)
    return Case((positions,), options, np.dtype(dtype))


@st.composite
def chain_cases(draw: Any, *, wild: bool = False) -> Case:
    """flow (T,2,H,W) and points (N,2), some of them outside; wild: special values in both."""
    dtype, rng = draw(dtypes()), draw(generators())
    steps, count = draw(st.integers(0, 9)), draw(st.integers(0, 20))
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    size = draw(st.sampled_from([0.0, 0.4, 2.0]))
    flow = (rng.normal(size=(steps, 2, height, width)) * size).astype(dtype)
    points = rng.uniform(-0.5, [width - 0.5, height - 0.5], size=(count, 2)).astype(dtype)
    whole = rng.uniform(size=count) < 0.3
    points[whole] = np.round(points[whole])
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["start"] = rng.integers(0, steps + 1, count) if draw(st.booleans()) else draw(st.integers(0, steps))
    if draw(st.booleans()):
        noise = rng.normal(size=flow.shape) * draw(st.sampled_from([0.0, 0.5]))
        options["backward_flow"] = (-flow + noise).astype(dtype)
        if draw(st.booleans()):
            options["max_cycle_error"] = draw(st.sampled_from([0.0, 0.3, 1e6]))
    if wild:
        spoil(rng, flow, rng.uniform(size=flow.shape) < draw(st.sampled_from([0.01, 0.3])))
        spoil(rng, points, rng.uniform(size=points.shape) < 0.1)
        if "backward_flow" in options:
            spoil(rng, options["backward_flow"], rng.uniform(size=flow.shape) < 0.05)
    return Case((flow, points), options, np.dtype(dtype))
