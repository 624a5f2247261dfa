"""dtw beside other libraries and beside the instruction roof: the arithmetic of the same cells in registers alone.

The contender "roof float32" or "roof float64" is that arithmetic (for fused costs, that of the coordinates), so that
its time over kinetrace's is the share of the roof. GCUPS are problems_per_s times the cells of a pair / 1e9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import dtw_peers as peers
import kinetrace as kt
from kinetrace import _cpu
from measure import Case, Comparison, Contender

SAMPLE = 6  # pairs whose answers are compared with the definition


@dataclass
class Series:
    """One round's pairs."""

    x: np.ndarray  # (B, N) or (B, N, D) float32
    y: np.ndarray
    x_lengths: np.ndarray | None = None
    y_lengths: np.ndarray | None = None
    cost: np.ndarray | None = None  # (B, N, M) float32
    doubles: dict[str, np.ndarray] = field(default_factory=dict)

    def as_dtype(self, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        if dtype == "float32":
            return self.x, self.y
        return self.doubles["x"], self.doubles["y"]


def make_series(seed: int, pairs: int, n: int, dims: int = 0, shortest: int = 0, given: bool = False) -> Series:
    rng = np.random.default_rng(seed)
    shape = (pairs, n, dims) if dims else (pairs, n)
    x, y = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    series = Series(x, y, doubles={"x": x.astype(np.float64), "y": y.astype(np.float64)})
    if shortest:
        series.x_lengths, series.y_lengths = rng.integers(shortest, n + 1, (2, pairs))
    if given:
        series.cost = np.square(x[:, :, None] - y[:, None, :])
    return series


def truth(series: Series, pair: int, other: int | None = None) -> float:
    """Distance of one pair in float64, antidiagonal by antidiagonal."""
    x, y = series.x[pair].astype(np.float64), series.y[pair if other is None else other].astype(np.float64)
    if series.x_lengths is not None and series.y_lengths is not None:
        x, y = x[: series.x_lengths[pair]], y[: series.y_lengths[pair]]
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    cost = np.square(x[:, None] - y[None]).sum(axis=2)
    if series.cost is not None:
        cost = series.cost[pair].astype(np.float64)
    n, m = cost.shape
    before, last = np.full((2, n + 1), np.inf)  # by row; row i of the table is at i + 1
    before[0] = 0
    for d in range(n + m - 1):
        i = np.arange(max(0, d - m + 1), min(n, d + 1))
        here = np.full(n + 1, np.inf)
        here[i + 1] = cost[i, d - i] + np.minimum(np.minimum(before[i], last[i]), last[i + 1])
        before, last = last, here
    return float(last[n])


def check(name: str, series: Series, answer: Any) -> None:
    if "roof" in name:
        return
    distance = answer.distance if hasattr(answer, "distance") else answer
    chosen = np.random.default_rng(1).integers(0, len(distance), SAMPLE)
    want = [truth(series, int(k)) for k in chosen]
    np.testing.assert_allclose(distance[chosen], want, rtol=3e-5, err_msg=name)
    if hasattr(answer, "path"):
        check_paths(series, answer, chosen)


def check_paths(series: Series, answer: Any, chosen: np.ndarray) -> None:
    """The costs along a path add up to its distance; it starts and ends in the corners."""
    for k in chosen:
        i, j = answer.path[k, : answer.path_lengths[k]].T
        assert i[0] == j[0] == 0
        assert (answer.path[k, answer.path_lengths[k] :] == -1).all()
        assert set(zip(np.diff(i), np.diff(j), strict=True)) <= {(1, 1), (1, 0), (0, 1)}
        along = np.square(series.x[k, i].astype(np.float64) - series.y[k, j]).sum()
        np.testing.assert_allclose(along, answer.distance[k], rtol=3e-5)


def check_matrix(name: str, series: Series, answer: Any) -> None:
    if "roof" in name:
        return
    rows, columns = np.sort(np.random.default_rng(1).integers(0, len(answer), (2, SAMPLE)), axis=0)
    want = [truth(series, int(i), int(j)) for i, j in zip(rows, columns, strict=True)]
    keep = rows < columns  # some libraries leave the diagonal infinite
    np.testing.assert_allclose(answer[rows, columns][keep], np.array(want)[keep], rtol=3e-5, atol=1e-6, err_msg=name)


def ours(dtype: str = "float32", **options: Any) -> Callable[[Series], Any]:
    def run(series: Series) -> Any:
        x, y = series.as_dtype(dtype)
        lengths = {"x_lengths": series.x_lengths, "y_lengths": series.y_lengths}
        return kt.dtw(x, y, **lengths, num_threads=1, **options)

    return run


def roof(dtype: str, cells: int, coordinates: bool = False) -> Callable[[Series], Any]:
    return lambda _: _cpu.dtw_roof(dtype == "float64", coordinates, cells)


def with_roofs(cells: int, **options: Any) -> dict[str, Any]:
    contenders: dict[str, Any] = {}
    for dtype in ("float32", "float64"):
        contenders[f"kinetrace {dtype}"] = ours(dtype, **options)
        contenders[f"roof {dtype}"] = roof(dtype, cells)
    return contenders


def looped(pairs: int, cells: int) -> dict[str, Contender]:
    """The peers on about 2 million cells, multiplied up."""
    rows = max(1, min(pairs, 2_000_000 // (cells // pairs)))
    return {
        name: Contender(lambda s, peer=peer: peer(s.x[:rows], s.y[:rows]), scale=pairs / rows, max_rounds=4)
        for name, peer in peers.installed(peers.LOOPS).items()
    }


def case_pairs(quick: bool = False) -> Case:
    """4,096 pairs of 128 samples."""
    pairs, n = (64 if quick else 4096), 128
    contenders = with_roofs(pairs * n * n)
    contenders["numpy diagonals"] = Contender(lambda s: peers.numpy_diagonals(s.x, s.y), max_rounds=2)
    contenders.update(looped(pairs, pairs * n * n))
    return Case("dtw/pairs", contenders, lambda seed: make_series(seed, pairs, n), check, problems=pairs)


def case_long(quick: bool = False) -> Case:
    """64 pairs of 1,024 samples, distances and paths."""
    pairs, n = (4 if quick else 64), (200 if quick else 1024)
    contenders = with_roofs(pairs * n * n)
    contenders["kinetrace float32 paths"] = ours(return_path=True)
    contenders["kinetrace float64 paths"] = ours("float64", return_path=True)
    contenders.update(looped(pairs, pairs * n * n))
    return Case("dtw/long", contenders, lambda seed: make_series(seed, pairs, n), check, problems=pairs)


def case_matrix(quick: bool = False) -> Case:
    """512 series of 100 samples, all pairs once."""
    count, n = (24 if quick else 512), 100
    pairs = count * (count + 1) // 2

    def matrix(dtype: str) -> Callable[[Series], Any]:
        return lambda s: kt.dtw_matrix(s.as_dtype(dtype)[0], num_threads=1)

    contenders: dict[str, Any] = {}
    for dtype in ("float32", "float64"):
        contenders[f"kinetrace {dtype}"] = matrix(dtype)
        contenders[f"roof {dtype}"] = roof(dtype, pairs * n * n)
    for name, peer in peers.installed(peers.MATRICES).items():
        contenders[name] = Contender(lambda s, peer=peer: peer(s.x), max_rounds=2)

    def inputs(seed: int) -> Series:
        series = make_series(seed, count, n)
        series.y = series.x
        return series

    return Case("dtw/matrix", contenders, inputs, check_matrix, problems=pairs)


def case_ragged(quick: bool = False) -> Case:
    """4,096 pairs with lengths from 5 to 40; the roof counts the cells that they have on average."""
    pairs, n = (64 if quick else 4096), 40
    mean_cells = int(pairs * 22.5**2)
    contenders = with_roofs(mean_cells)
    contenders["kinetrace float32 paths"] = Contender(ours(return_path=True))

    def check_distances(name: str, series: Series, answer: Any) -> None:
        check(name, series, answer.distance if hasattr(answer, "distance") else answer)

    return Case(
        "dtw/ragged", contenders, lambda seed: make_series(seed, pairs, n, shortest=5), check_distances, problems=pairs
    )


def case_fused(quick: bool = False) -> Case:
    """4,096 pairs of 32 samples of 64 coordinates; the roof is that of the coordinates."""
    pairs, n, dims = (32 if quick else 4096), 32, 64
    contenders = {
        "kinetrace": ours(),
        "roof float32": roof("float32", pairs * n * n * dims, coordinates=True),
    }
    return Case(
        "dtw/fused", contenders, lambda seed: make_series(seed, pairs, n, dims), check, problems=pairs,
        bytes_read=pairs * n * dims * 8,
    )  # fmt: skip


def case_given(quick: bool = False) -> Case:
    """2,048 given cost matrices of 128 x 128, read from memory."""
    pairs, n = (32 if quick else 2048), 128
    contenders = {"kinetrace": lambda s: kt.dtw_from_cost(s.cost, num_threads=1)}
    return Case(
        "dtw/given", contenders, lambda seed: make_series(seed, pairs, n, given=True), check, problems=pairs,
        bytes_read=pairs * n * n * 4,
    )  # fmt: skip


def case_work(quick: bool = False) -> Case:
    """All pairs on two threads against one, by processor time, that of two threads halved."""
    count, n = (24 if quick else 512), 100
    contenders: dict[str, Any] = {
        "kinetrace 1 thread": lambda s: kt.dtw_matrix(s.x, num_threads=1),
        "kinetrace 2 threads": Contender(lambda s: kt.dtw_matrix(s.x, num_threads=2), scale=0.5),
    }

    def inputs(seed: int) -> Series:
        series = make_series(seed, count, n)
        series.y = series.x
        return series

    return Case("dtw/work", contenders, inputs, check_matrix, problems=count * (count + 1) // 2, threads=2)


CASES = {
    "pairs": case_pairs,
    "long": case_long,
    "matrix": case_matrix,
    "ragged": case_ragged,
    "fused": case_fused,
    "given": case_given,
    "work": case_work,
}


@pytest.mark.parametrize("name", list(CASES))
def test_dtw(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick))
