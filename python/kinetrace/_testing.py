"""Back ends by name, so that one test runs on all of them. For tests and benchmarks; not part of the public API."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator

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
