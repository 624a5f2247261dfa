"""Pairs alone, which have a kernel of their own where the pattern allows: the bits of pairs in company, for any threads."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _testing

DTYPES = [np.float32, np.float64]
LEVELS = [name for name in _testing.backends() if name.startswith("cpu")]


def _pair(dtype: Any, shape: tuple[int, int, int]) -> Any:
    rng = np.random.default_rng(sum(shape))
    n, m, coordinates = shape
    return [rng.normal(size=(1, k, coordinates)).astype(dtype) for k in (n, m)]


def _crowd(arrays: Any) -> Any:
    """Enough copies that they go side by side."""
    return [np.repeat(a, 6, axis=0) for a in arrays]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "l1"])
@pytest.mark.parametrize("shape", [(64, 1, 1), (65, 64, 1), (33, 200, 3), (500, 40, 2), (127, 128, 1)])
def test_alone_is_as_in_company(shape: tuple[int, int, int], metric: str, level: str, dtype: Any) -> None:
    pair = _pair(dtype, shape)
    with _testing.use_backend(level):
        for free in (False, True, "start", "end"):
            options = {"metric": metric, "subsequence": free}
            alone = kt.dtw(*pair, return_path=True, **options)
            crowd = kt.dtw(*_crowd(pair), return_path=True, **options)
            assert alone.status.tolist() == [0]
            for b in (0, 5):
                assert_same_bits(alone, kt.DtwResult(*(field[b : b + 1] for field in crowd)))
            assert_same_bits(kt.dtw(*pair, **options), alone.distance)
            curve = kt.dtw_curve(*pair, **options)
            assert_same_bits(curve, kt.dtw_curve(*_crowd(pair), **options)[:1])


@pytest.mark.parametrize("limit", [1, 5000, 60_000])
def test_long_paths_in_pieces(limit: int) -> None:
    pair = _pair(np.float32, (700, 333, 1))
    whole = kt.dtw(*pair, return_path=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["kinetrace.dtw"], "DIRECTION_BYTES", limit)
        assert_same_bits(kt.dtw(*pair, return_path=True), whole)
        assert_same_bits(kt.dtw(*pair, return_path=True, subsequence=True), _crowd_path(pair))


def _crowd_path(pair: Any) -> kt.DtwResult:
    result = kt.dtw(*_crowd(pair), return_path=True, subsequence=True)
    return kt.DtwResult(*(field[:1] for field in result))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
def test_a_pair_over_several_threads(level: str, dtype: Any) -> None:
    with _testing.use_backend(level):
        for shape in ((1500, 1100, 1), (1024, 2000, 2)):
            pair = _pair(dtype, shape)
            crowd = kt.dtw(*_crowd(pair), num_threads=1)[:1]
            for threads in (1, 2, 3, 7):
                assert_same_bits(kt.dtw(*pair, num_threads=threads), crowd)
                both = kt.dtw_matrix(np.repeat(pair[0], 2, axis=0), num_threads=threads)
                assert (both == 0).all()
                curve = kt.dtw_curve(*pair, num_threads=threads)
                assert_same_bits(curve, kt.dtw_curve(*_crowd(pair), num_threads=1)[:1])


def test_bad_and_overflowing_samples_of_long_pairs() -> None:
    for threads in (1, 2):
        x, y = _pair(np.float32, (1200, 1100, 1))
        assert np.isfinite(kt.dtw(x, y, num_threads=threads)).all()
        for array, at in ((x, 1199), (y, 0)):
            kept = array[0, at].copy()
            array[0, at] = np.nan
            assert np.isnan(kt.dtw(x, y, num_threads=threads)).all()
            assert kt.dtw(x, y, num_threads=threads, return_path=True).status.tolist() == [2]
            array[0, at] = 1e30
            assert np.isnan(kt.dtw(x, y, num_threads=threads)).all()
            assert np.isfinite(kt.dtw(x, y, num_threads=threads, metric="l1")).all()
            array[0, at] = kept


def test_empty_tensors_have_statuses_too() -> None:
    # Torch gives empty tensors no address.
    result = kt.dtw(torch.zeros(2, 3), torch.zeros(2, 0), return_path=True)
    assert result.status.tolist() == [6, 6]
    assert result.path_lengths.tolist() == [0, 0]
    assert result.path.shape == (2, 0, 2)
    assert kt.dtw_rewards(torch.zeros(2, 3), torch.zeros(2, 0)).isnan().all()
    assert kt.dtw_matrix(torch.zeros(0, 3)).shape == (0, 0)
