"""Motion estimators: the interfaces for dense flow and point trackers, and those that need no weights."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kinetrace.chain_flow import chain_flow

from .errors import load_cv2

Floats = npt.NDArray[Any]
Frames = npt.NDArray[np.uint8]


class PointTracks(NamedTuple):
    """Positions (T, N, 2) float64 px, NaN where unknown, and visible (T, N)."""

    positions: Floats
    visible: npt.NDArray[np.bool_]


class DenseFlow(Protocol):
    """Anything that estimates optical flow between two grey frames."""

    def __call__(self, first: Frames, second: Frames) -> Floats:
        """Flow (2, H, W) float32 in pixels, channel 0 = x right, 1 = y down, from `first` to `second`."""


class PointTracker(Protocol):
    """Anything that follows points through a clip, forward and backward from where each starts."""

    def track(self, frames: Frames, points: Floats, start: npt.NDArray[np.int64]) -> PointTracks:
        """Tracks of points (N, 2) px through frames (T, H, W); point i is given at frame start[i]."""


class DISFlow:
    """OpenCV's dense inverse search flow."""

    def __init__(self, preset: str = "medium") -> None:
        cv2 = load_cv2()
        presets = {
            "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
            "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
            "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
        }
        if preset not in presets:
            raise ValueError(f"preset: expected one of {', '.join(presets)}, got {preset!r}")
        self._estimator = cv2.DISOpticalFlow_create(presets[preset])

    def __call__(self, first: Frames, second: Frames) -> Floats:
        """Flow (2, H, W) float32 from `first` to `second`."""
        flow = self._estimator.calc(first, second, None)
        return np.ascontiguousarray(np.moveaxis(flow, -1, 0))


class ChainedFlow:
    """A point tracker made of any dense flow: points are lost where forward and backward flow disagree."""

    def __init__(self, flow: DenseFlow, *, max_cycle_error_px: float = 1.0) -> None:
        self._flow = flow
        self._limit = max_cycle_error_px

    def track(self, frames: Frames, points: Floats, start: npt.NDArray[np.int64]) -> PointTracks:
        """Tracks of points (N, 2) px, forward and backward from their start frames."""
        count = len(frames)
        forward = np.stack([self._flow(frames[t], frames[t + 1]) for t in range(count - 1)])
        backward = np.stack([self._flow(frames[t + 1], frames[t]) for t in range(count - 1)])
        points = np.asarray(points, dtype=np.float32)
        later = chain_flow(forward, points, backward_flow=backward, start=start, max_cycle_error=self._limit)
        # Backward in time: the same chain over the reversed clip, where the two flows change places.
        earlier = chain_flow(
            np.ascontiguousarray(backward[::-1]),
            points,
            backward_flow=np.ascontiguousarray(forward[::-1]),
            start=count - 1 - np.asarray(start),
            max_cycle_error=self._limit,
        )
        visible = np.asarray(later.visible) | np.asarray(earlier.visible)[::-1]
        positions = np.where(
            np.asarray(later.visible)[..., None], later.positions, np.asarray(earlier.positions)[::-1]
        ).astype(np.float64)
        positions[~visible] = np.nan
        return PointTracks(positions, visible)
