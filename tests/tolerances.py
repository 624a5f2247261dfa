"""The one table of tolerances: how far a kernel may be from its definition, per quantity, in rounding units.

A test multiplies `rounding(kernel, quantity, dtype)` = units * eps(dtype) by the scale of the quantity: the
sum of the magnitudes that were added up to make it, times the factor by which the formula passes an error of
the input on (computed for each problem in scales.py and the *_checks.py). So the same units hold for float32
and float64, for every back end and level, whatever the order of additions; the definition's own float64
rounding is inside the float64 bound.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Bound(NamedTuple):
    """Rounding units allowed, and why that many."""

    units: float
    reason: str


TABLE: dict[tuple[str, str], Bound] = {
    ("fit_kinematics", "coefficients"): Bound(
        16,
        "centring 2, Gram-Schmidt 4, sums over lanes 4, move to t=0 3 per degree; measured: 1",
    ),
    ("fit_kinematics", "covariance"): Bound(32, "as coefficients, the basis entering twice; measured: 5"),
    ("fit_kinematics", "residual_rms"): Bound(16, "a residual has the rounding of its position and of the polynomial"),
    ("fit_kinematics", "r_squared"): Bound(16, "as residual_rms, and the ratio of two sums"),
    ("fit_kinematics", "robust"): Bound(
        128, "up to 10 fits in a row; the scale holds, by measurement, how re-weighting spreads an error"
    ),
    ("fit_segments", "coefficients"): Bound(16, "one fit per segment, as fit_kinematics"),
    ("fit_segments", "residual_rms"): Bound(16, "as fit_kinematics"),
    ("fit_segments", "contact"): Bound(
        256,
        "the gap at the contact is a difference of two fits; the scale is its error over the closing speed",
    ),
    ("kinematic_residual", "eulerian"): Bound(
        16,
        "second difference 3, division, square, weight, sum over channels 5, sum over pixels in lanes 8",
    ),
    ("kinematic_residual", "advected"): Bound(
        64, "as eulerian with three or more bilinear samples of 6 roundings, at points rounded twice each"
    ),
    ("kinematic_residual", "gradient"): Bound(64, "residual, its slope, 1/N, and a scatter of up to 16 terms"),
    ("mask_chamfer", "value"): Bound(16, "a root, sums over lanes and rows, a mean and a sum; all terms are positive"),
    ("track_residual", "value"): Bound(16, "third difference 5, division, square and sum over D 6, sum in lanes"),
    ("track_residual", "gradient"): Bound(16, "residual 6, slope and 1/N 4, four terms added"),
    ("chain_flow", "positions"): Bound(
        8,
        "bilinear sample 6 and one addition a step; the scale has what the slope of the flow adds",
    ),
    ("soft_dtw", "value"): Bound(8, "cost 4, exponential, sum of three, product and normalisation a cell; measured: 1"),
    ("soft_dtw", "alignment"): Bound(8, "weights 4 and a sum a cell; the scale has the error of the costs over gamma"),
    ("dtw", "distance"): Bound(4, "one rounding a cell of the path and one a coordinate; the scale counts both"),
    ("chain_flow", "cycle_error"): Bound(24, "one more sample and a length on top of the positions"),
}


def rounding(kernel: str, quantity: str, dtype: Any) -> float:
    """Relative error allowed: the table's units times the machine epsilon of the dtype."""
    return TABLE[kernel, quantity].units * float(np.finfo(dtype).eps)


def smallest(dtype: Any) -> float:
    """Absolute error always allowed: a few of the smallest normal numbers, should denormals be flushed."""
    return 8 * float(np.finfo(dtype).tiny)
