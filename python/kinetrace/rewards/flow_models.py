"""Optical flow for rewards: OpenCV's DIS for scoring, RAFT through torchvision for gradients."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from kinetrace._arrays import Array, device_type, is_torch
from kinetrace.rewards._frozen import FrozenModule, adopted, as_tensor, wants_gradient


class OpenCVFlow:
    """Dense inverse search (DIS) flow of OpenCV, a `FlowModel` for scoring: on the CPU, without weights or gradient.

    Args:
        preset: "ultrafast", "fast" or "medium".

    Raises:
        ValueError: an unknown preset; when called: frames that require grad (DIS has none), or not on the CPU.
        ImportError: when called, OpenCV is not installed.
    """

    frame_range = "uint8"
    differentiable = False

    def __init__(self, preset: str = "medium") -> None:
        if preset not in ("ultrafast", "fast", "medium"):
            raise ValueError(f"preset: expected one of 'ultrafast', 'fast', 'medium', got {preset!r}")
        self.preset = preset
        self._local = threading.local()

    def _estimator(self) -> Any:
        """One estimator per thread: OpenCV's keeps buffers."""
        from kinetrace.video.motion import DISFlow

        if not hasattr(self._local, "flow"):
            self._local.flow = DISFlow(self.preset)
        return self._local.flow

    def __call__(self, frames: Array, /) -> Array:
        """Flow (B, T-1, 2, H, W) float32 of frames (B, T, 1 or 3, H, W), uint8, RGB."""
        if wants_gradient(frames):
            raise ValueError("frames: expected a tensor without requires_grad (DIS has no gradient), got one with it")
        if device_type(frames) != "cpu":
            raise ValueError(f"frames: expected an array on cpu, got {device_type(frames)}")
        estimate, pixels = self._estimator(), np.asarray(frames.detach() if is_torch(frames) else frames)
        b, t, _, h, w = pixels.shape
        flow = np.empty((b, max(t - 1, 0), 2, h, w), np.float32)
        for i, clip in enumerate(pixels):
            grey = [_grey(frame) for frame in clip]
            for j in range(t - 1):
                flow[i, j] = estimate(grey[j], grey[j + 1])
        return as_tensor(flow) if is_torch(frames) else flow

    def __getstate__(self) -> dict[str, Any]:
        return {"preset": self.preset}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.preset, self._local = state["preset"], threading.local()


def _grey(frame: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Grey (H, W) uint8 of a frame (C, H, W)."""
    if len(frame) == 1:
        return np.ascontiguousarray(frame[0])
    import cv2

    grey: np.ndarray[Any, Any] = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(frame, 0, -1)), cv2.COLOR_RGB2GRAY)
    return grey


class RaftFlow(FrozenModule):
    """RAFT, a frozen `FlowModel` through which gradients reach the frames.

    Which flow model NewtonRewards uses is not published; PISA's code, its baseline, uses RAFT with 20 updates. RAFT
    stops the gradient between its updates (published: its training does so too), so what comes back is RAFT's own
    gradient, not the derivative that finite differences of its output would give.

    Args:
        model: "raft_small" or "raft_large" of torchvision, built when first called; or a module called as torchvision's,
            `module(first, second, num_flow_updates=...)` with frames (N, 3, H, W) in [-1, 1], whose answer is the flow
            (N, 2, H, W) or a list of which the last is it.
        weights: for a model by name: a file with its state dict, or a name of torchvision's weights ("DEFAULT"), which
            it downloads.
        num_flow_updates: iterations.
        pairs_per_call: pairs of frames that go through the module at once; None: all. Bounds the memory.
        checkpoint: recompute the module's activations in the backward pass, instead of keeping them.
        arguments: keyword arguments of the module instead of num_flow_updates.
        device, dtype: where the module goes and in what precision; None: that of the first frames, and its own.

    Raises:
        ValueError: an unknown name, or a name without weights.
        ImportError: when first called, torchvision is missing or does not fit torch.
    """

    frame_range = "[-1,1]"

    def __init__(
        self,
        model: Any = "raft_small",
        *,
        weights: Any = None,
        num_flow_updates: int = 20,
        pairs_per_call: int | None = None,
        checkpoint: bool = False,
        arguments: Mapping[str, Any] | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(model, device=device, dtype=dtype)
        if isinstance(model, str):
            if model not in ("raft_small", "raft_large"):
                raise ValueError(f"model: expected 'raft_small', 'raft_large' or a module, got {model!r}")
            if weights is None:
                raise ValueError("weights: expected a file or a name of torchvision's weights, got None")
        if pairs_per_call is not None and pairs_per_call < 1:
            raise ValueError(f"pairs_per_call: expected at least 1, got {pairs_per_call}")
        self.weights, self.pairs_per_call, self.checkpoint = weights, pairs_per_call, checkpoint
        self.arguments = {"num_flow_updates": num_flow_updates} if arguments is None else dict(arguments)

    def _build(self) -> Any:
        try:
            from torchvision.models import optical_flow
        except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
            raise ImportError(f"RaftFlow needs a torchvision that fits the installed torch ({error})") from error
        builder, weights = getattr(optical_flow, str(self._given)), self.weights
        if not os.path.exists(weights):
            return builder(weights=str(weights))
        import torch

        module = builder(weights=None)
        module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        return module

    def __call__(self, frames: Array, /) -> Any:
        """Flow (B, T-1, 2, H, W) of frames (B, T, 3, H, W) in [-1, 1]."""
        import torch

        module = self.module(frames)
        tensor = as_tensor(frames, module)
        b, t, c, h, w = tensor.shape
        if self.pairs_per_call is None:  # frames that are no rows of pairs yet are copied here
            flow = self._run(module, tensor[:, :-1].reshape(-1, c, h, w), tensor[:, 1:].reshape(-1, c, h, w))
            return flow.unflatten(0, (b, t - 1))
        starts = [(i, j) for i in range(b) for j in range(0, t - 1, self.pairs_per_call)]
        stop = [min(j + self.pairs_per_call, t - 1) for _, j in starts]
        parts = [
            self._run(module, tensor[i, j:k], tensor[i, j + 1 : k + 1]) for (i, j), k in zip(starts, stop, strict=True)
        ]
        return torch.cat(parts).unflatten(0, (b, t - 1))

    def _run(self, module: Any, first: Any, second: Any) -> Any:
        if self.checkpoint and wants_gradient(first, second):
            from torch.utils.checkpoint import checkpoint

            return checkpoint(self._pairs, module, first, second, use_reentrant=False)
        return self._pairs(module, first, second)

    def _pairs(self, module: Any, first: Any, second: Any) -> Any:
        """Flow of pairs, of sizes that are no multiple of 8 after repeating their edges."""
        from torch.nn.functional import pad

        h, w = first.shape[-2:]
        edges = (0, -w % 8, 0, -h % 8)
        if any(edges):
            first, second = pad(first, edges, mode="replicate"), pad(second, edges, mode="replicate")
        dtype = self._numbers(module)
        if dtype is not None:
            first, second = first.to(dtype), second.to(dtype)
        with self._lock:  # torchvision's RAFT keeps its correlation volume in the module
            flow = module(first, second, **self.arguments)
        flow = flow[-1] if isinstance(flow, list | tuple) else flow
        return flow[..., :h, :w]


def flow_model(flow: Any, *, weights: Any = None, device: Any = None, dtype: Any = None) -> Any:
    """The flow model that a reward's argument `flow` means: a name, an object, or None."""
    if flow is None:
        return None
    if isinstance(flow, str) and flow == "dis":
        return OpenCVFlow()
    if isinstance(flow, str):
        return RaftFlow(flow, weights=weights, device=device, dtype=dtype)
    return adopted(flow, "flow")
