"""Soft-DTW as one writes it elsewhere, from its formulas: loops under numba, anti-diagonals in torch."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor


@numba.njit(fastmath=False, cache=False)
def _pair(cost: Any, gamma: float, table: Any) -> float:
    """Accumulates one pair's costs (n,m) in a table (n+2,m+2) of R; returns R of the last cell."""
    n, m = cost.shape
    table[:, :] = np.inf
    table[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            a, b, c = table[i, j], table[i, j + 1], table[i + 1, j]
            low = min(a, b, c)
            total = math.exp((low - a) / gamma) + math.exp((low - b) / gamma) + math.exp((low - c) / gamma)
            table[i + 1, j + 1] = cost[i, j] + low - gamma * math.log(total)
    return table[n, m]


@numba.njit(fastmath=False, cache=False)
def _pair_backward(cost: Any, gamma: float, table: Any, expected: Any) -> None:
    """Expected alignment (n+2,m+2) from R, by the exponentials of its differences."""
    n, m = cost.shape
    expected[:, :] = 0.0
    expected[n, m] = 1.0
    for i in range(n, 0, -1):
        for j in range(m, 0, -1):
            if i == n and j == m:
                continue
            total = 0.0
            for di, dj in ((1, 0), (0, 1), (1, 1)):
                if i + di <= n and j + dj <= m:
                    slack = table[i + di, j + dj] - cost[i + di - 1, j + dj - 1] - table[i, j]
                    total += expected[i + di, j + dj] * math.exp(slack / gamma)
            expected[i, j] = total


@numba.njit(fastmath=False, cache=False)
def numba_soft_dtw(x: Any, y: Any, gamma: float, gradient: Any) -> Any:
    """Values (B,) of x (B,N,D) and y (B,M,D); fills gradient (B,N,D) with d value / d x unless it is empty."""
    batch, n, dims = x.shape
    m = y.shape[1]
    table, expected, cost = np.empty((n + 2, m + 2)), np.empty((n + 2, m + 2)), np.empty((n, m))
    values = np.empty(batch)
    for b in range(batch):
        for i in range(n):
            for j in range(m):
                total = 0.0
                for d in range(dims):
                    total += (x[b, i, d] - y[b, j, d]) ** 2
                cost[i, j] = total
        values[b] = _pair(cost, gamma, table)
        if len(gradient):
            _pair_backward(cost, gamma, table, expected)
            for i in range(n):
                for d in range(dims):
                    total = 0.0
                    for j in range(m):
                        total += 2 * expected[i + 1, j + 1] * (x[b, i, d] - y[b, j, d])
                    gradient[b, i, d] = total
    return values


def torch_soft_dtw(x: Tensor, y: Tensor, gamma: float) -> Tensor:
    """Anti-diagonals of all pairs at once, autograd for the gradient."""
    batch, n, _ = x.shape
    m = y.shape[1]
    cost = (x[:, :, None] - y[:, None]).square().sum(-1)
    infinite = x.new_full((batch, 1), 1e10)
    rows = torch.arange(n)
    before, last = x.new_full((batch, n + 1), 1e10), x.new_full((batch, n + 1), 1e10)
    before[:, 0] = 0
    for k in range(n + m - 1):
        first, end = max(0, k - m + 1), min(n, k + 1)
        i = rows[first:end]
        choices = torch.stack([before[:, first:end], last[:, first:end], last[:, first + 1 : end + 1]])
        value = cost[:, i, k - i] - gamma * torch.logsumexp(-choices / gamma, 0)
        row = torch.cat([infinite.expand(-1, first + 1), value, infinite.expand(-1, n - end)], 1)
        before, last = last, row
    return last[:, n]
