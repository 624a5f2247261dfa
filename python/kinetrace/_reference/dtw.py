"""Definition of hard DTW: accumulated cost, its best path, and what is read off them. See _dtw_table.py for one pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._reference._dtw_table import EMPTY, INFEASIBLE, OK, Float, Table, accumulate, local_costs, path_to

Ints = npt.NDArray[np.int32]


class DtwResult(NamedTuple):
    """distance (B,), path (B,P,2) padded with -1, path_lengths (B,), status (B,)."""

    distance: Float
    path: Ints
    path_lengths: Ints
    status: Ints


class Pair(NamedTuple):
    """One pair of sequences, aligned."""

    n: int
    m: int
    table: Table
    status: int
    end: int  # column in which the best path ends, where status is OK


def dtw(
    x: Any,
    y: Any,
    *,
    x_lengths: Any = None,
    y_lengths: Any = None,
    metric: Any = "sqeuclidean",
    step: Any = "symmetric1",
    window: float | None = None,
    subsequence: bool | str = False,
    normalize: str | None = None,
    return_path: bool = False,
) -> Any:
    """Distance of each pair of x (B,N[,D]) and y (B or 1,M[,D]), and its path.

    Returns:
        (B,), or DtwResult. The distance is the accumulated cost in which the best path ends; with a free end the
        smallest of the last row, the first of equal ones. It is +inf where no path exists (status INFEASIBLE) and NaN
        where a sequence is empty (EMPTY) or a value is not finite (NON_FINITE). Normalised: over n, m, n + m, or the
        number of cells on the path.
    """
    costs = _series_costs(x, y, x_lengths, y_lengths, metric)
    return _distances(costs, step, window, subsequence, normalize, return_path)


def dtw_from_cost(
    cost: Any,
    *,
    x_lengths: Any = None,
    y_lengths: Any = None,
    step: Any = "symmetric1",
    window: float | None = None,
    subsequence: bool | str = False,
    normalize: str | None = None,
    return_path: bool = False,
) -> Any:
    """The same on given costs (B,N,M); +inf forbids a cell, NaN and -inf inside the window are NON_FINITE."""
    costs = _given_costs(cost, x_lengths, y_lengths)
    return _distances(costs, step, window, subsequence, normalize, return_path)


def dtw_matrix(xs: Any, ys: Any = None, *, x_lengths: Any = None, y_lengths: Any = None, **options: Any) -> Float:
    """Distances (Bx,By) of every sequence of xs to every one of ys, or of xs."""
    if ys is None:
        ys, y_lengths = xs, x_lengths
    rows = []
    for b in range(len(xs)):
        own = None if x_lengths is None else np.repeat(np.asarray(x_lengths)[b], len(ys))
        same = np.broadcast_to(np.asarray(xs)[b], (len(ys), *np.shape(xs)[1:]))
        rows.append(dtw(same, ys, x_lengths=own, y_lengths=y_lengths, **options))
    return np.array(rows, dtype=np.float64).reshape(len(xs), len(ys))


def dtw_curve(
    x: Any = None,
    y: Any = None,
    *,
    cost: Any = None,
    x_lengths: Any = None,
    y_lengths: Any = None,
    metric: Any = "sqeuclidean",
    step: Any = "symmetric1",
    window: float | None = None,
    subsequence: bool | str = True,
    normalize: str | None = None,
) -> Float:
    """Last row (B,M) of the accumulated cost, +inf beyond the length; NaN where the status is not OK or INFEASIBLE."""
    if cost is None:
        costs, columns = _series_costs(x, y, x_lengths, y_lengths, metric), np.shape(y)[1]
    else:
        costs, columns = _given_costs(cost, x_lengths, y_lengths), np.shape(cost)[2]
    curves = []
    for pair in _aligned(costs, step, window, subsequence):
        row = np.full(columns, np.nan if pair.status not in (OK, INFEASIBLE) else np.inf)
        if pair.status in (OK, INFEASIBLE):
            for j in range(pair.m):
                row[j] = pair.table.value[-1, j] / _divisor(normalize, pair, 0)
        curves.append(row)
    return np.array(curves).reshape(len(curves), columns)


def dtw_rewards(
    x: Any = None,
    y: Any = None,
    *,
    cost: Any = None,
    x_lengths: Any = None,
    y_lengths: Any = None,
    metric: Any = "sqeuclidean",
    step: Any = "symmetric1",
    window: float | None = None,
    subsequence: bool | str = False,
) -> Float:
    """Per-step rewards (B,N): minus the mean cost of the cells of the best path in row i.

    NaN for a row that the path skips and for a pair without a path, 0 beyond the length.
    """
    if cost is None:
        costs, rows = _series_costs(x, y, x_lengths, y_lengths, metric), np.shape(x)[1]
    else:
        costs, rows = _given_costs(cost, x_lengths, y_lengths), np.shape(cost)[1]
    rewards = []
    for pair in _aligned(costs, step, window, subsequence):
        reward = np.zeros(rows)
        reward[: max(pair.n, 0)] = np.nan
        if pair.status != OK:
            reward[:] = np.nan
        else:
            cells = path_to(pair.table, pair.end)
            for i in range(pair.n):
                partners = [pair.table.cost[i, j] for k, j in cells if k == i]
                if partners:
                    reward[i] = -sum(partners) / len(partners)
        rewards.append(reward)
    return np.array(rewards).reshape(len(rewards), rows)


def _distances(
    costs: Iterator[Float], step: Any, window: float | None, subsequence: bool | str, normalize: str | None, paths: bool
) -> Any:
    distance, found, status = [], [], []
    for pair in _aligned(costs, step, window, subsequence):
        cells = path_to(pair.table, pair.end) if pair.status == OK else []
        value = np.inf if pair.status == INFEASIBLE else np.nan
        if pair.status == OK:
            value = pair.table.value[-1, pair.end] / _divisor(normalize, pair, len(cells))
        distance.append(value)
        found.append(cells)
        status.append(pair.status)
    if not paths:
        return np.array(distance)
    lengths = np.array([len(cells) for cells in found], dtype=np.int32)
    path = np.full((len(found), lengths.max(initial=0), 2), -1, dtype=np.int32)
    for b, cells in enumerate(found):
        path[b, : len(cells)] = np.reshape(cells, (-1, 2))
    return DtwResult(np.array(distance), path, lengths, np.array(status, dtype=np.int32))


def _divisor(normalize: str | None, pair: Pair, cells: int) -> float:
    return {None: 1, "x": pair.n, "y": pair.m, "sum": pair.n + pair.m, "path": cells}[normalize]


def _aligned(costs: Iterator[Float], step: Any, window: float | None, subsequence: bool | str) -> Iterator[Pair]:
    free_start, free_end = subsequence in (True, "start"), subsequence in (True, "end")
    for cost in costs:
        n, m = cost.shape
        table = accumulate(cost, step, window, free_start)
        status, end = (EMPTY, 0) if n == 0 or m == 0 else (table.status, m - 1)
        if status == OK:
            end = int(np.argmin(table.value[-1])) if free_end else m - 1
            if table.value[-1, end] == np.inf:
                status = INFEASIBLE
        yield Pair(n, m, table, status, end)


def _lengths(given: Any, count: int, extent: int) -> list[int]:
    if given is None:
        return [extent] * count
    return [int(length) for length in np.broadcast_to(np.asarray(given), (count,))]


def _given_costs(cost: Any, x_lengths: Any, y_lengths: Any) -> Iterator[Float]:
    cost = np.asarray(cost, dtype=np.float64)
    count, rows, columns = cost.shape
    for b, n, m in zip(
        range(count), _lengths(x_lengths, count, rows), _lengths(y_lengths, count, columns), strict=True
    ):
        yield cost[b, :n, :m]


def _series_costs(
    x: Any, y: Any, x_lengths: Any, y_lengths: Any, metric: str | Callable[[Float, Float], float]
) -> Iterator[Float]:
    x, y = (np.asarray(a, dtype=np.float64) for a in (x, y))
    x, y = (a[:, :, None] if a.ndim == 2 else a for a in (x, y))
    count = max(len(x), len(y)) if len(x) and len(y) else 0
    ns, ms = _lengths(x_lengths, count, x.shape[1]), _lengths(y_lengths, count, y.shape[1])
    for b in range(count):
        yield local_costs(x[b % len(x)][: ns[b]], y[b % len(y)][: ms[b]], metric)
