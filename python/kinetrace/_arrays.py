"""What differs between array libraries: recognising them, their devices, their outputs, their streams.

Nothing here imports torch or CuPy unless an array of theirs has arrived, so `import kinetrace` stays cheap and quiet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

#: Any array object: NumPy, Torch, CuPy, or an object with DLPack, CUDA array interface or buffer protocol.
Array = Any


def is_torch(x: object) -> bool:
    """Whether `x` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def any_torch(*arrays: object) -> bool:
    """Whether any of `arrays` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and any(isinstance(x, torch.Tensor) for x in arrays)


def library_of(x: object) -> str:
    """Name of the library that owns `x`: "numpy", "torch", "cupy" or "other"."""
    if isinstance(x, np.ndarray):
        return "numpy"
    if is_torch(x):
        return "torch"
    return "cupy" if type(x).__module__.partition(".")[0] == "cupy" else "other"


def device_type(x: Any) -> str:
    """Kind of device that `x` lies on: "cpu", "cuda", or another library's word for its own.

    Objects without any array protocol count as "cpu": the native layer names the argument when it refuses them.
    """
    if isinstance(x, np.ndarray):
        return "cpu"
    if is_torch(x):
        return str(x.device.type)
    if hasattr(x, "__dlpack_device__"):
        code = int(x.__dlpack_device__()[0])
        return {1: "cpu", 2: "cuda", 3: "cpu", 13: "cuda"}.get(code, f"DLPack device type {code}")
    return "cuda" if hasattr(x, "__cuda_array_interface__") else "cpu"


def widened(x: Any) -> Any:
    """float16 and bfloat16 as float32, in the same library on the same device; anything else as it is."""
    dtype = getattr(x, "dtype", None)
    if dtype is None or str(dtype).removeprefix("torch.") not in ("float16", "bfloat16"):
        return x
    return x.float() if is_torch(x) else x.astype("float32")


def empty(like: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """Uninitialised contiguous array in the library and on the device of `like`.

    Args:
        like: the array that decides library and device; of an unknown library on CUDA the output is a CuPy array.
        shape: extents.
        dtype: NumPy name of the dtype.
    """
    if is_torch(like):
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, dtype), device=like.device)
    if device_type(like) == "cuda":
        import cupy

        with cupy.cuda.Device(int(like.__dlpack_device__()[1]) if hasattr(like, "__dlpack_device__") else 0):
            return cupy.empty(shape, dtype=dtype)
    return np.empty(shape, dtype=dtype)


def current_stream(like: Any) -> int:
    """Handle of the caller's current CUDA stream for `like`; 0 is the legacy default stream."""
    if is_torch(like):
        torch = sys.modules["torch"]
        return int(torch.cuda.current_stream(like.device).cuda_stream)
    if library_of(like) == "cupy":
        import cupy

        return int(cupy.cuda.get_current_stream().ptr)
    interface = getattr(like, "__cuda_array_interface__", None)
    return int(interface.get("stream") or 0) if interface else 0
