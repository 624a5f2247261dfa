"""Every SIMD level and the emulated CUDA kernels give the same bits: the order of all arithmetic is fixed and shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from advantage_cases import MODES, batch
from kinetrace import _testing
from mask_cases import draw_mask

DTYPES = [np.float32, np.float64]
BACKENDS = _testing.backends()


def arrays_of(result: Any) -> list[np.ndarray[Any, Any]]:
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in parts if part is not None]


def assert_all_agree(call: Any) -> None:
    """Calls on every back end; bytes, not values, are compared, so that NaN and the sign of zero count."""
    assert len(BACKENDS) > 1, "only one back end was built: nothing to compare"
    with _testing.use_backend(BACKENDS[0]):
        expected = arrays_of(call())
    assert any(array.size for array in expected)
    for name in BACKENDS[1:]:
        with _testing.use_backend(name):
            got = arrays_of(call())
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)
            numbers = ~np.isnan(other) if other.dtype.kind == "f" else np.ones(other.shape, bool)
            assert one[numbers].tobytes() == other[numbers].tobytes(), name


def tracks(
    rng: np.random.Generator, dtype: Any
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    t = np.arange(23)
    p = rng.normal(size=(37, 1, 2)) * 200 + rng.normal(size=(37, 1, 2)) * t[:, None] + rng.normal(size=(37, 23, 2))
    weights = rng.uniform(0.1, 1, (37, 23))
    return p.astype(dtype), weights.astype(dtype), rng.uniform(size=(37, 23)) < 0.8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("robust", [None, "huber", "tukey"])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_fit_kinematics(order: int, robust: str | None, dtype: Any) -> None:
    p, w, v = tracks(np.random.default_rng(order), dtype)
    assert_all_agree(lambda: kt.fit_kinematics(p, weights=w, visible=v, order=order, robust=robust, dt=0.3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("segments", [1, 2, 4])
def test_fit_segments(segments: int, dtype: Any) -> None:
    p, w, v = tracks(np.random.default_rng(segments), dtype)
    assert_all_agree(lambda: kt.fit_segments(p, weights=w, visible=v, order=1, max_segments=segments))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["squared", "abs", "signed"])
@pytest.mark.parametrize("mode", ["eulerian", "advected"])
@pytest.mark.parametrize("masked", [False, True])
def test_kinematic_residual(masked: bool, mode: str, norm: str, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    flow = (rng.normal(size=(2, 5, 2, 37, 53)) * 2).astype(dtype)
    mask = rng.uniform(size=(2, 5, 37, 53)) < 0.4 if masked else None
    for reduction in ("mean", "none"):
        assert_all_agree(lambda r=reduction: kt.kinematic_residual(flow, mask=mask, mode=mode, norm=norm, reduction=r))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["squared", "abs", "signed"])
def test_track_residual(norm: str, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    positions, visible = rng.normal(size=(3, 9, 41, 2)).astype(dtype), rng.uniform(size=(3, 9, 41)) < 0.9
    for reduction in ("mean", "none"):
        assert_all_agree(lambda r=reduction: kt.track_residual(positions, visible, norm=norm, reduction=r))


@pytest.mark.parametrize("dtype", DTYPES)
def test_chain_flow(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    flow, back = ((rng.normal(size=(6, 2, 40, 50)) * 3).astype(dtype) for _ in range(2))
    points = (rng.uniform(size=(77, 2)) * [49, 39]).astype(dtype)
    assert_all_agree(lambda: kt.chain_flow(flow, points, backward_flow=back, max_cycle_error=4.0))


@pytest.mark.parametrize("kind", ["disc", "noise", "sparse", "outline"])
def test_masks(kind: str) -> None:
    rng = np.random.default_rng(8)
    a, b = (np.stack([draw_mask(rng, 60, 170, kind) for _ in range(4)]).reshape(2, 2, 60, 170) for _ in range(2))
    assert_all_agree(lambda: kt.mask_centroids(a))
    assert_all_agree(lambda: kt.mask_iou(a, b))
    assert_all_agree(lambda: kt.mask_chamfer(a, b.view(np.uint8)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "l1", "cosine", "dot"])
@pytest.mark.parametrize("coordinates", [1, 5])
def test_dtw(coordinates: int, metric: str, dtype: Any) -> None:
    rng = np.random.default_rng(6)
    x, y = (rng.normal(size=(37, n, coordinates)).astype(dtype) for n in (23, 19))
    lengths = rng.integers(0, 24, 37)
    for step, window in (("symmetric1", None), ("symmetric2", 0.3), ("sigma21", None)):
        for subsequence in (False, True):
            options = {"metric": metric, "step": step, "window": window, "subsequence": subsequence}
            assert_all_agree(lambda o=options: kt.dtw(x, y, x_lengths=lengths, return_path=True, **o))
            assert_all_agree(lambda o=options: kt.dtw_curve(x, y, x_lengths=lengths, **o))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtw_from_cost(dtype: Any) -> None:
    rng = np.random.default_rng(7)
    cost = rng.normal(size=(50, 12, 15)).astype(dtype)
    pattern = kt.StepPattern([(1, 1, 0.7), (1, 0, 1.3), (0, 2, 0.7), (2, 1, 0.0)])
    for step in ("symmetric1", "symmetric2", "sequential_jump", pattern):
        assert_all_agree(lambda s=step: kt.dtw_from_cost(cost, step=s, subsequence=True, return_path=True))
        assert_all_agree(lambda s=step: kt.dtw_rewards(cost=cost, step=s, subsequence=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("policy", ["omit", "propagate"])
@pytest.mark.parametrize("mode", MODES)
def test_group_advantages(mode: str, policy: str, dtype: Any) -> None:
    rng = np.random.default_rng(MODES.index(mode))
    for _ in range(5):
        rewards, groups, options = batch(rng, mode, dtype)
        assert_all_agree(lambda r=rewards, g=groups, o=options: kt.group_advantages(r, g, nan_policy=policy, **o))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("separate", [True, False])
def test_segment_advantages(separate: bool, dtype: Any) -> None:
    rng = np.random.default_rng(9)
    rewards, segments = rng.normal(size=(41, 3)).astype(dtype), rng.integers(-2, 4, (41, 133))
    groups = rng.integers(0, 6, 41)
    assert_all_agree(lambda: kt.segment_advantages(rewards, groups, segments, separate=separate))
