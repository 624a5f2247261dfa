"""Objects that are known only by a protocol: DLPack of either age, and the CUDA array interface."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from compare import assert_same_bits

Tracks = npt.NDArray[Any]


class DLPackOnly:
    """Speaks DLPack 1 and nothing else."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __dlpack__(self, **options: Any) -> Any:
        return self.owner.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.owner.__dlpack_device__()


class OldDLPackOnly(DLPackOnly):
    """Speaks DLPack before 1.0: `max_version` is a TypeError."""

    def __dlpack__(self, stream: Any = None) -> Any:  # type: ignore[override]
        return self.owner.__dlpack__(stream=stream)


class Failing(DLPackOnly):
    """Refuses to export."""

    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("not today")


class Liar(DLPackOnly):
    """Exports something that is no capsule."""

    def __dlpack__(self, **_: Any) -> Any:
        return self.owner


@pytest.mark.parametrize("wrapper", [DLPackOnly, OldDLPackOnly])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_dlpack_only_objects(fit: Any, tracks: Tracks, wrapper: type[DLPackOnly], library: str) -> None:
    owner = tracks if library == "numpy" else torch.from_numpy(tracks)
    result = fit(wrapper(owner))
    assert [type(x) for x in result] == [np.ndarray] * 6
    assert_same_bits(result, fit(tracks))
    strided = wrapper(owner[1::2, ::2])
    assert_same_bits(fit(strided), fit(np.ascontiguousarray(tracks[1::2, ::2])))


@pytest.mark.parametrize("wrapper", [DLPackOnly, OldDLPackOnly])
def test_dlpack_capsules_are_freed(fit: Any, tracks: Tracks, wrapper: type[DLPackOnly]) -> None:
    before = sys.getrefcount(tracks)
    for _ in range(10):
        fit(wrapper(tracks))
        with pytest.raises(ValueError, match="weights"):
            fit(tracks, weights=wrapper(tracks))
    assert sys.getrefcount(tracks) == before


@pytest.mark.parametrize("name", ["positions", "weights"])
def test_dlpack_failures_name_the_argument(fit: Any, tracks: Tracks, name: str) -> None:
    def call(odd: Any) -> None:
        fit(**({"positions": tracks} | {name: odd}))

    message = f"^{name}: expected an array that __dlpack__ can export, got"
    with pytest.raises(ValueError, match=rf"{message} Failing \(not today\)$"):
        call(Failing(tracks))
    with pytest.raises(TypeError, match=rf"^{name}: expected a DLPack capsule from __dlpack__, got numpy.ndarray$"):
        call(Liar(tracks))
    grad = torch.zeros(4, 11, 2, requires_grad=True)
    with pytest.raises(ValueError, match=rf"{message} DLPackOnly \(.*grad"):
        call(DLPackOnly(grad))


class CudaInterface:
    """Says that it lies on a CUDA device."""

    def __init__(self, **fields: Any) -> None:
        whole = {"shape": (4, 11, 2), "typestr": "<f4", "data": (0x1000, False), "version": 3}
        self.__cuda_array_interface__ = whole | fields


def test_a_cuda_array_is_refused_by_the_cpu_module(fit: Any) -> None:
    x = np.zeros((4, 11, 2), np.float32)
    with pytest.raises(ValueError, match=r"^weights: expected an array on cpu, got cuda:0$"):
        fit(x, weights=CudaInterface(shape=(4, 11)))


def test_a_broken_cuda_interface_names_the_argument(fit: Any) -> None:
    x = np.zeros((4, 11, 2), np.float32)

    class Empty:
        __cuda_array_interface__ = {}  # noqa: RUF012

    class Number:
        __cuda_array_interface__ = 5

    broken: list[dict[str, Any]] = [{"shape": ("a",)}, {"data": None}, {"shape": (1,) * 7}, {"typestr": ">f4"}]
    for odd in (Empty(), Number(), *(CudaInterface(**fields) for fields in broken)):
        with pytest.raises(ValueError, match=r"^weights: expected .*, got "):
            fit(x, weights=odd)


def test_scalars(fit: Any) -> None:
    x = np.zeros((1, 5, 1), np.float32)
    bad: dict[str, list[Any]] = {
        "dt": ["1", None, 0, -1.0, float("nan"), float("inf"), True, np.ones(1), torch.tensor(1.0), 1j, 10**400],
        "order": ["2", None, 2.0, True, -1, 4, 2**70, np.array(1)],
        "robust": ["Huber", "", b"huber", 1, True],
        "robust_threshold": ["1", 0, -1, float("nan"), True, [1.0]],
        "robust_iterations": [-1, 1001, 2.5, None, "5", 2**70],
        "num_threads": [0, -1, 4097, 2**70, True, 1.0, "1"],
    }
    for name, values in bad.items():
        for value in values:
            with pytest.raises((TypeError, ValueError), match=rf"^{name}: expected .*, got "):
                fit(x, **{name: value})
    with pytest.raises(ValueError, match=r"^dt: expected 1.0 when times are given, got 0.5$"):
        fit(x, dt=0.5, times=np.arange(5, dtype=np.float32))


def test_numpy_scalars_are_numbers(fit: Any, tracks: Tracks) -> None:
    expected = fit(tracks, dt=0.5, order=1, num_threads=2, robust="huber", robust_threshold=0.25, robust_iterations=3)
    result = fit(
        tracks,
        dt=np.float32(0.5),
        order=np.int64(1),
        num_threads=np.int32(2),
        robust=np.str_("huber"),
        robust_threshold=np.float32(0.25),
        robust_iterations=np.uint8(3),
    )
    assert_same_bits(result, expected)
