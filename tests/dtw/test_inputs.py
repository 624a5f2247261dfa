"""What dtw takes beside NumPy float arrays: halves, lists, tensors, callbacks; and what it costs in memory."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest
import torch
from scipy import LowLevelCallable

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _testing

RNG = np.random.default_rng(12)
X = RNG.normal(size=(5, 7, 3))
Y = RNG.normal(size=(5, 9, 3))


def test_halves_are_computed_in_float32(backend: Any) -> None:
    x, y = X.astype(np.float16), Y.astype(np.float16)
    got = backend.call("dtw", x, y)
    assert got.dtype == np.float32
    assert_same_bits(got, backend.call("dtw", x.astype(np.float32), y.astype(np.float32)))
    cost = np.abs(RNG.normal(size=(3, 4, 5))).astype(np.float16)
    assert_same_bits(backend.call("dtw_from_cost", cost), backend.call("dtw_from_cost", cost.astype(np.float32)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_tensors(dtype: torch.dtype) -> None:
    x, y = torch.from_numpy(X).to(dtype), torch.from_numpy(Y).to(dtype)
    got = kt.dtw(x, y)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, kt.dtw(x.float(), y.float()), rtol=0, atol=0)


def test_tensors_give_tensors_with_the_same_bits() -> None:
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    lengths = torch.tensor([7, 3, 0, 1, 6])
    got = kt.dtw(x, y, x_lengths=lengths, return_path=True)
    assert all(isinstance(field, torch.Tensor) for field in got)
    want = kt.dtw(X, Y, x_lengths=lengths.numpy(), return_path=True)
    assert_same_bits(kt.DtwResult(*(field.numpy() for field in got)), want)
    assert_same_bits(kt.dtw_matrix(x).numpy(), kt.dtw_matrix(X))
    assert isinstance(kt.dtw_curve(x, y), torch.Tensor)
    assert isinstance(kt.dtw_rewards(x, y), torch.Tensor)


@pytest.mark.parametrize("name", ["x", "y", "cost"])
def test_a_gradient_is_refused_unless_the_caller_turned_gradients_off(name: str) -> None:
    tensors = {"x": torch.from_numpy(X), "y": torch.from_numpy(Y)} if name != "cost" else {"cost": torch.ones(2, 3, 4)}
    tensors[name] = tensors[name].clone().requires_grad_()
    call = kt.dtw_from_cost if name == "cost" else kt.dtw
    with pytest.raises(ValueError, match=rf"^{name}: expected a tensor without requires_grad"):
        call(**tensors)
    with torch.no_grad():
        assert call(**tensors).shape == (len(tensors[name]),)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_lists_are_ragged_batches(convert: Any) -> None:
    n, m = [4, 7, 1, 5, 6], [9, 2, 3, 8, 1]
    xs, ys = ([convert(a[b, :k].copy()) for b, k in enumerate(ks)] for a, ks in ((X, n), (Y, m)))
    got = kt.dtw(xs, ys)
    assert type(got) is type(convert(X))
    want = kt.dtw(X, Y, x_lengths=np.array(n), y_lengths=np.array(m))
    assert_same_bits(np.asarray(got), want)
    assert_same_bits(np.asarray(kt.dtw_matrix(xs)), kt.dtw_matrix(X, x_lengths=np.array(n)))
    costs = [convert(np.abs(RNG.normal(size=(k, j)))) for k, j in zip(n, m, strict=True)]
    got = kt.dtw_from_cost(costs)
    for b in range(5):
        assert_same_bits(np.asarray(got)[b : b + 1], np.asarray(kt.dtw_from_cost(costs[b][None])))


def test_one_reference_for_all_and_its_lengths(backend: Any) -> None:
    shared = backend.call("dtw", X, Y[:1])
    assert_same_bits(shared, backend.call("dtw", X, np.repeat(Y[:1], 5, axis=0)))
    assert_same_bits(backend.call("dtw", X[:1], Y), backend.call("dtw", np.repeat(X[:1], 5, axis=0), Y))
    prefixes = np.array([9, 4, 1, 0, 7])
    got = backend.call("dtw", X, Y[:1], y_lengths=prefixes)
    assert_same_bits(got, backend.call("dtw", X, np.repeat(Y[:1], 5, axis=0), y_lengths=prefixes))
    one = backend.call("dtw", X, Y[:1], y_lengths=prefixes[1:2])
    assert_same_bits(one, backend.call("dtw", X, Y[:1, :4]))


@numba.cfunc("float64(CPointer(float64), CPointer(float64), int64)")
def _weighted(x: Any, y: Any, dims: int) -> float:
    total = 0.0
    for d in range(dims):
        total += (d + 1) * abs(x[d] - y[d])
    return total


@numba.cfunc("float64(CPointer(float32), CPointer(float32), int64)")
def _weighted_single(x: Any, y: Any, dims: int) -> float:
    total = 0.0
    for d in range(dims):
        total += (d + 1) * abs(x[d] - y[d])
    return total


def _weighted_costs(dtype: Any) -> Any:
    difference = np.abs(X.astype(dtype)[:, :, None] - Y.astype(dtype)[:, None], dtype=dtype)
    return (difference.astype(np.float64) * [1, 2, 3]).sum(axis=3)


@pytest.mark.parametrize("step", ["symmetric1", "sigma21"])
def test_callbacks_of_numba(step: str) -> None:
    want = kt.dtw_from_cost(_weighted_costs(np.float64), step=step)
    np.testing.assert_allclose(kt.dtw(X, Y, metric=_weighted, step=step), want, rtol=1e-14)
    strided = np.asfortranarray(X)[:, :, ::1]
    np.testing.assert_allclose(kt.dtw(strided, Y, metric=_weighted, step=step, num_threads=2), want, rtol=1e-14)
    single = kt.dtw(X.astype(np.float32), Y.astype(np.float32), metric=_weighted_single, step=step)
    np.testing.assert_allclose(single, want, rtol=1e-5)
    np.testing.assert_allclose(np.diag(kt.dtw_matrix(X, Y, metric=_weighted, step=step)), want, rtol=1e-14)


def test_callbacks_of_scipy() -> None:
    want = kt.dtw_from_cost(_weighted_costs(np.float64))
    np.testing.assert_allclose(kt.dtw(X, Y, metric=LowLevelCallable(_weighted.ctypes)), want, rtol=1e-14)

    @numba.cfunc("float64(CPointer(float64), CPointer(float64), int64, CPointer(float64))")
    def scaled(x: Any, y: Any, dims: int, scale: Any) -> float:
        return scale[0] * abs(x[0] - y[0])

    factor = np.array([2.5])
    import ctypes

    signature = "double (double *, double *, int64_t, void *)"
    data = ctypes.cast(factor.ctypes.data, ctypes.c_void_p)
    metric = LowLevelCallable(scaled.ctypes, user_data=data, signature=signature)
    first = kt.dtw(X[:, :, 0].copy(), Y[:, :, 0].copy(), metric="l1")
    np.testing.assert_allclose(kt.dtw(X, Y, metric=metric), 2.5 * first, rtol=1e-14)


@pytest.mark.parametrize("options", [{}, {"step": "sigma21"}, {"subsequence": True, "window": 5}, {"gamma": 0.5}])
def test_rewards_by_callbacks(options: dict[str, Any]) -> None:
    lengths = {"x_lengths": np.array([7, 0, 3, 7, 5]), "y_lengths": np.array([9, 9, 4, 1, 8], np.int32)}
    for dtype, callback in ((np.float64, _weighted), (np.float32, _weighted_single)):
        x, y, cost = X.astype(dtype), Y.astype(dtype), _weighted_costs(dtype).astype(dtype)
        want = kt.dtw_rewards(cost=cost, **lengths, **options)
        assert (want < 0).any()
        padded = x.copy(), y.copy()
        for b in range(5):  # padding is never looked at
            padded[0][b, lengths["x_lengths"][b] :], padded[1][b, lengths["y_lengths"][b] :] = np.nan, np.inf
        got = kt.dtw_rewards(*padded, metric=callback, num_threads=2, **lengths, **options)
        np.testing.assert_allclose(got, want, rtol=1e-12 if dtype == np.float64 else 1e-4)
        repeated = kt.dtw_rewards(x, y[2:3], metric=callback, **options)
        np.testing.assert_array_equal(repeated[2], kt.dtw_rewards(x[2:3], y[2:3], metric=callback, **options)[0])
    tensors = kt.dtw_rewards(torch.from_numpy(X), torch.from_numpy(Y), metric=_weighted, **options)
    assert_same_bits(tensors.numpy(), kt.dtw_rewards(X, Y, metric=_weighted, **options))
    flat = kt.dtw_rewards(X[:, :, 0].copy(), Y[:, :, 0].copy(), metric=_weighted, **options)
    np.testing.assert_allclose(flat, kt.dtw_rewards(X[:, :, 0], Y[:, :, 0], metric="l1", **options), rtol=1e-12)
    assert kt.dtw_rewards(X[:0], Y[:0], metric=_weighted, **options).shape == (0, 7)


def test_rewards_refuse_a_callback_beside_cost_and_one_that_is_not_compiled() -> None:
    with pytest.raises(TypeError, match=r"^metric: expected a name beside cost, got CFunc"):
        kt.dtw_rewards(cost=np.ones((1, 2, 2)), metric=_weighted)
    with pytest.raises(TypeError, match=r"^metric: expected a name or a compiled callback \(numba.cfunc"):
        kt.dtw_rewards(X, Y, metric=lambda a, b: 0.0)


def test_callbacks_are_for_the_cpu(backend: Any) -> None:
    if backend.name.startswith("cpu"):
        assert np.isfinite(backend.call("dtw", X, Y, metric=_weighted)).all()
        return
    with pytest.raises(ValueError, match=r"^metric: expected a named metric on this device"):
        backend.call("dtw", X, Y, metric=_weighted)


def test_a_callback_that_returns_nan_is_a_bad_pair() -> None:
    @numba.cfunc("float64(CPointer(float64), CPointer(float64), int64)")
    def wild(x: Any, y: Any, dims: int) -> float:
        return np.nan if x[0] > 5 else 1.0

    x = np.zeros((2, 4))
    x[1, 2] = 6
    result = kt.dtw(x, np.zeros((2, 4)), metric=wild, return_path=True)
    assert result.status.tolist() == [0, 2]


def test_patterns_are_patterns_or_names(backend: Any) -> None:
    with _testing.use_backend(backend.name):
        assert_same_bits(kt.dtw(X, Y, step=kt.StepPattern.named("sigma21")), kt.dtw(X, Y, step="sigma21"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("path", [False, True])
def test_memory_is_linear_in_the_lengths(path: bool) -> None:
    # 20 000 x 20 000: a cost matrix would take 1.6 GB, the directions 100 MB.
    program = f"""
import resource, sys
import numpy as np
import kinetrace as kt
def peak(): return int([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1]) * 1024
sys.modules['kinetrace.dtw'].DIRECTION_BYTES = 1 << 20
x, y = np.random.default_rng(0).normal(size=(2, 1, 20000)).astype(np.float32)
kt.dtw(x[:, :50], y[:, :50], return_path={path})
before = peak()
kt.dtw(x, y, return_path={path})
print((peak() - before) / 20000)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    match = re.fullmatch(r"([\d.]+)\s*", done.stdout)
    assert match
    assert float(match[1]) < (400 if path else 60)  # bytes per sample
