"""Comparison of a fit_kinematics result with its definition, row by row, within bounds made for each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from compare import assert_within, fields
from kinetrace import _reference
from kinetrace._reference._problem import frame_times, point_visibility, point_weights, used_points
from scales import FitScale, fit_scale
from strategies import Case
from tolerances import rounding, smallest

FLOATS = ("coefficients", "residual_rms", "covariance", "r_squared")


def used(case: Case, b: int) -> Any:
    """The used points of row b: t, p, w, frames in float64."""
    p = np.asarray(case.args[0], dtype=np.float64)
    shape = p.shape[:2]
    t = frame_times(case.options.get("times"), case.options.get("dt", 1.0), shape)
    w = point_weights(case.options.get("weights"), shape)
    return used_points(p[b], t[b], w[b], point_visibility(case.options.get("visible"), shape)[b])


def check_shapes(case: Case, fit: Any) -> None:
    """dtypes and shapes of all fields, and NaN exactly in the rows that failed."""
    (positions,) = case.args
    b_count, _, d_count = positions.shape
    size = case.options.get("order", 2) + 1
    assert fit.coefficients.shape == (b_count, size, d_count)
    assert fit.covariance.shape == (b_count, size, size)
    assert fit.residual_rms.shape == fit.r_squared.shape == (b_count,)
    for name in FLOATS:
        array = fields(fit)[name]
        assert array.dtype == positions.dtype, name
        assert np.isnan(array[fit.status != 0]).all(), name
        assert np.isfinite(array[fit.status == 0]).all(), name
    for name in ("n_points", "status"):
        assert fields(fit)[name].dtype == np.int32
        assert fields(fit)[name].shape == (b_count,)


def check_fit(case: Case, fit: Any, expected: Any = None) -> None:
    """Statuses and counts equal, floats within the table's rounding units of the definition."""
    expected = _reference.fit_kinematics(*case.args, **case.options) if expected is None else expected
    check_shapes(case, fit)
    np.testing.assert_array_equal(fit.status, expected.status)
    np.testing.assert_array_equal(fit.n_points, expected.n_points)
    for b in np.flatnonzero(expected.status == 0):
        problem = used(case, b)
        scale = fit_scale(problem.t, problem.p, problem.w, case.options.get("order", 2))
        check_row(case.dtype, scale, fit, expected, int(b))


def check_row(dtype: Any, scale: FitScale, fit: Any, expected: Any, b: int) -> None:
    """Floats of row b within the bounds of its scale."""
    for name in FLOATS:
        bound = rounding("fit_kinematics", name, dtype) * getattr(scale, name) + smallest(dtype)
        assert_within(fields(fit)[name][b], fields(expected)[name][b], bound, f"{name}[{b}]")
