"""Piecewise quadratics as others find them: the peers of fit_segments.

Each takes positions (B, T, D), all visible, of weight 1 and at frame times, and the most segments allowed; it returns
the number of segments (B,) and the frames where each later one starts (B, most - 1), -1 where there is none. The
criterion is kinetrace's (noise unknown), without its floor for exact data.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

ORDER = 2
LEAST = ORDER + 2  # points of a segment


def scores(sse: np.ndarray, n: int, dims: int) -> np.ndarray:
    """Criterion of k = 1 .. segments from their least sums of squares (k, B)."""
    k = np.arange(1, len(sse) + 1)[:, None]
    free = k * (ORDER + 1) * dims + 2 * (k - 1)
    values = n * dims
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(sse), values * np.log(sse / (values - free)) + free * np.log(values), np.inf)


@cache
def bases(n: int) -> list[np.ndarray]:
    """Orthonormal quadratics (length, 3) on 0 .. n frames."""
    return [np.linalg.qr(np.vander(np.arange(float(m)), ORDER + 1))[0] for m in range(n + 1)]


def segment_costs(y: np.ndarray, most: int) -> dict[tuple[int, int], np.ndarray]:
    """Sums of squares (B,) of segments: projections on shared bases by matrix products, squares by prefix sums.

    Two segments at most need only those that begin or end the track.
    """
    b, n, _ = y.shape
    whole = bases(n)[n]
    y = y.astype(np.float64)
    y = y - np.einsum("tk,bkd->btd", whole, np.einsum("tk,btd->bkd", whole, y, optimize=True), optimize=True)
    squares = np.concatenate([np.zeros((b, 1)), np.cumsum(np.einsum("btd,btd->bt", y, y), axis=1)], axis=1)
    lanes = np.ascontiguousarray(y.transpose(1, 0, 2)).reshape(n, -1)
    cost = {}
    for i in range(n - LEAST + 1):
        for j in range(i + LEAST, n + 1):
            if most == 2 and i > 0 and j < n:
                continue
            c = bases(n)[j - i].T @ lanes[i:j]
            cost[i, j] = squares[:, j] - squares[:, i] - (c * c).reshape(ORDER + 1, b, -1).sum(axis=(0, 2))
    return cost


def numpy_all_segments(y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The cost of a segment for all tracks at once, then dynamic programming over whole arrays."""
    b, n, dims = y.shape
    cost = segment_costs(y, most)
    best = np.full((most + 1, n + 1, b), np.inf)
    start = np.zeros((most + 1, n + 1, b), np.int64)
    best[0, 0] = 0
    for k in range(1, most + 1):
        for (i, j), c in cost.items():
            total = best[k - 1, i] + c
            better = total < best[k, j]
            best[k, j][better] = total[better]
            start[k, j][better] = i
    count = 1 + np.argmin(scores(best[1:, n], n, dims), axis=0)
    frames = np.full((b, most - 1), -1)
    end, rows = np.full(b, n), np.arange(b)
    for k in range(most, 1, -1):
        active = count >= k
        end = np.where(active, start[k, end, rows], end)
        frames[active, k - 2] = end[active]
    return count, frames


def ruptures_dynp(y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """ruptures' exact search (Dynp) with a quadratic cost, for each number of segments, one track at a time."""
    return _ruptures(y, most, "Dynp")


def ruptures_binseg(y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """ruptures' greedy search (Binseg) with the same cost: not exact."""
    return _ruptures(y, most, "Binseg")


def _ruptures(y: np.ndarray, most: int, search: str) -> tuple[np.ndarray, np.ndarray]:
    import ruptures

    class Quadratic(ruptures.base.BaseCost):  # type: ignore[misc]
        """Sum of squares of a quadratic in time, by projection on a cached basis."""

        model = "quadratic"
        min_size = LEAST

        def fit(self, signal: Any) -> Quadratic:
            self.signal = signal
            return self

        def error(self, start: int, end: int) -> float:
            p = self.signal[start:end]
            q = bases(len(self.signal))[end - start]
            r = p - q @ (q.T @ p)
            return float(np.einsum("td,td->", r, r))

    b, n, dims = y.shape
    count, frames = np.ones(b, np.int64), np.full((b, most - 1), -1)
    for row, track in enumerate(y.astype(np.float64)):
        cost = Quadratic()
        finder = getattr(ruptures, search)(custom_cost=cost, min_size=LEAST, jump=1).fit(track - track.mean(axis=0))
        splits = [finder.predict(n_bkps=k)[:-1] for k in range(1, most)]
        whole = [cost.error(0, n)]
        sse = np.array(whole + [finder.cost.sum_of_costs([*s, n]) for s in splits])[:, None]
        count[row] = 1 + int(np.argmin(scores(sse, n, dims)[:, 0]))
        if count[row] > 1:
            frames[row, : count[row] - 1] = splits[count[row] - 2]
    return count, frames
