"""Arrays and scalars of the metrics, checked in one place; every message is `<argument>: expected <x>, got <y>`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace._arrays import Array, device_type, is_torch, widened

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def on_host(x: Array, name: str) -> npt.NDArray[Any]:
    """A NumPy view of a NumPy array or of a CPU tensor without gradient."""
    if is_torch(x):
        if x.requires_grad:
            raise ValueError(f"{name}: expected a tensor without gradient (metrics have none), got requires_grad=True")
        if x.device.type != "cpu":
            raise ValueError(f"{name}: expected an array on the CPU, got one on {x.device.type}")
        host: npt.NDArray[Any] = widened(x).numpy()
        return host
    if not hasattr(x, "dtype") and not isinstance(x, list | tuple):
        raise TypeError(f"{name}: expected an array, got {type(x).__name__}")
    if device_type(x) != "cpu":
        raise ValueError(f"{name}: expected an array on the CPU, got one on {device_type(x)}")
    try:
        return np.asarray(widened(x))
    except ValueError as error:
        raise ValueError(f"{name}: expected a rectangular array, got {str(error)[:80]}") from None


def real(
    x: Array, name: str, shape: str, ndims: tuple[int, ...], *, missing: bool = False, keep: bool = False
) -> npt.NDArray[Any]:
    """A floating array with one of `ndims` numbers of axes, as float64 (keep: in its own precision).

    missing: NaN means "not there" and passes; infinities never do.
    """
    array = on_host(x, name)
    if array.dtype.kind != "f":
        raise TypeError(f"{name}: expected float32 or float64, got {array.dtype}")
    if array.ndim not in ndims:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    good = not np.isinf(array).any() if missing else np.isfinite(array).all()
    if not good:
        wanted = "finite numbers or NaN (missing)" if missing else "finite numbers"
        raise ValueError(f"{name}: expected {wanted}, got {'inf' if missing else 'NaN or inf'}")
    return array if keep else array.astype(np.float64, copy=False)


def tracks(x: Array, name: str, shape: str, ndims: tuple[int, ...], frames: int, dims: tuple[int, ...]) -> Floats:
    """Positions whose last axis is a coordinate and, in any shape named here, whose frames axis is checked by callers."""
    array = real(x, name, shape, ndims, missing=True)
    if array.shape[-1] not in dims:
        raise ValueError(f"{name}: expected {' or '.join(map(str, dims))} coordinates, got {array.shape[-1]}")
    at = array.ndim - 2 if array.ndim < 4 else 1
    if array.shape[at] < frames:
        raise ValueError(f"{name}: expected at least {frames} frames, got {array.shape[at]}")
    return array


def masks(x: Array, name: str, shape: str, ndims: tuple[int, ...]) -> Bools:
    """A bool or uint8 array as bool: any value but 0 is inside."""
    array = on_host(x, name)
    if array.dtype not in (np.dtype(bool), np.dtype(np.uint8)):
        raise TypeError(f"{name}: expected bool or uint8, got {array.dtype}")
    if array.ndim not in ndims:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    return array if array.dtype == bool else array != 0


def same_shape(x: npt.NDArray[Any], name: str, other: npt.NDArray[Any], other_name: str) -> None:
    """Raises unless both have one shape."""
    if x.shape != other.shape:
        raise ValueError(f"{name}: expected the shape of {other_name} {other.shape}, got {x.shape}")


def number(value: Any, name: str, *, positive: bool = True) -> float:
    """A finite number, greater than 0 unless `positive` is False."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    result = float(value)
    if not math.isfinite(result) or (positive and result <= 0):
        raise ValueError(f"{name}: expected a finite number{' > 0' if positive else ''}, got {result!r}")
    return result


def whole(value: Any, name: str, least: int) -> int:
    """An integer of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    result = int(value)
    if result < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {result}")
    return result


def choice(value: Any, name: str, choices: tuple[Any, ...]) -> None:
    """Raises unless the value is one of the choices."""
    if not any(type(value) is type(c) and value == c for c in choices):
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r:.60}")


def nanmean(values: npt.NDArray[Any], axis: int | None = None) -> Any:
    """Mean of what is not NaN; NaN, without a warning, where nothing is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values, axis=axis)


def load_cv2(what: str) -> Any:
    """OpenCV, or an ImportError that says what needs it."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(f"{what} needs OpenCV ({error}): pip install 'kinetrace[video]'") from error
    return cv2
