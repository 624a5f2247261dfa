# Written by scripts/stubs.py from the extension module; do not edit.
from typing import Any

def best_simd_level() -> str: ...
def fit_kinematics(
    positions: Any,
    times: Any,
    weights: Any,
    visible: Any,
    dt: Any,
    order: Any,
    robust: Any,
    robust_threshold: Any,
    robust_iterations: Any,
    num_threads: Any,
) -> tuple[Any, ...]: ...
def num_threads() -> int: ...
def set_simd_level(name: str) -> None: ...
def simd_level() -> str: ...
def statuses() -> dict[str, Any]: ...
def stream_read(buffer: Any, num_threads: Any = ...) -> int: ...

compiler: str
cuda_build: str
version: str
