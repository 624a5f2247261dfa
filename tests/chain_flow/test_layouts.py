"""chain_flow over batches, memory layouts and back ends: always the same bits; and its largest and smallest inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _testing


def _inputs(dtype: Any, batch: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(8)
    flow = (rng.normal(size=(batch, 7, 2, 21, 34)) * 2).astype(dtype)
    return {
        "flow": flow,
        "points": rng.uniform([0, 0], [33, 20], size=(batch, 300, 2)).astype(dtype),
        "backward_flow": (-flow + rng.normal(size=flow.shape)).astype(dtype),
        "start": rng.integers(0, 8, size=(batch, 300)),
        "max_cycle_error": 2.5,
    }


def _run(inputs: dict[str, Any], **more: Any) -> kt.Tracks:
    options = {**inputs, **more}
    return kt.chain_flow(options.pop("flow"), options.pop("points"), **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_back_end_has_the_same_bits(dtype: Any) -> None:
    results = {}
    for name in _testing.backends():
        with _testing.use_backend(name):
            results[name] = _run(_inputs(dtype))
    assert 0.2 < results["cpu-baseline"].visible.mean() < 0.5
    for result in results.values():
        assert_same_bits(result, results["cpu-baseline"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_is_its_problems(backend: Any, dtype: Any) -> None:
    inputs = _inputs(dtype)
    with _testing.use_backend(backend.name):
        together = _run(inputs)
        for b in range(3):
            alone = _run({name: x[b] if name != "max_cycle_error" else x for name, x in inputs.items()})
            assert_same_bits(alone, kt.Tracks(*(None if x is None else x[b] for x in together)))
        shared = _run({**inputs, "start": inputs["start"][0]})
        assert_same_bits(shared, _run({**inputs, "start": np.stack([inputs["start"][0]] * 3).astype(np.int32)}))
        assert_same_bits(_run({**inputs, "start": 2}), _run({**inputs, "start": np.full(300, 2)}))


def test_channels_last_and_reversed_flow_are_read_in_place(backend: Any) -> None:
    inputs = _inputs(np.float32)
    with _testing.use_backend(backend.name):
        plain = _run(inputs)
        interleaved = np.ascontiguousarray(np.moveaxis(inputs["flow"], 2, -1))
        view = np.moveaxis(interleaved, -1, 2)
        view.setflags(write=False)
        assert_same_bits(_run({**inputs, "flow": view}), plain)
        backwards = np.ascontiguousarray(inputs["flow"][:, ::-1, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1, ::-1]
        assert_same_bits(_run({**inputs, "flow": backwards}), plain)
        swapped = np.ascontiguousarray(inputs["points"][..., ::-1])[..., ::-1]
        assert_same_bits(_run({**inputs, "points": swapped}), plain)


def test_many_points_cross_chunks_and_threads(backend: Any) -> None:
    rng = np.random.default_rng(3)
    count = 40_000 if backend.name.startswith("cpu") else 700
    flow = rng.normal(size=(3, 2, 19, 23)).astype(np.float32)
    points = rng.uniform([0, 0], [22, 18], size=(count, 2)).astype(np.float32)
    with _testing.use_backend(backend.name):
        whole = kt.chain_flow(flow, points, backward_flow=-flow, num_threads=2)
        assert_same_bits(kt.chain_flow(flow, points, backward_flow=-flow, num_threads=1), whole)
        for i in (0, 17, count - 60):
            part = kt.chain_flow(flow, points[i : i + 60], backward_flow=-flow)
            assert_same_bits(part, kt.Tracks(*(x[:, i : i + 60] for x in whole if x is not None)))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (6, 1), (0, 4), (4, 0)])
def test_images_of_one_pixel_or_none(backend: Any, height: int, width: int) -> None:
    flow = np.full((2, 2, height, width), 0.5, dtype=np.float32)
    points = np.array([[0, 0], [width - 1, height - 1], [0.5, 0], [0, 0.5]], dtype=np.float32)
    with _testing.use_backend(backend.name):
        tracks = kt.chain_flow(flow, points)
    inside = ((points >= 0) & (points <= [width - 1, height - 1])).all(axis=1)
    np.testing.assert_array_equal(tracks.visible[0], inside)
    np.testing.assert_array_equal(tracks.positions[1, inside], points[inside] + np.float32(0.5))
    assert np.isnan(tracks.positions[1, ~inside]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_a_point_that_meets_a_wild_pixel_is_lost_and_others_are_not(backend: Any, bad: float) -> None:
    flow = np.zeros((2, 2, 6, 8), dtype=np.float32)
    flow[0, 1, 3, 4] = bad
    points = np.array([[4, 3], [3.5, 2.5], [4, 2], [1, 1], [6, 4.5]], dtype=np.float32)
    with _testing.use_backend(backend.name):
        tracks = kt.chain_flow(flow, points)
    # The third touches the pixel with weight 0: what is not finite spreads even so.
    survives = [False, False, bool(np.isfinite(bad)), True, True]
    assert tracks.visible[1].tolist() == survives
    assert tracks.visible[2].tolist() == survives
    assert np.isnan(tracks.positions[2, :2]).all()
    np.testing.assert_array_equal(tracks.positions[2, 3:], points[3:])


def test_the_largest_differences_do_not_overflow(backend: Any) -> None:
    # Between -max and max the flow is 0: the difference of the two has no float32.
    largest = np.finfo(np.float32).max
    flow = np.zeros((1, 2, 4, 6), dtype=np.float32)
    flow[0, 0, 1, 2], flow[0, 0, 1, 3] = -largest, largest
    with _testing.use_backend(backend.name):
        tracks = kt.chain_flow(flow, np.array([[2.5, 1.0], [2.5, 0.0]], dtype=np.float32))
    assert tracks.visible.all()
    np.testing.assert_array_equal(tracks.positions[1], tracks.positions[0])
