"""The CUDA back end for tests that hold host arrays: inputs go to the GPU in the same layout, results come back."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


class OnDevice:
    """Stands in for an extension module whose functions take host arrays, and runs those of `module` on the GPU."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._module, name)

        def call(*args: Any) -> Any:
            as_numpy = not any(isinstance(x, torch.Tensor) for x in args)
            result = function(*(to_device(x) for x in args))
            torch.cuda.synchronize()
            return to_host(result, as_numpy)

        return call if callable(function) else function


def to_device(x: Any) -> Any:
    """A CUDA tensor with the strides of `x`; what is no array that torch can hold stays as it is."""
    if isinstance(x, torch.Tensor):
        x = x.detach().numpy()
    if not isinstance(x, np.ndarray):
        return x
    steps = [stride // max(x.itemsize, 1) for stride in x.strides]
    whole = all(stride % max(x.itemsize, 1) == 0 and stride >= 0 for stride in x.strides)
    span = 1 + sum((n - 1) * step for n, step in zip(x.shape, steps, strict=True)) if x.size else 0
    if not whole or not x.size or span > 64 * x.size:  # backwards or far apart: torch has no such layout, or no room
        return torch.from_numpy(np.array(x, order="C")).cuda()
    memory = np.lib.stride_tricks.as_strided(x, (span,), (x.itemsize,)).copy()
    return torch.from_numpy(memory).cuda().as_strided(x.shape, steps)


def to_host(result: Any, as_numpy: bool) -> Any:
    """The same result, of any nesting of tuples, with host arrays."""
    if isinstance(result, tuple):
        return tuple(to_host(part, as_numpy) for part in result)
    if isinstance(result, torch.Tensor):
        return result.cpu().numpy() if as_numpy else result.cpu()
    return result
