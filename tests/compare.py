"""Assertions on arrays: equal bits, and equal within an elementwise bound that counts NaN as a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def fields(result: Any) -> dict[str, Array]:
    """The arrays of a result by name, a bare array under 'value'; fields that are None are left out."""
    if hasattr(result, "_asdict"):
        return {name: np.asarray(array) for name, array in result._asdict().items() if array is not None}
    return {"value": np.asarray(result)}


def assert_same_bits(actual: Any, expected: Any) -> None:
    """Same dtype, shape and bits, field by field; a NaN equals any NaN and -0.0 differs from 0.0."""
    left, right = fields(actual), fields(expected)
    assert left.keys() == right.keys()
    for name, a in left.items():
        b = right[name]
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        same = a == b
        if a.dtype.kind == "f":
            same = (same & (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))
        assert same.all(), f"{name} differs at {np.argwhere(~same)[:4].tolist()}: {a[~same][:4]} {b[~same][:4]}"


def assert_within(actual: npt.ArrayLike, expected: npt.ArrayLike, bound: npt.ArrayLike, name: str = "value") -> None:
    """Same shape, NaN in the same places, and elsewhere |actual - expected| <= bound."""
    a = np.asarray(actual, dtype=np.float64)
    b = np.asarray(expected, dtype=np.float64)
    assert a.shape == b.shape, f"{name}: shape {a.shape}, expected {b.shape}"
    limit = np.broadcast_to(np.asarray(bound, dtype=np.float64), a.shape)
    both_nan = np.isnan(a) & np.isnan(b)
    with np.errstate(invalid="ignore"):
        error = np.abs(a - b)
        good = both_nan | (a == b) | (error <= limit)
    first = np.argwhere(~good)[:1].tolist()
    assert good.all(), (
        f"{name}: {np.count_nonzero(~good)} of {a.size} beyond the bound, first at {first}: "
        f"{a[~good][0]!r}, expected {b[~good][0]!r} within {limit[~good][0]:.3g}"
    )


def rows(result: Any, index: Any) -> Any:
    """The same result with its arrays indexed along the batch axis."""
    picked = {name: array[index] for name, array in fields(result).items()}
    return type(result)(**picked) if hasattr(result, "_asdict") else picked["value"]
