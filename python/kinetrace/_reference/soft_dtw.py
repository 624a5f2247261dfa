"""Definition of soft-DTW: value, expected alignment, and gradients with respect to the samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kinetrace._reference._dtw_table import EMPTY, INFEASIBLE, Float
from kinetrace._reference._soft_table import solve
from kinetrace._reference.dtw import _series_costs


class SoftGradient(NamedTuple):
    """Gradients of sum_b upstream[b] value[b] with respect to x and y, in their shapes."""

    x: Float
    y: Float


def soft_dtw(x: Any, y: Any, **options: Any) -> Float:
    """Soft-DTW (B,) of each pair of x (B or 1,N[,D]) and y (B or 1,M[,D]); options as solve."""
    return solve(x, y, **options).value


def soft_dtw_from_cost(cost: Any, **options: Any) -> Float:
    """The same on given costs (B,N,M)."""
    return solve(cost=cost, **options).value


def soft_dtw_alignment(x: Any = None, y: Any = None, **options: Any) -> Float:
    """Expected alignment (B,N,M): d value / d cost."""
    return solve(x, y, **options).alignment


def soft_dtw_backward(x: Any, upstream: Any, y: Any, *, metric: str = "sqeuclidean", **options: Any) -> SoftGradient:
    """Chain rule through the costs: sum over cells of upstream E[i,j] d c(x_i, y_j).

    0 for pairs whose status is INFEASIBLE or EMPTY or whose upstream gradient is 0; NaN within the lengths for
    NON_FINITE ones.
    """
    forward = solve(x, y, metric=metric, **options)
    lengths = options.get("x_lengths"), options.get("y_lengths")
    x, y = (np.asarray(a, dtype=np.float64) for a in (x, y))
    wide_x, wide_y = (a[:, :, None] if a.ndim == 2 else a for a in (x, y))
    gradients = SoftGradient(np.zeros(wide_x.shape), np.zeros(wide_y.shape))
    shapes = [cost.shape for cost in _series_costs(x, y, *lengths, metric)]
    for b, (n, m) in enumerate(shapes):
        if upstream[b] == 0 or forward.status[b] in (INFEASIBLE, EMPTY):
            continue
        at_x, at_y = b % len(x), b % len(y)
        for i in range(n):
            for j in range(m):
                e = forward.alignment[b, i, j]
                if e != 0:
                    dx, dy = cost_slopes(wide_x[at_x, i], wide_y[at_y, j], metric)
                    gradients.x[at_x, i] += upstream[b] * e * dx
                    gradients.y[at_y, j] += upstream[b] * e * dy
    return SoftGradient(gradients.x.reshape(x.shape), gradients.y.reshape(y.shape))


def cost_slopes(x: Float, y: Float, metric: str) -> tuple[Float, Float]:
    """Gradients of local_cost with respect to both samples (D,); 0 where the cost has a kink."""
    difference = x - y
    if metric == "sqeuclidean":
        return 2 * difference, -2 * difference
    if metric == "l1":
        return np.sign(difference), -np.sign(difference)
    if metric == "dot":
        return -y, -x
    length = np.sqrt(difference @ difference)
    if metric == "euclidean":
        slope = difference / length if length else 0 * difference
        return slope, -slope
    of_x, of_y = np.sqrt(x @ x), np.sqrt(y @ y)
    if not of_x * of_y:
        return np.zeros_like(x), np.zeros_like(y)
    cosine = (x @ y) / (of_x * of_y)
    return cosine * x / of_x**2 - y / (of_x * of_y), cosine * y / of_y**2 - x / (of_x * of_y)
