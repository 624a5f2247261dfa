"""Torch tensors: strided ones are read in place, results are tensors, and what cannot be read truthfully is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import kinetrace as kt
from compare import assert_same_bits

Tracks = npt.NDArray[Any]


def _numpy(result: Any) -> Any:
    return type(result)(*(x.numpy() for x in result))


def test_results_are_tensors_of_the_callers_dtype(fit: Any, tracks: Tracks) -> None:
    x = torch.from_numpy(tracks)
    result = fit(x)
    assert [type(y) for y in result] == [torch.Tensor] * 6
    assert {y.dtype for y in result[:4]} == {x.dtype}
    assert (result.n_points.dtype, result.status.dtype) == (torch.int32, torch.int32)
    assert all(y.is_contiguous() and y.device == x.device and not y.requires_grad for y in result)
    assert_same_bits(_numpy(result), fit(tracks))


def test_views_give_the_bits_of_a_contiguous_copy(fit: Any, tracks: Tracks) -> None:
    expected = fit(tracks)
    x = torch.from_numpy(tracks)
    assert_same_bits(_numpy(fit(x.transpose(0, 1).contiguous().transpose(0, 1))), expected)
    wide = torch.full((8, 33, 3), float("nan"), dtype=x.dtype)
    wide[::2, ::3, 1:] = x
    assert_same_bits(_numpy(fit(wide[::2, ::3, 1:])), expected)
    repeated = x[1:2].expand(4, -1, -1)
    assert_same_bits(_numpy(fit(repeated)), fit(np.repeat(tracks[1:2], 4, axis=0)))
    assert wide.isnan().sum() == 8 * 33 * 3 - x.numel()


def test_inputs_are_never_modified(fit: Any, tracks: Tracks) -> None:
    x = torch.from_numpy(tracks.copy())
    weights = torch.rand(4, 11, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    before = x.numpy().tobytes(), weights.numpy().tobytes()
    fit(x, weights=weights, robust="huber")
    assert (x.numpy().tobytes(), weights.numpy().tobytes()) == before
    assert x._version == 0


@pytest.mark.parametrize("shape", [(0, 5, 2), (3, 0, 2)])
def test_empty(fit: Any, shape: tuple[int, ...]) -> None:
    result = fit(torch.zeros(shape))
    assert tuple(result.coefficients.shape) == (shape[0], 3, 2)
    assert result.status.tolist() == [1] * shape[0]


def test_torch_and_numpy_together(fit: Any, tracks: Tracks) -> None:
    weights = np.linspace(0.5, 2, 44, dtype=tracks.dtype).reshape(4, 11)
    expected = fit(tracks, weights=weights)
    mixed = fit(torch.from_numpy(tracks), weights=weights)
    assert type(mixed.coefficients) is torch.Tensor
    assert_same_bits(_numpy(mixed), expected)
    other = fit(tracks, weights=torch.from_numpy(weights), visible=torch.ones(4, 11, dtype=torch.bool))
    assert type(other.coefficients) is np.ndarray
    assert_same_bits(other, expected)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(torch.float16, "float16"), (torch.bfloat16, "bfloat16"), (torch.int32, "int32"), (torch.int64, "int64"),
     (torch.bool, "bool"), (torch.complex64, "another dtype"), (torch.float8_e4m3fn, "another dtype")],
)  # fmt: skip
def test_other_dtypes_are_refused(fit: Any, dtype: torch.dtype, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^positions: expected float32 or float64, got {name}$"):
        fit(torch.zeros(2, 5, 2, dtype=dtype))


def test_requires_grad_is_refused_wherever_it_is(fit: Any) -> None:
    x = torch.zeros(2, 5, 2)
    weights = torch.ones(2, 5, requires_grad=True)
    message = r": expected a tensor without requires_grad \(fit_kinematics has no gradient\), got one with it"
    with pytest.raises(ValueError, match=f"^positions{message}"):
        fit(torch.nn.Parameter(x))
    with pytest.raises(ValueError, match=f"^weights{message}"):
        fit(x, weights=weights)
    with pytest.raises(ValueError, match=f"^weights{message}"):
        fit(x.numpy(), weights=weights)
    with pytest.raises(ValueError, match=f"^times{message}"):
        fit(x.numpy(), times=torch.arange(5.0).requires_grad_())
    with torch.no_grad():
        assert not fit(torch.nn.Parameter(x), weights=weights).coefficients.requires_grad
    with torch.inference_mode():
        assert fit(x, weights=weights).status.tolist() == [0, 0]


def test_parameters_and_plain_subclasses_are_read_in_place(fit: Any, tracks: Tracks) -> None:
    class Tagged(torch.Tensor):
        pass

    x = torch.from_numpy(tracks)
    expected = fit(tracks)
    assert_same_bits(_numpy(fit(torch.nn.Parameter(x, requires_grad=False))), expected)
    assert_same_bits(_numpy(fit(x.as_subclass(Tagged))), expected)


def test_a_lazy_negation_is_refused(fit: Any, tracks: Tracks) -> None:
    x = torch.from_numpy(tracks)
    message = r": expected data as it is stored, got a tensor with the negative bit set \(use \.resolve_neg\(\)\)$"
    with pytest.raises(ValueError, match=f"^positions{message}"):
        fit(torch.complex(x, x).conj().imag)
    assert_same_bits(_numpy(fit(torch.complex(x, x).conj().imag.resolve_neg())), fit(-tracks))
    with pytest.raises(ValueError, match=f"^weights{message}"):
        fit(x, weights=torch._neg_view(torch.ones(4, 11, dtype=x.dtype)))


def test_tensors_without_data_are_refused(fit: Any) -> None:
    x = torch.zeros(2, 5, 2)
    with pytest.raises(ValueError, match=r"^positions: expected an array on cpu or cuda, got meta$"):
        fit(x.to("meta"))
    with pytest.raises(ValueError, match=r"^weights: expected .*, got "):
        fit(x, weights=torch.ones(2, 5, device="meta"))
    for odd in (x.to_sparse(), x.to_sparse(sparse_dim=1)):
        with pytest.raises(ValueError, match=r"^positions: expected a tensor with strided data in memory, got Tensor"):
            fit(odd)
    with pytest.raises(ValueError, match=r"^positions: expected a tensor with strided data in memory, got Tensor"):
        torch.vmap(lambda y: fit(y).coefficients)(x[None])


def test_a_misaligned_tensor_is_refused(fit: Any) -> None:
    memory = bytearray(4 * 20 + 1)
    with pytest.raises(ValueError, match=r"^positions: expected aligned data, got a misaligned array$"):
        fit(torch.frombuffer(memory, dtype=torch.float32, offset=1).reshape(2, 5, 2))


def test_fake_tensors_go_through_the_operator(fit: Any) -> None:
    with FakeTensorMode() as mode:
        x = torch.zeros(7, 2, 5, 2)[3]
        result = fit(x, weights=torch.ones(2, 5))
        assert type(result.coefficients) is type(x)
        assert tuple(result.covariance.shape) == (2, 3, 3)
    with pytest.raises(TypeError, match=r"^weights: expected a tensor with data in memory, got FakeTensor$"):
        fit(np.zeros((2, 5, 2), np.float32), weights=mode.from_tensor(torch.ones(2, 5)))


def test_residuals_of_fake_tensors_go_through_the_operator() -> None:
    with FakeTensorMode():
        flow, positions = torch.zeros(3, 5, 2, 6, 7), torch.zeros(3, 6, 4, 2)
        assert tuple(kt.kinematic_residual(flow).shape) == (3,)
        assert tuple(kt.kinematic_residual(flow, reduction="none").shape) == (3, 3, 6, 7)
        assert tuple(kt.track_residual(positions, norm="signed").shape) == (3, 2)
        assert tuple(kt.track_residual(positions, reduction="none").shape) == (3, 3, 4)
