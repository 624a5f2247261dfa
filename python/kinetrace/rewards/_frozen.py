"""Frozen models behind rewards: the protocols they meet, and what frozen means."""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Protocol, runtime_checkable

from kinetrace._arrays import Array, is_torch
from kinetrace.rewards._clips import RANGES, checked


@runtime_checkable
class FlowModel(Protocol):
    """Anything that estimates optical flow between the frames of clips."""

    #: The range of frames it takes: "[0,1]", "[-1,1]", "[0,255]" or "uint8".
    frame_range: str
    #: Whether gradients flow from the answer to the frames; asking another model for them is an error.
    differentiable: bool

    def __call__(self, frames: Array, /) -> Array:
        """Flow (B, T-1, 2, H, W) in px per frame, x to the right, y down, of frames (B, T, 3, H, W)."""


@runtime_checkable
class FeatureModel(Protocol):
    """Anything that describes clips by features."""

    #: As in `FlowModel`.
    frame_range: str
    #: As in `FlowModel`.
    differentiable: bool

    def __call__(self, frames: Array, /) -> Array:
        """Features (B, ..., C), channels last, of frames (B, T, 3, H, W)."""


def freeze(module: Any) -> Any:
    """The torch module in evaluation mode, its parameters without requires_grad and without gradients."""
    module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return module


class FrozenModule:
    """A torch module that is built when it is first needed, kept frozen, and left out of pickles if it can be rebuilt.

    Subclasses implement `_build` (the module, from what the constructor was given) and `__call__`.
    """

    differentiable = True

    def __init__(self, module: Any, *, device: Any = None, dtype: Any = None) -> None:
        self._given, self.device, self.dtype = module, device, dtype
        self._module: Any = None
        self._lock = threading.RLock()

    def _build(self) -> Any:
        raise NotImplementedError

    def module(self, like: Any = None) -> Any:
        """The frozen module; when it is first built it goes to `device`, else to that of the tensor `like`."""
        with self._lock:
            if self._module is None:
                by_name = isinstance(self._given, str) or hasattr(self._given, "__fspath__")
                built = self._build() if by_name else self._given
                device = self.device
                if device is None and by_name and is_torch(like):
                    device = like.device
                self._module = freeze(built.to(device=device, dtype=self.dtype))
            return still_frozen(self._module)

    def _numbers(self, module: Any) -> Any:
        """Dtype of the module's floats; None when autocast decides, or when it has none."""
        import torch

        first = next((p for p in module.parameters() if p.is_floating_point()), None)
        if first is None or torch.is_autocast_enabled(first.device.type):
            return None
        return first.dtype

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_lock"}
        if isinstance(self._given, str) or hasattr(self._given, "__fspath__"):
            state["_module"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenModule:
        """Itself: it never changes, so that copies of a reward share it."""
        return self


def adopted(model: Any, name: str) -> Any:
    """The model, if it meets the protocol; a torch module is frozen.

    Raises:
        TypeError: it does not.
    """
    if not (callable(model) and hasattr(model, "frame_range") and hasattr(model, "differentiable")):
        wanted = "a callable with frame_range and differentiable"
        raise TypeError(f"{name}: expected {wanted}, got {type(model).__name__}")
    checked(model.frame_range, f"{name}.frame_range", RANGES)
    return still_frozen(model)


def still_frozen(model: Any) -> Any:
    """The model, frozen again if it is a torch module that somebody has set to training since."""
    if hasattr(model, "parameters") and hasattr(model, "eval"):
        loose = getattr(model, "training", False) or any(p.requires_grad for p in model.parameters())
        return freeze(model) if loose else model
    return model


def as_tensor(frames: Array, module: Any = None) -> Any:
    """A torch tensor of the frames: of a NumPy array sharing its memory, or on the device of the module."""
    import torch

    if is_torch(frames):
        return frames
    if not frames.flags.writeable or any(stride < 0 for stride in frames.strides):  # torch takes neither
        frames = frames.copy()
    first = None if module is None else next(module.parameters(), None)
    return torch.from_numpy(frames).to(None if first is None else first.device)


def wants_gradient(*arrays: Any) -> bool:
    """Whether autograd records on any of these arrays."""
    if not any(is_torch(x) for x in arrays):
        return False
    from kinetrace._torch import needs_grad

    return needs_grad(*arrays)


def without_gradient(*arrays: Any) -> Any:
    """A context in which nothing is recorded; for arrays of other libraries one that does nothing."""
    if not any(is_torch(x) for x in arrays):
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()
