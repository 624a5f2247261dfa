"""What hard and soft DTW do with their arguments before the native layer checks them: lists, halves, callbacks."""

from __future__ import annotations

import ctypes
import re
import sys
from typing import Any, NamedTuple

import numpy as np

from kinetrace._arrays import Array, any_torch, is_torch, library_of, widened

#: How a 64-bit integer may be called in the signature of a scipy.LowLevelCallable.
_INT64 = {"long", "long long", "longlong", "int64_t", "ssize_t", "intptr_t", "npy_intp", "Py_ssize_t", "ptrdiff_t"}


class Sequences(NamedTuple):
    """x and y, or cost, as arrays of float32 or float64, with their lengths."""

    x: Array | None
    y: Array | None
    cost: Array | None
    x_lengths: Array | None
    y_lengths: Array | None

    @property
    def first(self) -> tuple[Array, str]:
        """The array that decides library and device, and its name."""
        return (self.x, "x") if self.cost is None else (self.cost, "cost")


def sequences(function: str, x: Array, y: Array, cost: Array, x_lengths: Array, y_lengths: Array) -> Sequences:
    """The arrays of a call: lists padded, half precision widened.

    Raises:
        ValueError: x and y together with cost, or neither; lengths together with a list.
        TypeError: a list of something else than arrays.
    """
    if cost is None:
        for name, given in (("x", x), ("y", y)):
            if given is None:
                raise TypeError(f"{name}: expected an array or a list of arrays, got None")
        x, x_lengths = _one_axis(x, x_lengths, "x")
        y, y_lengths = _one_axis(y, y_lengths, "y")
        return Sequences(widened(x), widened(y), None, x_lengths, y_lengths)
    if x is not None or y is not None:
        raise ValueError(f"cost: expected None together with x and y in {function}, got {type(cost).__name__}")
    if isinstance(cost, (list, tuple)):
        _refuse_lengths("cost", x_lengths=x_lengths, y_lengths=y_lengths)
        cost, shapes = padded(cost, "cost", 2)
        x_lengths, y_lengths = shapes[:, 0], shapes[:, 1]
    return Sequences(None, None, widened(cost), x_lengths, y_lengths)


def refuse_grad(function: str, given: Sequences) -> None:
    """Raises ValueError for a tensor whose gradient `function` would drop."""
    if any_torch(given.x, given.y, given.cost):
        from kinetrace import _torch

        _torch.refuse_grad(function, x=given.x, y=given.y, cost=given.cost)


def _one_axis(array: Array, lengths: Array, name: str) -> tuple[Array, Array]:
    if not isinstance(array, (list, tuple)):
        return array, lengths
    _refuse_lengths(name, **{f"{name}_lengths": lengths})
    array, shapes = padded(array, name, 1)
    return array, shapes[:, 0]


def _refuse_lengths(name: str, **lengths: Array) -> None:
    for lengths_name, given in lengths.items():
        if given is not None:
            raise ValueError(f"{lengths_name}: expected None where {name} is a list, got {type(given).__name__}")


def padded(arrays: Any, name: str, ragged: int) -> tuple[Array, Array]:
    """Arrays whose first `ragged` axes differ in extent as one array filled up with 0, and those extents.

    Args:
        arrays: at least one array; all of one rank, dtype, library and device.
        name: the argument's name, for the messages.
        ragged: how many leading axes may differ.

    Returns:
        array (B, ...), extents (B, ragged) int64, in the library and on the device of the first array.
    """
    if not arrays:
        raise ValueError(f"{name}: expected at least one array in the list, got none")
    first = arrays[0]
    for k, array in enumerate(arrays):
        if not (hasattr(array, "shape") and hasattr(array, "dtype")):
            raise TypeError(f"{name}: expected a list of arrays, got {type(array).__name__} at {k}")
        if library_of(array) != library_of(first):
            raise TypeError(
                f"{name}: expected {type(first).__name__} like the first, got {type(array).__name__} at {k}"
            )
        if array.dtype != first.dtype:
            raise ValueError(f"{name}: expected {first.dtype} like the first array, got {array.dtype} at {k}")
        if len(array.shape) < max(ragged, 1) or array.shape[ragged:] != first.shape[ragged:]:
            wanted = ", ".join(["*"] * ragged + [str(extent) for extent in first.shape[ragged:]])
            raise ValueError(f"{name}: expected shape ({wanted}) like the first array, got {tuple(array.shape)} at {k}")
    shapes = [[int(extent) for extent in array.shape[:ragged]] for array in arrays]
    longest = [max(shape[axis] for shape in shapes) for axis in range(ragged)]
    whole, extents = zeros(first, (len(arrays), *longest, *first.shape[ragged:]), shapes)
    for k, array in enumerate(arrays):
        whole[(k, *(slice(extent) for extent in shapes[k]))] = array
    return whole, extents


def zeros(like: Any, shape: tuple[int, ...], extents: list[list[int]]) -> tuple[Array, Array]:
    """Zeros, and the extents as int64, in the library and on the device of an array."""
    if is_torch(like):
        torch = sys.modules["torch"]
        return like.new_zeros(shape), torch.tensor(extents, dtype=torch.int64, device=like.device)
    if library_of(like) == "cupy":
        import cupy

        with like.device:
            return cupy.zeros(shape, dtype=like.dtype), cupy.asarray(extents, dtype=np.int64)
    return np.zeros(shape, dtype=like.dtype), np.array(extents, dtype=np.int64)


def metric_arguments(metric: Any, array: Array) -> tuple[Any, tuple[int, int | None] | None]:
    """What the native layer takes: a name and None, or a callback's address and that of its data.

    Args:
        metric: a name, a numba.cfunc or a scipy.LowLevelCallable.
        array: x, whose dtype the callback's pointers must have.

    Raises:
        TypeError: something else, or a callback of another signature.
    """
    if isinstance(metric, str):
        return metric, None
    element = {"float32": "float", "float64": "double"}.get(
        str(getattr(array, "dtype", "")).removeprefix("torch."), "T"
    )
    if hasattr(metric, "address") and hasattr(metric, "_sig"):
        return "sqeuclidean", (_numba_address(metric, element), None)
    if type(metric).__name__ == "LowLevelCallable":
        return "sqeuclidean", _scipy_address(metric, element)
    if callable(metric):
        raise TypeError(
            f"metric: expected a name or a compiled callback (numba.cfunc or scipy.LowLevelCallable), "
            f"got {type(metric).__name__}, which would be called once per cell"
        )
    raise TypeError(f"metric: expected a name or a compiled callback, got {type(metric).__name__}")


def _numba_address(metric: Any, element: str) -> int:
    number = {"float": "float32", "double": "float64"}.get(element, element)
    got = f"{metric._sig.return_type}({', '.join(str(kind) for kind in metric._sig.args)})"
    expected = f"float64({number}*, {number}*, int64)"
    if got != expected:
        raise TypeError(f"metric: expected a callback {expected}, got {got}")
    return int(metric.address)


def _scipy_address(metric: Any, element: str) -> tuple[int, int | None]:
    expected = f"double ({element} *, {element} *, int64_t) or double ({element} *, {element} *, int64_t, void *)"
    found = re.fullmatch(r"\s*double\s*\((.*)\)\s*", metric.signature)
    kinds = [" ".join(part.replace("*", " * ").split()) for part in found[1].split(",")] if found else []
    kinds = [re.sub(r"^const ", "", re.sub(r"(\*)? \w+$", r"\1", k) if k.count(" ") > 2 else k) for k in kinds]
    right = len(kinds) in (3, 4) and kinds[:2] == [f"{element} *"] * 2 and kinds[2] in _INT64
    if not right or (len(kinds) == 4 and kinds[3] != "void *"):
        raise TypeError(f"metric: expected a callback {expected}, got {metric.signature}")
    capsule = tuple.__getitem__(metric, 0)
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = api.PyCapsule_GetContext.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes, api.PyCapsule_GetContext.argtypes = (
        [ctypes.py_object, ctypes.c_char_p],
        [ctypes.py_object],
    )
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return int(address), (api.PyCapsule_GetContext(capsule) or 0) if len(kinds) == 4 else None
