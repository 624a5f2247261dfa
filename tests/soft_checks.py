"""Judgement of soft-DTW: gradients straight from a back end, and how far values and gradients may be from the _soft_table."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from dtw_cases import cost_cases, magnitude, series_cases
from kinetrace import _reference
from kinetrace._reference import _soft_table
from strategies import Case
from tolerances import rounding

GAMMAS = (0.01, 0.1, 1.0, 30.0)


@st.composite
def soft_cases(draw: Any, *, given: bool | None = None) -> Case:
    """A batch of pairs of series or of costs (given: one or the other), with a gamma; as for hard DTW."""
    costs = draw(st.booleans()) if given is None else given
    case = draw(cost_cases() if costs else series_cases())
    options = {k: v for k, v in case.options.items() if k not in ("step", "subsequence")}
    return Case(case.args, {**options, "gamma": draw(st.sampled_from(GAMMAS))}, case.dtype)


def value_name(case: Case) -> str:
    """The public function for the case's arguments."""
    return "soft_dtw" if len(case.args) == 2 else "soft_dtw_from_cost"


def arguments(case: Case) -> dict[str, Any]:
    """The arrays by the names that soft_dtw_alignment gives them."""
    return dict(zip(("x", "y") if len(case.args) == 2 else ("cost",), case.args, strict=True))


def solution(case: Case) -> _soft_table.SoftDtw:
    """The definition's answer."""
    return _soft_table.solve(**arguments(case), **case.options)


def alignment(backend: Any, case: Case, **more: Any) -> Any:
    """kinetrace.soft_dtw_alignment on a back end."""
    return backend.call("soft_dtw_alignment", **arguments(case), **case.options, **more)


def native(backend: Any, case: Case, *, num_threads: int | None = None, **wanted: bool) -> tuple[Any, ...]:
    """value, status, x_gradient, y_gradient, alignment, rewards of every pair, as the native layer returns them."""
    from kinetrace import _testing
    from kinetrace._alignment import sequences
    from kinetrace.soft_dtw import native as call

    options = dict(case.options)
    lengths = options.pop("x_lengths", None), options.pop("y_lengths", None)
    x, y, cost = (*case.args, None) if len(case.args) == 2 else (None, None, case.args[0])
    given = sequences("soft_dtw", x, y, cost, *lengths)
    metric, window = options.get("metric", "sqeuclidean"), options.get("window")
    with _testing.use_backend(backend.name):
        return call(given, metric, window, options["gamma"], num_threads, **wanted)


def slopes(backend: Any, case: Case, **more: Any) -> tuple[Any, Any]:
    """d value / d x and d value / d y of every pair, on a back end."""
    if backend.name == "standin":
        x, y = expected_slopes(case)
        return x.astype(case.dtype), y.astype(case.dtype)
    _, _, x, y, *_ = native(backend, case, x_gradient=True, y_gradient=True, **more)
    return x, y


def expected_slopes(case: Case) -> tuple[Any, Any]:
    """The definition's, pair by pair, so that a repeated y is not summed over."""
    count = max(len(a) for a in case.args)
    repeated = tuple(np.broadcast_to(a, (count, *a.shape[1:])) for a in case.args)
    options = {k: np.broadcast_to(v, (count,)) if k.endswith("lengths") else v for k, v in case.options.items()}
    gradient = _reference.soft_dtw_backward(repeated[0], np.ones(count), repeated[1], **options)
    return gradient.x, gradient.y


def value_bound(case: Case) -> float:
    """Largest error of a value: the rounding of the costs of a path, and some roundings of gamma a cell."""
    cells = case.args[0].shape[1] + case.args[-1].shape[-1 if len(case.args) == 1 else 1]
    return rounding("soft_dtw", "value", case.dtype) * (magnitude(case) + case.options["gamma"] * max(cells, 1))


def alignment_bound(case: Case) -> float:
    """Largest error of an expected alignment: that of the costs of two paths, over gamma."""
    return rounding("soft_dtw", "alignment", case.dtype) * (1 + value_bound(case) / case.options["gamma"] / eps(case))


def eps(case: Case) -> float:
    """Machine epsilon of the case."""
    return float(np.finfo(case.dtype).eps)
