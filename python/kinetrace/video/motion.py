"""Motion estimators: the interfaces for dense flow and point trackers, and those that need no weights."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ._kernels import chain_flow
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
    """A point tracker made of any dense flow: points carried by it, lost where forward and backward flow disagree."""

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


class LucasKanade:
    """Pyramidal Lucas-Kanade with a constant-velocity start, a forward-backward and a patch correlation check.

    A step is kept when tracking back returns within `max_cycle_error_px` and the two patches correlate. A point that
    fails with its own velocity is tried again with the median velocity of the points near it that held, then from
    rest. With `flow`, its value at the point is tried as well.
    """

    WINDOW_PX: Final = 15
    LEVELS: Final = 3
    PATCH_PX: Final = 9
    NEAR_PX: Final = 60.0

    def __init__(
        self,
        *,
        max_cycle_error_px: float = 0.5,
        min_correlation: float = 0.7,
        flow: DenseFlow | None = None,
        predict: bool = True,
    ) -> None:
        self._cv2 = load_cv2()
        self._limit = max_cycle_error_px
        self._min_correlation = min_correlation
        self._flow = flow
        self._predict = predict

    def track(self, frames: Frames, points: Floats, start: npt.NDArray[np.int64]) -> PointTracks:
        """Tracks of points (N, 2) px, forward and backward from their start frames."""
        count, number = len(frames), len(points)
        positions = np.full((count, number, 2), np.nan)
        visible = np.zeros((count, number), dtype=bool)
        start = np.asarray(start)
        positions[start, np.arange(number)] = points
        visible[start, np.arange(number)] = True
        for step in (1, -1):
            velocity = np.zeros((number, 2))
            if step < 0:
                after = np.minimum(start + 1, count - 1)
                first = positions[after, np.arange(number)] - positions[start, np.arange(number)]
                velocity = -np.nan_to_num(first)
            order = range(count - 1) if step > 0 else range(count - 1, 0, -1)
            for t in order:
                begun = start <= t if step > 0 else start >= t
                live = np.flatnonzero(visible[t] & begun)
                if not len(live):
                    continue
                moved, ok = self._step(frames[t], frames[t + step], positions[t, live], velocity[live])
                held = live[ok]
                velocity[held] = moved[ok] - positions[t, held]
                positions[t + step, held] = moved[ok]
                visible[t + step, held] = True
        return PointTracks(positions, visible)

    def _step(
        self, first: Frames, second: Frames, points: Floats, velocity: Floats
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        guess = velocity if self._predict else np.zeros_like(velocity)
        moved, ok = self._attempt(first, second, points, guess)
        trials = []
        if self._predict:
            if self._flow is not None:
                trials.append(lambda rest: self._flow_at(first, second, points[rest]))
            trials.append(lambda rest: _near_velocity(points, moved - points, ok, rest, self.NEAR_PX))
            trials.append(lambda rest: np.zeros((len(rest), 2)))
        for trial in trials:
            rest = np.flatnonzero(~ok)
            if not len(rest):
                break
            again, good = self._attempt(first, second, points[rest], trial(rest))
            moved[rest[good]] = again[good]
            ok[rest[good]] = True
        return moved, ok

    def _attempt(
        self, first: Frames, second: Frames, points: Floats, guess: Floats
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        moved, found = self._flow_points(first, second, points, points + guess)
        back, returned = self._flow_points(second, first, moved, moved - guess)
        height, width = first.shape
        inside = np.all((moved >= 0) & (moved <= [width - 1, height - 1]), axis=1)
        ok = found & returned & inside & (np.linalg.norm(back - points, axis=1) <= self._limit)
        if ok.any():
            ok[ok] = self._correlation(first, second, points[ok], moved[ok]) >= self._min_correlation
        return moved, ok

    def _flow_points(
        self, first: Frames, second: Frames, points: Floats, guess: Floats
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        cv2 = self._cv2
        start = np.ascontiguousarray(points, dtype=np.float32).reshape(-1, 1, 2)
        init = np.array(guess, dtype=np.float32).reshape(-1, 1, 2)
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            first,
            second,
            start,
            init,
            winSize=(self.WINDOW_PX, self.WINDOW_PX),
            maxLevel=self.LEVELS,
            criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.003),
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
            minEigThreshold=1e-4,
        )
        moved = moved.reshape(-1, 2).astype(np.float64)
        found = (status.reshape(-1) == 1) & np.all(np.isfinite(moved), axis=1)
        return np.where(found[:, None], moved, points), found

    def _correlation(self, first: Frames, second: Frames, points: Floats, moved: Floats) -> Floats:
        """Normalised correlation of the patches around a point and around where it went."""
        a, b = (self._patches(image, p) for image, p in ((first, points), (second, moved)))
        a, b = (x - x.mean(1, keepdims=True) for x in (a, b))
        norm = np.sqrt((a * a).sum(1) * (b * b).sum(1))
        return np.asarray((a * b).sum(1) / np.maximum(norm, 1e-9))

    def _patches(self, image: Frames, points: Floats) -> Floats:
        side = np.arange(self.PATCH_PX) - self.PATCH_PX // 2
        x = (points[:, :1] + np.tile(side, self.PATCH_PX)[None]).astype(np.float32)
        y = (points[:, 1:] + np.repeat(side, self.PATCH_PX)[None]).astype(np.float32)
        patches = [
            self._cv2.remap(image, x[i : i + 8192], y[i : i + 8192], self._cv2.INTER_LINEAR, borderMode=1)
            for i in range(0, len(points), 8192)
        ]
        return np.concatenate(patches).astype(np.float64)

    def _flow_at(self, first: Frames, second: Frames, points: Floats) -> Floats:
        assert self._flow is not None
        flow = self._flow(first, second)
        x, y = (points[:, None, i].astype(np.float32) for i in (0, 1))
        return np.concatenate([self._cv2.remap(channel, x, y, self._cv2.INTER_LINEAR) for channel in flow], axis=1)


def _near_velocity(
    points: Floats, moved: Floats, ok: npt.NDArray[np.bool_], rest: npt.NDArray[np.int64], near_px: float
) -> Floats:
    """Median displacement of the points within `near_px` that held; 0 where there is none."""
    held = np.flatnonzero(ok)
    guess = np.zeros((len(rest), 2))
    if not len(held):
        return guess
    close = np.linalg.norm(points[rest][:, None] - points[held][None], axis=-1) <= near_px
    for i, row in enumerate(close):
        if row.any():
            guess[i] = np.median(moved[held[row]], axis=0)
    return guess
