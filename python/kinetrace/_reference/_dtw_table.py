"""Definition of DTW, one pair: local costs, step patterns, windows, the accumulated cost and its paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

# The numbers of kinetrace.Status; written out so that the definitions depend on nothing but NumPy.
OK, NON_FINITE, INFEASIBLE, EMPTY = 0, 2, 5, 6

# Steps (di, dj, weight); their order breaks ties.
PATTERNS: dict[str, list[tuple[int, int, float]]] = {
    "symmetric1": [(1, 1, 1), (1, 0, 1), (0, 1, 1)],
    "symmetric2": [(1, 1, 2), (1, 0, 1), (0, 1, 1)],
    "asymmetric": [(1, 1, 1), (1, 0, 1), (1, 2, 1)],
    "classic_jump": [(1, 1, 1), (1, 0, 1), (0, 1, 1), (1, 2, 1)],
    "sequential": [(1, 1, 1)],
    "sequential_jump": [(1, 1, 1), (1, 2, 1)],
    "sigma21": [(1, 1, 1), (2, 1, 1), (1, 2, 1)],
}


class Table(NamedTuple):
    """One pair's costs and what they accumulate to."""

    cost: Float  # (n,m)
    value: Float  # (n,m), +inf where no path leads
    came_from: npt.NDArray[np.int64]  # (n,m,2): the cell before; -1 where a path starts
    status: int  # NON_FINITE when a cost inside the window is NaN or -inf, else OK


def local_cost(x: Float, y: Float, metric: str | Callable[[Float, Float], float]) -> float:
    """Cost of two samples (D,): a function's value, or one of five metrics.

    sqeuclidean |x - y|^2, euclidean |x - y|, l1 sum |x_d - y_d|, cosine 1 - x.y / (|x| |y|) but at least 0, and 1 where
    a norm is 0 (kinetrace's choice), dot -x.y (kinetrace's choice of sign: more alike is cheaper).
    """
    if callable(metric):
        return float(metric(x, y))
    difference = x - y
    if metric == "sqeuclidean":
        return float(difference @ difference)
    if metric == "euclidean":
        return float(np.sqrt(difference @ difference))
    if metric == "l1":
        return float(np.abs(difference).sum())
    if metric == "dot":
        return float(-(x @ y))
    norms = float(np.sqrt(x @ x) * np.sqrt(y @ y))
    return max(0.0, 1 - float(x @ y) / norms) if norms else 1.0


def local_costs(x: Float, y: Float, metric: str | Callable[[Float, Float], float]) -> Float:
    """Costs (n,m) of the samples of x (n,D) and y (m,D); NaN all over when a sample is not finite."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.full((len(x), len(y)), np.nan)
    return np.array([[local_cost(a, b, metric) for b in y] for a in x], dtype=np.float64).reshape(len(x), len(y))


def inside_window(i: int, j: int, n: int, m: int, window: float | None) -> bool:
    """Whether cell (i, j) is at most r samples of the shorter sequence away from the line between the corners.

    r is the window, or for a float that fraction of the shorter sequence, cut to the longer one. For n = m: |i - j| <=
    r. For n != m r is at least 1/2, so that the cells nearest to the line are inside (kinetrace's choice).
    """
    if window is None:
        return True
    r = min(window * min(n, m) if isinstance(window, float) else float(window), float(max(n, m)))
    r = max(r, 0.5) if n != m else r
    return bool(2 * abs(i * (m - 1) - j * (n - 1)) <= np.floor(2 * r * (max(n, m) - 1)))


def accumulate(cost: Float, step: Any, window: float | None, free_start: bool) -> Table:
    """D[i,j] = min over steps (di,dj,w) of D[i-di,j-dj] + w C[i,j], and which step was taken.

    Start: D[0,0] = C[0,0]; with a free start D[0,j] = C[0,j] for every j, and no steps lead into row 0. Cells outside
    the window or of infinite cost are unreachable. Ties: steps of one weight are a group; a group offers its first
    step with the smallest D before it, and the first group with the smallest D after it is taken.
    """
    n, m = cost.shape
    steps = PATTERNS[step] if isinstance(step, str) else getattr(step, "steps", step)
    weights = list(dict.fromkeys(weight for _, _, weight in steps))
    value = np.full((n, m), np.inf)
    came_from = np.full((n, m, 2), -1, dtype=np.int64)
    status = OK
    for i in range(n):
        for j in range(m):
            if not inside_window(i, j, n, m, window):
                continue
            if np.isnan(cost[i, j]) or cost[i, j] == -np.inf:
                status = NON_FINITE
                continue
            if cost[i, j] == np.inf:
                continue
            if i == 0 and (free_start or j == 0):
                value[i, j] = cost[i, j]
                continue
            for weight in weights:
                before = [
                    (value[i - di, j - dj], k)
                    for k, (di, dj, w) in enumerate(steps)
                    if w == weight and i >= di and j >= dj
                ]
                smallest, taken = min(before, default=(np.inf, -1))
                after = smallest + weight * cost[i, j]
                if after < value[i, j]:
                    value[i, j] = after
                    came_from[i, j] = i - steps[taken][0], j - steps[taken][1]
    return Table(cost, value, came_from, status)


def path_to(table: Table, end: int) -> list[tuple[int, int]]:
    """Cells of the best path into the last row's column `end`, from its start."""
    cells = []
    i, j = len(table.value) - 1, end
    while i >= 0:
        cells.append((i, j))
        i, j = (int(k) for k in table.came_from[i, j])
    return cells[::-1]
