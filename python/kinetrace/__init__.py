"""kinetrace: motion quantities of video, computed by compiled kernels."""

from .primitives import simulate_primitive

__version__ = "0.1.0"

__all__ = ["__version__", "simulate_primitive"]
