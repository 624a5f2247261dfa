"""Benchmarks: their data, rules and tables, one module each, imported when first named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinetrace.benchmarks import newtonbench as newtonbench

__all__ = ["newtonbench"]


def __getattr__(name: str) -> Any:
    """The module of a benchmark."""
    if name in __all__:
        return import_module(f"kinetrace.benchmarks.{name}")
    raise AttributeError(f"module 'kinetrace.benchmarks' has no attribute {name!r}")
