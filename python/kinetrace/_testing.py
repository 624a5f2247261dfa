"""Back ends by name, so that one test runs on all of them. For tests and benchmarks; not part of the public API."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from kinetrace import _cpu, _dispatch

_LEVELS = ("baseline", "avx2", "avx512")


def backends() -> list[str]:
    """Names that `use_backend` accepts here: this processor's SIMD levels, "cuda_emu" if built, "cuda" with a GPU."""
    levels = _LEVELS[: _LEVELS.index(_cpu.best_simd_level()) + 1]
    names = [f"cpu-{level}" for level in levels]
    with contextlib.suppress(ImportError):
        importlib.import_module("kinetrace._cuda_emu")
        names.append("cuda_emu")
    if cuda_is_usable():
        names.append("cuda")
    return names


def cuda_is_usable() -> bool:
    """Whether the CUDA back end was built, sees a device, and a CUDA build of torch is there to hold its arrays."""
    try:
        if not importlib.import_module("kinetrace._cuda").device_info()["devices"]:
            return False
        return bool(importlib.import_module("torch").cuda.is_available())
    except ImportError:
        return False


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
        elif name == "cuda":
            from kinetrace._testing_cuda import OnDevice

            _dispatch._host = OnDevice(importlib.import_module("kinetrace._cuda"))
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


def _track_residual(positions: Any, upstream: Any, options: Any) -> Any:
    visible, *rest = options
    _, count = _dispatch._host.track_residual(positions, visible, *rest)
    return _dispatch._host.track_residual_backward(upstream, positions, visible, count, *rest)


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
    "track_residual": (
        {"visible": None, "dt": 1.0, "norm": "squared", "reduction": "mean", "num_threads": None},
        _track_residual,
    ),
}
