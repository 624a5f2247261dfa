"""The one place that turns a device into a back end (dtypes become types in python/bindings/arrays.hpp)."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from kinetrace import _cpu
from kinetrace._arrays import device_type

_host: Any = _cpu  # tests put the emulated CUDA module here
_cuda: ModuleType | None = None


def cuda_module() -> ModuleType:
    """The CUDA back end.

    Raises:
        RuntimeError: it was not built; the message says why.
    """
    global _cuda
    if _cuda is None:
        try:
            _cuda = importlib.import_module("kinetrace._cuda")
        except ImportError as error:
            raise RuntimeError(
                f"kinetrace has no CUDA back end: {_cpu.cuda_build} ({error}). "
                "Build it with nvcc on PATH, or with KINETRACE_CUDA=pypi, or move the arrays to the CPU."
            ) from error
    return _cuda


def backend_for(array: Any, name: str) -> Any:
    """Extension module that works on the device of `array`.

    Args:
        array: the call's first array.
        name: its argument name, for the message.

    Raises:
        ValueError: the device is neither cpu nor cuda.
        RuntimeError: it is cuda and the CUDA back end was not built.
    """
    kind = device_type(array)
    if kind == "cpu":
        return _host
    if kind == "cuda":
        return cuda_module()
    raise ValueError(f"{name}: expected an array on cpu or cuda, got {kind}")
