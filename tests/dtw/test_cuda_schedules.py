"""Hard DTW on CUDA, under emulation: every schedule, forced in turn, gives the CPU's bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _testing

# Columns per lane, lanes, warps of one pair; 0: one thread per pair. "": the library's own choice.
SCHEDULES = ("", "0,1,1", "4,1,1", "4,8,1", "4,32,1", "16,1,1", "16,4,1", "16,32,1", "4,32,2", "16,32,2")
STEPS = ("symmetric1", "symmetric2", "sequential", kt.StepPattern([(0, 1, 0.5), (1, 0, 1.0), (1, 1, 0.0)]))
SHAPES = ((7, 9, 12), (3, 35, 150), (2, 4, 1100))  # pairs, N, M


@pytest.fixture(params=SCHEDULES)
def schedule(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if "cuda_emu" not in _testing.backends():
        pytest.skip("kinetrace was built without the emulation (KINETRACE_EMU)")
    monkeypatch.setenv("KINETRACE_DTW_TEAM", request.param)
    return str(request.param)


def assert_agree(call: Any) -> None:
    results = []
    for name in (_testing.backends()[0], "cuda_emu"):
        with _testing.use_backend(name):
            results.append(call())
    want, got = (r if isinstance(r, tuple) else (r,) for r in results)
    for one, other in zip(got, want, strict=True):
        assert_same_bits(one, other)


def pairs(shape: tuple[int, int, int], dims: int, dtype: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Samples of which many are equal, lengths from 0 to all."""
    rng = np.random.default_rng(sum(shape) + dims)
    count, rows, columns = shape
    x, y = (rng.normal(size=(count, n, dims)).round(1).astype(dtype) for n in (rows, columns))
    lengths = {"x_lengths": rng.integers(2, rows + 1, count), "y_lengths": rng.integers(2, columns + 1, count)}
    lengths["x_lengths"][0], lengths["y_lengths"][1] = rows, columns
    if count > 5:
        lengths["x_lengths"][2:4], lengths["y_lengths"][4:6] = (0, 1), (0, 1)
        x[1, lengths["x_lengths"][1] - 1] = np.nan
    return x, y, lengths


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_series(schedule: str, shape: tuple[int, int, int], dtype: Any) -> None:
    x, y, lengths = pairs(shape, 1, dtype)
    for metric, window, subsequence in (
        ("sqeuclidean", None, True),
        ("sqeuclidean", 3, False),
        ("l1", None, "end"),
        ("l1", 0.4, "start"),
    ):
        options = {"metric": metric, "window": window, "subsequence": subsequence, **lengths}
        assert_agree(lambda o=options: kt.dtw(x, y, **o))
        assert_agree(lambda o=options: kt.dtw(x, y, return_path=True, normalize="path", **o))
        assert_agree(lambda o=options: kt.dtw_curve(x, y, **o))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_patterns_and_metrics(schedule: str, step: Any, dtype: Any) -> None:
    x, y, lengths = pairs((7, 9, 40), 3, dtype)
    for metric in ("sqeuclidean", "euclidean", "l1", "cosine", "dot"):
        options = {"metric": metric, "step": step, "subsequence": metric != "dot", **lengths}
        assert_agree(lambda o=options: kt.dtw(x, y, return_path=True, **o))
        assert_agree(lambda o=options: kt.dtw_rewards(x, y, window=4, **o))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_given_costs_with_infinities(schedule: str, step: Any, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    cost = rng.normal(size=(9, 11, 37)).round(1).astype(dtype)
    cost[rng.uniform(size=cost.shape) < 0.2] = np.inf
    cost[0, 5], cost[1, 3, 3] = np.inf, np.nan
    cost[2] = np.finfo(dtype).max
    for options in ({}, {"subsequence": True}, {"window": 2}):
        assert_agree(lambda o=options: kt.dtw_from_cost(cost, step=step, return_path=True, **o))
        assert_agree(lambda o=options: kt.dtw_curve(cost=cost, step=step, **o))


def test_overflow_is_not_infeasible(schedule: str) -> None:
    x = np.full((2, 3, 1), 3e38, np.float32)
    assert_agree(lambda: kt.dtw(x, -x, return_path=True))
    with _testing.use_backend("cuda_emu"):
        result = kt.dtw(x, -x, return_path=True)
    assert (result.status == kt.Status.NON_FINITE).all()


def test_all_pairs(schedule: str) -> None:
    x, _, lengths = pairs((7, 33, 33), 1, np.float32)
    assert_agree(lambda: kt.dtw_matrix(x, x_lengths=lengths["x_lengths"]))
