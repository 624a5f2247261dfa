"""The few elementwise operations that NumPy, CuPy and torch spell differently, on the library and device of one array."""

from __future__ import annotations

import importlib
from collections.abc import Hashable
from typing import Any

import numpy as np

from kinetrace._arrays import is_torch, library_of


class Namespace:
    """Operations in the library and on the device of `like`.

    Raises:
        TypeError: `like` is no array of NumPy, torch or CuPy.
    """

    def __init__(self, like: Any, name: str) -> None:
        library = library_of(like)
        if library == "other":
            raise TypeError(f"{name}: expected a NumPy, Torch or CuPy array, got {type(like).__name__}")
        self.xp: Any = importlib.import_module(library)
        self.like, self.is_torch = like, library == "torch"

    def floats(self, x: Any, name: str, length: int | None = None) -> Any:
        """A float32 or float64 array (B,) as float64."""
        if not isinstance(x, type(self.like)):
            raise TypeError(f"{name}: expected an array of the same library, got {type(x).__name__}")
        kind = str(x.dtype).removeprefix("torch.")
        if kind not in ("float32", "float64"):
            raise ValueError(f"{name}: expected float32 or float64, got {kind}")
        if len(x.shape) != 1 or (length is not None and x.shape[0] != length):
            wanted = "(B,)" if length is None else f"({length},)"
            raise ValueError(f"{name}: expected shape {wanted}, got {tuple(x.shape)}")
        return x.to(self.xp.float64) if self.is_torch else x.astype(self.xp.float64)

    def full(self, count: int, value: float, dtype: str = "float64") -> Any:
        if self.is_torch:
            return self.xp.full((count,), value, dtype=getattr(self.xp, dtype), device=self.like.device)
        return self.xp.full((count,), value, dtype=dtype)

    def joined(self, a: Any, b: Any) -> Any:
        return self.xp.concatenate((a, b))

    def number(self, mask: Any, unknown: Any) -> Any:
        """1.0 or 0.0; NaN where `unknown` is NaN."""
        return self.xp.where(self.xp.isnan(unknown), unknown, self.plain(mask))

    def plain(self, mask: Any) -> Any:
        """1.0 or 0.0."""
        return mask.to(self.xp.float64) if self.is_torch else mask.astype(self.xp.float64)

    def back(self, x: Any) -> Any:
        """In the dtype of `like`."""
        return x.to(self.like.dtype) if self.is_torch else x.astype(self.like.dtype)

    def native(self, x: Any, name: str) -> Any:
        """NumPy arrays as arrays of this library where both lie on the CPU; its own stay as they are."""
        if isinstance(x, type(self.like)):
            return x
        if self.is_torch and isinstance(x, np.ndarray) and self.like.device.type == "cpu":
            return self.xp.from_numpy(x)
        raise TypeError(f"{name}: expected an array of the same library and device, got {type(x).__name__}")


def as_ids(groups: Any, like: Any, name: str = "groups") -> Any:
    """Group ids as integers; arrays of numbers stay as they are, other sequences are numbered by first occurrence.

    Raises:
        TypeError: neither.
    """
    kind = getattr(getattr(groups, "dtype", None), "kind", None)
    if hasattr(groups, "shape") and kind not in ("U", "S", "O"):
        return groups
    if isinstance(groups, str | bytes) or not hasattr(groups, "__len__"):
        raise TypeError(f"{name}: expected an array of integers or a sequence of ids, got {type(groups).__name__}")
    numbers: dict[Hashable, int] = {}
    for group in groups:
        if not isinstance(group, Hashable):
            raise TypeError(
                f"{name}: expected an array of integers or a sequence of ids, got {type(group).__name__} in it"
            )
    ids = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)
    if is_torch(like):
        torch = importlib.import_module("torch")
        return torch.from_numpy(ids).to(like.device)
    return importlib.import_module("cupy").asarray(ids) if library_of(like) == "cupy" else ids
