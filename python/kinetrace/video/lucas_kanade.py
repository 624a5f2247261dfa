"""The default point tracker: Lucas-Kanade with predicted starts, block matching and two checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import load_cv2
from .motion import DenseFlow, PointTracks

Floats = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Frames = npt.NDArray[np.uint8]


class LucasKanade:
    """Pyramidal Lucas-Kanade; a step holds when tracking back returns and the two patches correlate.

    Each step is started where the point's last velocity says, on the two finest pyramid levels only: on
    coarser ones the window of a small object is mostly background and pulls the point to rest. Points that
    fail are tried again from the median displacement of points near them that held, from dense flow when
    one is given, from the best block match within `search_px`, and at last from rest on the whole pyramid.
    """

    WINDOW_PX: Final = 15
    LEVELS: Final = 3
    PATCH_PX: Final = 9
    NEAR_PX: Final = 60.0
    BLOCKS: Final = 48
    """Most points per step that are block matched; their neighbours then start from what these found."""

    def __init__(
        self,
        *,
        max_cycle_error_px: float = 0.5,
        min_correlation: float = 0.7,
        search_px: int = 24,
        flow: DenseFlow | None = None,
        predict: bool = True,
    ) -> None:
        self._cv2 = load_cv2()
        self._limit = max_cycle_error_px
        self._min_correlation = min_correlation
        self._search = search_px
        self._flow = flow
        self._predict = predict

    def track(self, frames: Frames, points: Floats, start: npt.NDArray[np.int64]) -> PointTracks:
        """Tracks of points (N, 2) px, forward and backward from their start frames."""
        count, number = len(frames), len(points)
        each = np.arange(number)
        positions = np.full((count, number, 2), np.nan)
        visible = np.zeros((count, number), dtype=bool)
        start = np.asarray(start)
        positions[start, each] = points
        visible[start, each] = True
        for step in (1, -1):
            velocity = np.zeros((number, 2))
            if step < 0:
                after = np.minimum(start + 1, count - 1)
                velocity = -np.nan_to_num(positions[after, each] - positions[start, each])
            for t in range(count - 1) if step > 0 else range(count - 1, 0, -1):
                live = np.flatnonzero(visible[t] & (start <= t if step > 0 else start >= t))
                if not len(live):
                    continue
                moved, ok = self._step(frames[t], frames[t + step], positions[t, live], velocity[live])
                held = live[ok]
                velocity[held] = moved[ok] - positions[t, held]
                positions[t + step, held] = moved[ok]
                visible[t + step, held] = True
        return PointTracks(positions, visible)

    def match(self, first: Frames, second: Frames, points: Floats, guess: Floats) -> tuple[Floats, Bools]:
        """Places in `second` of points (N, 2) of `first`, begun at displacements `guess`, and which hold."""
        aimed = points + guess
        moved, ok = self._attempt(first, second, points, guess, 1)
        rest = np.flatnonzero(~ok)
        found = self._match_blocks(first, second, points[rest], aimed[rest])
        known = np.all(np.isfinite(found), axis=1)
        if known.any():
            again, good = self._attempt(first, second, points[rest[known]], found[known], 1)
            moved[rest[known][good]] = again[good]
            ok[rest[known][good]] = True
        return moved, ok

    def _step(self, first: Frames, second: Frames, points: Floats, velocity: Floats) -> tuple[Floats, Bools]:
        if not self._predict:
            return self._attempt(first, second, points, np.zeros_like(velocity), self.LEVELS)
        moved, ok = self._attempt(first, second, points, velocity, 1)

        def near(rest: npt.NDArray[np.int64]) -> Floats:
            return _near_displacement(points, moved - points, ok, rest, self.NEAR_PX)

        def matched(rest: npt.NDArray[np.int64]) -> Floats:
            return self._match_blocks(first, second, points[rest], points[rest])

        def from_flow(rest: npt.NDArray[np.int64]) -> Floats:
            return self._flow_at(first, second, points[rest])

        def still(rest: npt.NDArray[np.int64]) -> Floats:
            return np.zeros((len(rest), 2))

        trials: list[tuple[Callable[[npt.NDArray[np.int64]], Floats], int]] = [(near, 1)]
        if self._flow is not None:
            trials.append((from_flow, 1))
        trials += [(matched, 1), (near, 1), (still, self.LEVELS)]
        for trial, levels in trials:
            rest = np.flatnonzero(~ok)
            if not len(rest):
                break
            guess = trial(rest)
            known = np.all(np.isfinite(guess), axis=1)
            rest, guess = rest[known], guess[known]
            if not len(rest):
                continue
            again, good = self._attempt(first, second, points[rest], guess, levels)
            moved[rest[good]] = again[good]
            ok[rest[good]] = True
        return moved, ok

    def _attempt(
        self, first: Frames, second: Frames, points: Floats, guess: Floats, levels: int
    ) -> tuple[Floats, Bools]:
        moved, found = self._flow_points(first, second, points, points + guess, levels)
        back, returned = self._flow_points(second, first, moved, moved - guess, levels)
        height, width = first.shape
        inside = np.all((moved >= 0) & (moved <= [width - 1, height - 1]), axis=1)
        ok = found & returned & inside & (np.linalg.norm(back - points, axis=1) <= self._limit)
        if ok.any():
            ok[ok] = self._correlation(first, second, points[ok], moved[ok]) >= self._min_correlation
        return moved, ok

    def _flow_points(
        self, first: Frames, second: Frames, points: Floats, guess: Floats, levels: int
    ) -> tuple[Floats, Bools]:
        cv2 = self._cv2
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            first,
            second,
            np.ascontiguousarray(points, dtype=np.float32).reshape(-1, 1, 2),
            np.array(guess, dtype=np.float32).reshape(-1, 1, 2),
            winSize=(self.WINDOW_PX, self.WINDOW_PX),
            maxLevel=levels,
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
        edge = self._cv2.BORDER_REPLICATE
        patches = [
            self._cv2.remap(image, x[i : i + 8192], y[i : i + 8192], self._cv2.INTER_LINEAR, borderMode=edge)
            for i in range(0, len(points), 8192)
        ]
        return np.concatenate(patches).astype(np.float64)

    def _match_blocks(self, first: Frames, second: Frames, points: Floats, aimed: Floats) -> Floats:
        """Displacement of the best match within `search_px` of where each is aimed; NaN if not tried."""
        cv2 = self._cv2
        half, reach = self.WINDOW_PX // 2, self._search
        height, width = first.shape
        found = np.full((len(points), 2), np.nan)
        chosen = np.unique(np.linspace(0, len(points) - 1, min(self.BLOCKS, len(points))).astype(int))
        for i in chosen:
            (x, y), (u, v) = np.rint(points[i]).astype(int), np.rint(aimed[i]).astype(int)
            if not (half <= x < width - half and half <= y < height - half):
                continue
            block = first[y - half : y + half + 1, x - half : x + half + 1]
            left, top = max(u - half - reach, 0), max(v - half - reach, 0)
            area = second[top : max(v + half + reach + 1, 0), left : max(u + half + reach + 1, 0)]
            if min(area.shape) < self.WINDOW_PX:
                continue
            _, best, _, (dx, dy) = cv2.minMaxLoc(cv2.matchTemplate(area, block, cv2.TM_CCOEFF_NORMED))
            if best >= self._min_correlation:
                found[i] = left + dx + half - x, top + dy + half - y
        return found

    def _flow_at(self, first: Frames, second: Frames, points: Floats) -> Floats:
        assert self._flow is not None
        flow = self._flow(first, second)
        x, y = (points[:, i : i + 1].astype(np.float32) for i in (0, 1))
        return np.concatenate([self._cv2.remap(channel, x, y, self._cv2.INTER_LINEAR) for channel in flow], axis=1)


def _near_displacement(points: Floats, moved: Floats, ok: Bools, rest: npt.NDArray[np.int64], near_px: float) -> Floats:
    """Median displacement of the points within `near_px` that held; NaN where there is none."""
    held = np.flatnonzero(ok)
    guess = np.full((len(rest), 2), np.nan)
    if not len(held):
        return guess
    close = np.linalg.norm(points[rest][:, None] - points[held][None], axis=-1) <= near_px
    for i, row in enumerate(close):
        if row.any():
            guess[i] = np.median(moved[held[row]], axis=0)
    return guess
