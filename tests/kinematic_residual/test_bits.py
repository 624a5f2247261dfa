"""The same bits on every SIMD level, the emulated CUDA back end, and for every memory layout of larger images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_same_bits
from kinetrace import _testing
from kinetrace._testing import backends, use_backend

SHAPES = [(2, 9, 2, 5, 7), (1, 3, 2, 1, 1), (1, 6, 2, 16, 16), (1, 11, 2, 33, 70), (2, 4, 2, 3, 700)]


def _all_backends(flow: Any, upstream: Any, **options: Any) -> list[tuple[Any, Any]]:
    import kinetrace as kt

    results = []
    for name in backends():
        with use_backend(name):
            value = kt.kinematic_residual(flow, **options)
            results.append((value, _testing.backward("kinematic_residual", flow, upstream(value), **options)))
    return results


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", ["eulerian", "advected"])
def test_back_ends_agree(shape: tuple[int, ...], dtype: Any, mode: str) -> None:
    rng = np.random.default_rng(1)
    flow = rng.normal(size=shape).astype(dtype)
    masks = [
        None,
        rng.uniform(size=(*shape[:2], *shape[3:])) < 0.7,
        rng.uniform(size=(*shape[:2], *shape[3:])).astype(dtype),
    ]
    for norm in ("squared", "abs", "signed"):
        for reduction in ("mean", "none"):
            for mask in masks:
                options = {"mask": mask, "norm": norm, "reduction": reduction, "mode": mode, "mask_rule": "all"}
                options["iterations"] = 1 if mode == "advected" else 0
                first, *others = _all_backends(flow, lambda v: rng_like(v), **options)
                assert others, "only one back end was built"
                for other in others:
                    assert_same_bits(other[0], first[0])
                    assert_same_bits(other[1], first[1])


def rng_like(value: Any) -> Any:
    """Upstream of fixed random numbers in the shape of a value."""
    return np.random.default_rng(2).normal(size=value.shape).astype(value.dtype)


@pytest.mark.parametrize("mode", ["eulerian", "advected"])
def test_memory_layouts_of_a_large_image_agree(backend: Any, mode: str) -> None:
    rng = np.random.default_rng(3)
    flow = rng.normal(size=(2, 7, 2, 48, 96)).astype(np.float32)
    channels_last = np.ascontiguousarray(np.moveaxis(flow, 2, 4))
    padded = np.full((2, 9, 3, 60, 101), np.nan, dtype=np.float32)
    padded[:, 1:8, :2, 5:53, 3:99] = flow
    views = [np.moveaxis(channels_last, 4, 2), padded[:, 1:8, :2, 5:53, 3:99], flow.copy(order="F")]
    upstream = rng.normal(size=2).astype(np.float32)
    value = backend.call("kinematic_residual", flow, mode=mode)
    gradient = backend.backward("kinematic_residual", flow, upstream, mode=mode)
    for view in views:
        assert_same_bits(backend.call("kinematic_residual", view, mode=mode), value)
        assert_same_bits(backend.backward("kinematic_residual", view, upstream, mode=mode), gradient)


@pytest.mark.parametrize("mode", ["eulerian", "advected"])
def test_threads_change_no_bit_of_a_gradient(backend: Any, mode: str) -> None:
    flow = np.random.default_rng(4).normal(size=(2, 5, 2, 67, 129)).astype(np.float32)
    upstream = np.ones(2, dtype=np.float32)
    one = backend.backward("kinematic_residual", flow, upstream, mode=mode, num_threads=1)
    for threads in (2, 3):
        assert_same_bits(backend.backward("kinematic_residual", flow, upstream, mode=mode, num_threads=threads), one)


@pytest.mark.parametrize("level", [name for name in backends() if name.startswith("cpu-")])
def test_gradients_that_go_past_the_cache_have_the_same_bits(level: str) -> None:
    # The CPU streams results above 16 MB; a part of the image stays below. "sum": no N that depends on the size.
    flow = np.random.default_rng(5).normal(size=(5, 2, 512, 1024)).astype(np.float32)
    with use_backend(level):
        whole = _testing.backward("kinematic_residual", flow, np.ones((), np.float32), reduction="sum")
        part = _testing.backward(
            "kinematic_residual", flow[:, :, :100].copy(), np.ones((), np.float32), reduction="sum"
        )
    assert_same_bits(whole[:, :, :100], part)


def test_a_pixel_that_many_flow_to(backend: Any) -> None:
    # Every pixel samples flow 2 at the same point: the largest sum of fixed-point contributions there can be.
    height, width = 40, 50
    y, x = np.mgrid[:height, :width]
    flow = np.zeros((3, 2, height, width))
    flow[1, 0], flow[1, 1] = 7.25 - x, 9.5 - y
    flow[2] = 1000.0
    gradient = backend.backward("kinematic_residual", flow, np.ones(()), mode="advected", norm="abs", reduction="sum")
    target = gradient[2, :, 9:11, 7:9].sum(axis=(1, 2))
    assert np.abs(target).max() > 0
    assert gradient[2].sum() == pytest.approx(target.sum(), rel=1e-12)
    expected = np.sign(1000 - 2 * flow[1]).sum(axis=(1, 2))
    np.testing.assert_allclose(target, expected, rtol=1e-9)
