"""Back ends by name, so that one test runs on all of them. For tests and benchmarks; not part of the public API."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from kinetrace import _cpu, _dispatch

_LEVELS = ("baseline", "avx2", "avx512")


def backends() -> list[str]:
    """Names that `use_backend` accepts here: the SIMD levels of this processor, and "cuda_emu" when it was built."""
    levels = _LEVELS[: _LEVELS.index(_cpu.best_simd_level()) + 1]
    names = [f"cpu-{level}" for level in levels]
    with contextlib.suppress(ImportError):
        importlib.import_module("kinetrace._cuda_emu")
        names.append("cuda_emu")
    return names


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Runs every call on host arrays through the named back end.

    Args:
        name: one of `backends()`.
    """
    before_level, before_host = _cpu.simd_level(), _dispatch._host
    try:
        if name.startswith("cpu-"):
            _cpu.set_simd_level(name.removeprefix("cpu-"))
            _dispatch._host = _cpu
        else:
            _dispatch._host = importlib.import_module(f"kinetrace._{name}")
        yield
    finally:
        _cpu.set_simd_level(before_level)
        _dispatch._host = before_host


def backward(function: str, x: Any, upstream: Any, **options: Any) -> Any:
    """Gradient with respect to x of sum(upstream * function(x, **options)), straight from the back end in use.

    Args:
        function: name of a kernel with a gradient.
        x: its first array, NumPy.
        upstream: array like its value.
        **options: its keyword arguments.
    """
    defaults, run = _GRADIENTS[function]
    unknown = options.keys() - defaults.keys()
    if unknown:
        raise TypeError(f"{function}: unexpected options {sorted(unknown)}")
    return run(x, upstream, (defaults | options).values())


def _kinematic_residual(flow: Any, upstream: Any, options: Any) -> Any:
    mask, *rest = options
    _, total_weight = _dispatch._host.kinematic_residual(flow, mask, *rest)
    return _dispatch._host.kinematic_residual_backward(upstream, flow, mask, total_weight, *rest)


_GRADIENTS: dict[str, tuple[dict[str, Any], Any]] = {
    "kinematic_residual": (
        {
            "mask": None,
            "mode": "eulerian",
            "norm": "squared",
            "reduction": "mean",
            "dt": 1.0,
            "mask_rule": "center",
            "iterations": 0,
            "num_threads": None,
        },
        _kinematic_residual,
    ),
}
