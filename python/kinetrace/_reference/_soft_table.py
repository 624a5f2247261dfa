"""Definition of soft-DTW, one pair and a batch: value, expected alignment, status."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._reference._dtw_table import EMPTY, INFEASIBLE, NON_FINITE, OK, Float, inside_window
from kinetrace._reference.dtw import _given_costs, _series_costs

#: The three cells before (i, j), as steps back.
_BEFORE = ((1, 1), (1, 0), (0, 1))


class SoftDtw(NamedTuple):
    """Everything about a batch: value (B,), alignment (B,N,M) = d value / d cost, status (B,)."""

    value: Float
    alignment: Float
    status: npt.NDArray[np.int32]


def solve(
    x: Any = None,
    y: Any = None,
    *,
    cost: Any = None,
    gamma: float = 1.0,
    x_lengths: Any = None,
    y_lengths: Any = None,
    metric: str = "sqeuclidean",
    window: float | None = None,
) -> SoftDtw:
    """Value, expected alignment and status of every pair; lengths, window, metric and statuses as in dtw."""
    if cost is None:
        costs = list(_series_costs(x, y, x_lengths, y_lengths, metric))
        rows, columns = np.shape(x)[1], np.shape(y)[1]
    else:
        costs = list(_given_costs(cost, x_lengths, y_lengths))
        rows, columns = np.shape(cost)[1:]
    values, statuses = [], []
    alignment = np.zeros((len(costs), rows, columns))
    for b, pair_cost in enumerate(costs):
        value, expected, status = accumulate(pair_cost, gamma, window)
        alignment[b, : pair_cost.shape[0], : pair_cost.shape[1]] = expected
        values.append(value)
        statuses.append(status)
    return SoftDtw(np.array(values, dtype=np.float64), alignment, np.array(statuses, dtype=np.int32))


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
