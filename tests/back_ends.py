"""The back ends that tests call, by name."""

from __future__ import annotations

import os
from typing import Any

import standin

STANDIN = os.environ.get("KT_TEST_STANDIN") == "1"


class Backend:
    """One way of computing: NumPy arrays in, NumPy arrays out, the public function underneath."""

    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, function: str, *args: Any, **options: Any) -> Any:
        """kinetrace.<function>(*args, **options) on this back end."""
        if self.name == "standin":
            return standin.call(function, *args, **options)
        import kinetrace
        from kinetrace import _testing

        with _testing.use_backend(self.name):
            return getattr(kinetrace, function)(*args, **options)

    def backward(self, function: str, x: Any, upstream: Any, *args: Any, **options: Any) -> Any:
        """Gradient with respect to x of sum(upstream * function(x, *args, **options)) on this back end."""
        if self.name == "standin":
            return standin.backward(function, x, upstream, *args, **options)
        from kinetrace import _testing

        with _testing.use_backend(self.name):
            return _testing.backward(function, x, upstream, *args, **options)


def backend_names() -> list[str]:
    """Names of the back ends here; 'not built' where the native layer is missing: tests on it fail."""
    if STANDIN:
        return ["standin"]
    try:
        from kinetrace import _testing
    except ImportError:
        return ["not built"]
    return list(_testing.backends())
