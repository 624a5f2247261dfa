"""Bounds for the residual kernels, and cases in which no decision hangs on rounding."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from compare import assert_within
from kinetrace import _reference
from kinetrace._reference._reduce import backward_field
from strategies import Case
from tolerances import rounding, smallest

flow_definition = importlib.import_module("kinetrace._reference.kinematic_residual")
track_definition = importlib.import_module("kinetrace._reference.track_residual")
Float = npt.NDArray[np.float64]


class Parts(NamedTuple):
    """One problem taken apart: residual (T,C,...), weight (T,...), size of what was subtracted (T,C,...)."""

    r: Float
    w: Float
    size: Float


def flow_parts(case: Case) -> list[Parts]:
    """Parts of each problem of a kinematic_residual call."""
    options = case.options
    batch, weights = flow_definition._prepare(case.args[0], options.get("mask"), options.get("mask_rule", "center"))
    parts = []
    for flow, w in zip(batch, weights, strict=True):
        mode, steps = options.get("mode", "eulerian"), options.get("iterations", 0)
        r, w = flow_definition._residual(flow, w, mode, options.get("dt", 1.0), steps)
        size = np.abs(flow[2:]) + 2 * np.abs(flow[1:-1]) + np.abs(flow[:-2])
        if mode == "advected":
            size = np.full_like(size, _advected_size(flow, steps))
        parts.append(Parts(r, w, size / options.get("dt", 1.0)))
    return parts


def _steepest(flow: Float) -> float:
    """Largest difference of neighbouring pixels: how much a sample changes per pixel of its point."""
    along = [np.abs(np.diff(flow, axis=axis)).max(initial=0.0) for axis in (2, 3)]
    return 2 * float(max(along))


def _advected_size(flow: Float, steps: int) -> float:
    """Bound of the terms of an advected residual: values, and rounding of points times the slope there."""
    largest, slope = float(np.abs(flow).max(initial=0.0)), _steepest(flow)
    return 4 * largest + (max(flow.shape[2:]) + largest) * slope * (1 + slope) ** steps


def settled(case: Case) -> Case:
    """The case with an explicit mask over pixels whose result hangs on rounding, if there are any.

    Those whose sample points come close to the border or to a line of pixel centres, where the derivative
    jumps, and with the norm "abs" those with a component of r close to 0.
    """
    options = case.options
    flow = np.asarray(case.args[0], dtype=np.float64)
    batch = flow if flow.ndim == 5 else flow[None]
    hidden = np.zeros((len(batch), batch.shape[1] - 2, *batch.shape[3:]), dtype=bool)
    for b, part in enumerate(flow_parts(case)):
        if options["norm"] == "abs":
            close = np.abs(part.r) <= 64 * np.finfo(case.dtype).eps * part.size
            hidden[b] |= (close & (part.size > 0)).any(axis=1)
        if options["mode"] == "advected":
            margin = 64 * float(np.finfo(case.dtype).eps) * (_advected_size(batch[b], options["iterations"]) + 16)
            for t in range(1, batch.shape[1] - 1):
                path = flow_definition._path(batch[b], t, options["iterations"])
                for c in (path.ahead, *path.behind):
                    for fraction in (c.fx, c.fy):
                        hidden[b, t - 1] |= (fraction < margin) | (fraction > 1 - margin)
                hidden[b, t - 1] |= _near_border(batch[b], t, path, margin)
    if not hidden.any():
        return case
    weights = np.stack([part.w for part in flow_parts(case)])
    mask = np.where(hidden, 0, weights).astype(case.dtype).reshape(*flow.shape[:-4], *hidden.shape[1:])
    return Case(case.args, {**options, "mask": mask, "mask_rule": "explicit"}, case.dtype)


def _near_border(flow: Float, t: int, path: Any, margin: float) -> Any:
    """Pixels with a sample point within the margin of the border, on either side of it."""
    height, width = flow.shape[2:]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    steps = [flow[t], -flow[t - 1], *(-flow_definition.sample(flow[t - 1], c) for c in path.behind[:-1])]
    near = np.zeros((height, width), dtype=bool)
    for step in steps:
        for position, last in ((x + step[0], width - 1), (y + step[1], height - 1)):
            near |= (np.abs(position) < margin) | (np.abs(position - last) < margin)
    return near


def track_parts(case: Case) -> list[Parts]:
    """Parts of each problem of a track_residual call; tracks last."""
    positions, seen = track_definition._prepare(case.args[0], case.options.get("visible"))
    parts = []
    for p, s in zip(positions, seen, strict=True):
        r, w = track_definition._residual(p, s, case.options.get("dt", 1.0))
        a = np.where(s[..., None], np.abs(p), 0.0)
        size = (a[3:] + 3 * a[2:-1] + 3 * a[1:-2] + a[:-3]) / case.options.get("dt", 1.0)
        parts.append(Parts(r, w, np.swapaxes(size, 1, 2)))
    return parts


def value_scale(part: Parts, norm: str, reduction: str, units: float) -> Float:
    """Scale of the value of one problem: what an error of one unit of `size` in every r changes."""
    size, r = part.size, np.abs(part.r)
    field = {"squared": r**2 + 2 * r * size + units * size**2, "abs": r + size, "signed": r + size}[norm]
    field = field * np.abs(part.w)[:, None]
    if norm != "signed":
        field = field.sum(axis=1)
    if reduction == "none":
        return field
    count = {"sum": 1.0, "mean": part.w.sum(), "mean_elements": part.r.shape[1] * part.w.sum()}[reduction]
    axes = tuple(i for i in range(field.ndim) if norm != "signed" or i != 1)
    scale: Float = field.sum(axis=axes) / count if count else np.zeros(field.sum(axis=axes).shape)
    return scale


def check_value(case: Case, kernel: str, parts: list[Parts], value: Any) -> None:
    """A residual's value has the dtype and shape of the definition's and lies within its bounds."""
    expected = getattr(_reference, kernel)(*case.args, **case.options)
    assert value.dtype == case.dtype
    assert value.shape == expected.shape
    quantity = case.options.get("mode", "value")
    units = rounding(kernel, quantity, case.dtype)
    batched = case.args[0].ndim == (5 if kernel == "kinematic_residual" else 4)
    for b, part in enumerate(parts):
        scale = value_scale(part, case.options["norm"], case.options["reduction"], units)
        if kernel == "track_residual" and case.options["norm"] == "signed" and case.options["reduction"] == "none":
            scale = np.swapaxes(scale, 1, 2)
        at = b if batched else ...
        assert_within(value[at], expected[at], units * scale + smallest(case.dtype))


def check_gradient(case: Case, kernel: str, parts: list[Parts], gradient: Any, upstream: Any) -> None:
    """A residual's gradient lies within its bounds of the definition's."""
    expected = getattr(_reference, f"{kernel}_backward")(case.args[0], upstream, **case.options)
    assert gradient.dtype == case.dtype
    assert gradient.shape == expected.shape
    units = rounding(kernel, "gradient", case.dtype)
    batched = case.args[0].ndim == (5 if kernel == "kinematic_residual" else 4)
    norm, reduction = case.options["norm"], case.options["reduction"]
    for b, part in enumerate(parts):
        up = np.abs(np.asarray(upstream, dtype=np.float64)[b if batched else ...])
        if kernel == "track_residual" and norm == "signed" and reduction == "none":
            up = np.swapaxes(up, 1, 2)
        sized = Parts(np.abs(part.r) + part.size, part.w, part.size)
        q = backward_field(sized.r, sized.w, norm, reduction, up) / case.options["dt"]
        if case.options.get("mode") == "advected":
            # Any pixel may gather from any other, through slopes that multiply along the path.
            slope = _steepest(np.asarray(case.args[0], dtype=np.float64)[b if batched else ...])
            scale: Any = q.sum() * (4 + (1 + slope) ** (case.options["iterations"] + 2))
        else:
            scale = 16 * q.max(initial=0.0)
        bound = units * scale + smallest(case.dtype)
        if norm == "abs":  # the sign of a residual that is all rounding is anyone's guess
            close = np.abs(part.r) <= units * part.size
            bound += 16 * q[close].max(initial=0.0)
        at = b if batched else ...
        assert_within(gradient[at], expected[at], bound)
