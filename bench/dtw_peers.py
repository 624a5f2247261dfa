"""DTW as other libraries offer it: the peers of dtw. None of them takes a batch of pairs; each is a loop over pairs.

Each takes x (B, N), y (B, M) and returns the distances as kinetrace defines them: sums of squares, no root.
dtaidistance, tslearn and aeon are optional (pip install dtaidistance tslearn aeon): without them their rows are left
out. They compute in float64 whatever they are given.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np

Peer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def numpy_diagonals(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All pairs together, antidiagonal by antidiagonal: what NumPy does best."""
    b, n = x.shape
    m = y.shape[1]
    before = np.full((b, n + 1), np.inf, x.dtype)
    last = before.copy()
    before[:, 0] = 0
    reversed_y = y[:, ::-1]
    for d in range(n + m - 1):
        low, high = max(0, d - m + 1), min(n, d + 1)
        cost = x[:, low:high] - reversed_y[:, m - 1 - d + low : m - 1 - d + high]
        row = np.full((b, n + 1), np.inf, x.dtype)
        smallest = np.minimum(np.minimum(before[:, low:high], last[:, low:high]), last[:, low + 1 : high + 1])
        row[:, low + 1 : high + 1] = smallest + cost * cost
        before, last = last, row
    return last[:, n]


def dtaidistance_loop(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from dtaidistance import dtw

    x, y = x.astype(np.float64), y.astype(np.float64)
    return np.array([dtw.distance_fast(a, b) for a, b in zip(x, y, strict=True)]) ** 2


def tslearn_loop(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from tslearn.metrics import dtw

    x, y = x.astype(np.float64), y.astype(np.float64)
    return np.array([dtw(a, b) for a, b in zip(x, y, strict=True)]) ** 2


def aeon_loop(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from aeon.distances import dtw_distance

    x, y = x.astype(np.float64), y.astype(np.float64)
    return np.array([dtw_distance(a, b) for a, b in zip(x, y, strict=True)])


def dtaidistance_matrix(xs: np.ndarray) -> np.ndarray:
    from dtaidistance import dtw

    return np.asarray(dtw.distance_matrix_fast(xs.astype(np.float64), parallel=False)) ** 2


def aeon_matrix(xs: np.ndarray) -> np.ndarray:
    from aeon.distances import dtw_pairwise_distance

    return dtw_pairwise_distance(xs.astype(np.float64))


def installed(peers: dict[str, Callable[..., np.ndarray]]) -> dict[str, Callable[..., np.ndarray]]:
    """Those whose library, the first word of the name, is there."""
    return {name: peer for name, peer in peers.items() if importlib.util.find_spec(name.split()[0])}


LOOPS: dict[str, Callable[..., np.ndarray]] = {
    "dtaidistance loop": dtaidistance_loop,
    "aeon loop": aeon_loop,
    "tslearn loop": tslearn_loop,
}
MATRICES: dict[str, Callable[..., np.ndarray]] = {
    "dtaidistance matrix": dtaidistance_matrix,
    "aeon matrix": aeon_matrix,
}
