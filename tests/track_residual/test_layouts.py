"""track_residual over back ends, sizes and memory layouts: always the same bits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _testing

NORMS = ["squared", "abs", "signed"]
REDUCTIONS = ["mean", "mean_elements", "sum", "none"]


def _inputs(dtype: Any, dims: int, count: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(dims)
    positions = (rng.normal(size=(2, 40, count, dims)).cumsum(axis=1) * 3).astype(dtype)
    return positions, rng.uniform(size=(2, 40, count)) < 0.9


def _both(positions: Any, visible: Any, norm: str, reduction: str, **more: Any) -> dict[str, Any]:
    options = {"visible": visible, "norm": norm, "reduction": reduction, "dt": 0.3, **more}
    value = kt.track_residual(positions, **options)
    upstream = np.random.default_rng(0).normal(size=value.shape).astype(positions.dtype)
    return {"value": value, "gradient": _testing.backward("track_residual", positions, upstream, **options)}


def _assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, array in one.items():
        assert_same_bits(array, other[name])


@pytest.mark.parametrize("dims", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_back_end_has_the_same_bits(dtype: Any, dims: int) -> None:
    positions, visible = _inputs(dtype, dims)
    for norm, reduction in itertools.product(NORMS, REDUCTIONS):
        results = []
        for name in _testing.backends():
            with _testing.use_backend(name):
                results.append(_both(positions, visible, norm, reduction))
        assert np.isfinite(results[0]["gradient"]).all()
        assert results[0]["gradient"].any()
        for result in results[1:]:
            _assert_same(result, results[0])


@pytest.mark.parametrize("count", [1, 31, 33, 127, 129, 1100])
def test_unseen_tracks_behind_the_last_change_no_bit(backend: Any, count: int) -> None:
    positions, _ = _inputs(np.float32, 2, count)
    longer = np.concatenate([positions, np.full((2, 40, 75, 2), np.nan, np.float32)], axis=2)
    visible = np.concatenate([np.ones((2, 40, count)), np.zeros((2, 40, 75))], axis=2).astype(np.uint8)
    with _testing.use_backend(backend.name):
        for norm in NORMS:
            plain, padded = _both(positions, None, norm, "mean"), _both(longer, visible, norm, "mean")
            assert_same_bits(padded["value"], plain["value"])
            assert_same_bits(padded["gradient"][:, :, :count], plain["gradient"])
            assert not padded["gradient"][:, :, count:].any()


def test_unseen_frames_behind_the_last_change_no_bit(backend: Any) -> None:
    positions, _ = _inputs(np.float32, 3)
    longer = np.concatenate([positions, np.full((2, 5, 300, 3), np.inf, np.float32)], axis=1)
    visible = np.concatenate([np.ones((2, 40, 300), bool), np.zeros((2, 5, 300), bool)], axis=1)
    with _testing.use_backend(backend.name):
        for norm in NORMS:
            plain, padded = _both(positions, None, norm, "mean"), _both(longer, visible, norm, "mean")
            assert_same_bits(padded["value"], plain["value"])
            assert_same_bits(padded["gradient"][:, :40], plain["gradient"])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_coordinates_first_transposed_and_reversed_positions_are_read_in_place(backend: Any, reduction: str) -> None:
    positions, visible = _inputs(np.float64, 2)
    views = [
        np.moveaxis(np.ascontiguousarray(np.moveaxis(positions, 3, 0)), 0, 3),
        np.ascontiguousarray(positions.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3),
        np.ascontiguousarray(positions[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
    ]
    turned = np.ascontiguousarray(visible[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    with _testing.use_backend(backend.name):
        plain = _both(positions, visible, "abs", reduction)
        for view in views:
            view.setflags(write=False)
            _assert_same(_both(view, turned, "abs", reduction, num_threads=2), plain)
        shared = _both(positions, visible[0], "abs", reduction)
        _assert_same(_both(positions, np.stack([visible[0]] * 2), "abs", reduction), shared)


def test_float32_is_the_float64_answer_rounded_once(backend: Any) -> None:
    positions, visible = _inputs(np.float32, 2)
    with _testing.use_backend(backend.name):
        for norm, reduction in itertools.product(NORMS, REDUCTIONS):
            options = {"norm": norm, "reduction": reduction, "dt": 0.3}
            single = kt.track_residual(positions, visible, **options)
            double = kt.track_residual(positions.astype(np.float64), visible, **options)
            assert_same_bits(single, double.astype(np.float32))


def test_large_float32_positions_do_not_overflow_on_the_way(backend: Any) -> None:
    # The squares have no float32, nor has 3 times the difference; the mean of the absolute values has one.
    positions = np.zeros((4, 8, 1), dtype=np.float32)
    positions[1, 0] = 2e38
    with _testing.use_backend(backend.name):
        assert kt.track_residual(positions, norm="abs") == np.float32(3 * float(np.float32(2e38)) / 8)
        assert np.isinf(kt.track_residual(positions))
