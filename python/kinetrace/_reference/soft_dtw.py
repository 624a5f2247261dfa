"""Definition of soft-DTW: value, expected alignment, and gradients with respect to the samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._reference._dtw_table import EMPTY, INFEASIBLE, NON_FINITE, OK, inside_window
from kinetrace._reference.dtw import _given_costs, _series_costs

Float = npt.NDArray[np.float64]

#: The three cells before (i, j), as steps back.
_BEFORE = ((1, 1), (1, 0), (0, 1))


class SoftDtw(NamedTuple):
    """Everything about a batch: value (B,), alignment (B,N,M) = d value / d cost, status (B,)."""

    value: Float
    alignment: Float
    status: npt.NDArray[np.int32]


class SoftGradient(NamedTuple):
    """Gradients of sum_b upstream[b] value[b] with respect to x and y, in their shapes."""

    x: Float
    y: Float


def soft_dtw(
    x: Any,
    y: Any,
    *,
    gamma: float = 1.0,
    x_lengths: Any = None,
    y_lengths: Any = None,
    metric: str = "sqeuclidean",
    window: float | None = None,
) -> SoftDtw:
    """Soft-DTW of each pair of x (B or 1,N[,D]) and y (B or 1,M[,D]); lengths, window and metric as in dtw."""
    costs = list(_series_costs(x, y, x_lengths, y_lengths, metric))
    return _batch(costs, gamma, window, np.shape(x)[1], np.shape(y)[1])


def soft_dtw_from_cost(
    cost: Any, *, gamma: float = 1.0, x_lengths: Any = None, y_lengths: Any = None, window: float | None = None
) -> SoftDtw:
    """The same on given costs (B,N,M); +inf forbids a cell, NaN and -inf inside the window are NON_FINITE."""
    costs = list(_given_costs(cost, x_lengths, y_lengths))
    return _batch(costs, gamma, window, *np.shape(cost)[1:])


def soft_dtw_backward(
    upstream: Any,
    x: Any,
    y: Any,
    *,
    gamma: float = 1.0,
    x_lengths: Any = None,
    y_lengths: Any = None,
    metric: str = "sqeuclidean",
    window: float | None = None,
) -> SoftGradient:
    """Chain rule through the costs: sum over cells of upstream E[i,j] d c(x_i, y_j).

    0 for pairs whose status is INFEASIBLE or EMPTY or whose upstream gradient is 0; NaN within the lengths for
    NON_FINITE ones.
    """
    forward = soft_dtw(x, y, gamma=gamma, x_lengths=x_lengths, y_lengths=y_lengths, metric=metric, window=window)
    x, y = (np.asarray(a, dtype=np.float64) for a in (x, y))
    wide_x, wide_y = (a[:, :, None] if a.ndim == 2 else a for a in (x, y))
    gradients = SoftGradient(np.zeros(wide_x.shape), np.zeros(wide_y.shape))
    shapes = [cost.shape for cost in _series_costs(x, y, x_lengths, y_lengths, metric)]
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


def accumulate(cost: Float, gamma: float, window: float | None) -> tuple[float, Float, int]:
    """One pair: value, expected alignment (n,m), status.

    R[i,j] = C[i,j] - gamma log sum_p exp(-R[p] / gamma) over the three cells p before (i,j), R before the first cell
    is 0; the share of each p in that sum is its weight. Backwards, E[n-1,m-1] = 1 and E[p] gains weight * E[i,j]: E is
    d value / d C.
    """
    n, m = cost.shape
    if n == 0 or m == 0:
        return np.nan, np.zeros((n, m)), EMPTY
    value = np.full((n + 1, m + 1), np.inf)  # shifted by one: row and column 0 lie before the first cell
    value[0, 0] = 0
    weights = np.zeros((n, m, 3))
    for i in range(n):
        for j in range(m):
            if not inside_window(i, j, n, m, window):
                continue
            if np.isnan(cost[i, j]) or cost[i, j] == -np.inf:
                return np.nan, np.full((n, m), np.nan), NON_FINITE
            before = np.array([value[i + 1 - di, j + 1 - dj] for di, dj in _BEFORE])
            smallest = before.min()
            if smallest < np.inf and cost[i, j] < np.inf:
                terms = np.exp((smallest - before) / gamma)
                value[i + 1, j + 1] = cost[i, j] + smallest - gamma * np.log(terms.sum())
                weights[i, j] = terms / terms.sum()
    if value[n, m] == np.inf:
        return np.inf, np.zeros((n, m)), INFEASIBLE
    alignment = np.zeros((n, m))
    alignment[n - 1, m - 1] = 1
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            for (di, dj), weight in zip(_BEFORE, weights[i, j], strict=True):
                if i >= di and j >= dj:
                    alignment[i - di, j - dj] += weight * alignment[i, j]
    return float(value[n, m]), alignment, OK


def _batch(costs: list[Float], gamma: float, window: float | None, rows: int, columns: int) -> SoftDtw:
    values, statuses = [], []
    alignment = np.zeros((len(costs), rows, columns))
    for b, cost in enumerate(costs):
        value, expected, status = accumulate(cost, gamma, window)
        alignment[b, : cost.shape[0], : cost.shape[1]] = expected
        values.append(value)
        statuses.append(status)
    return SoftDtw(np.array(values, dtype=np.float64), alignment, np.array(statuses, dtype=np.int32))
