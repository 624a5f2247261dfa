"""A back end made of the definitions themselves, rounded to the dtype: it proves the tests, not the kernels.

Used when KT_TEST_STANDIN=1, to show that the tests pass on an implementation that is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace import _reference


def call(function: str, *args: Any, num_threads: int | None = None, **options: Any) -> Any:
    """Runs a definition and gives its float results the dtype of the first argument."""
    del num_threads
    first = args[0] if args else options["cost"] if options.get("cost") is not None else options["x"]
    return _cast(getattr(_reference, function)(*args, **options), np.asarray(first).dtype)


def backward(function: str, x: npt.NDArray[Any], upstream: npt.NDArray[Any], *args: Any, **options: Any) -> Any:
    """Gradient of sum(upstream * function(x, ...)) with respect to x, in the dtype of x."""
    options.pop("num_threads", None)
    return _cast(getattr(_reference, f"{function}_backward")(x, upstream, *args, **options), x.dtype)


def _cast(result: Any, dtype: np.dtype[Any]) -> Any:
    with np.errstate(over="ignore", under="ignore"):
        if hasattr(result, "_asdict"):
            return type(result)(*(_cast(array, dtype) for array in result))
        if result is None or np.asarray(result).dtype.kind != "f":
            return result
        return np.asarray(result).astype(dtype)
