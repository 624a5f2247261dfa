"""The still picture behind everything that moves: the median of the stabilised frames of each shot."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .errors import load_cv2

Frames = npt.NDArray[np.uint8]

FRAMES: Final = 25
"""Frames, spread over the shot, whose median is the background."""


class Background:
    """Background pictures of a clip and what differs from them."""

    def __init__(self, frames: Frames, camera: Camera) -> None:
        self._cv2 = load_cv2()
        self.smooth: Frames = np.stack([self._cv2.GaussianBlur(f, (5, 5), 1.0) for f in frames])
        """(T, H, W) frames without their pixel noise."""
        self._camera = camera
        self._first: list[int] = []
        pictures: dict[int, tuple[npt.NDArray[Any], float]] = {}
        for t in range(len(frames)):
            shot = camera.shot(t)
            if shot not in pictures:
                self._first.append(t)
                members = [s for s in range(len(frames)) if camera.shot(s) == shot]
                pictures[shot] = self._median(members)
        self._pictures = pictures

    def _median(self, members: list[int]) -> tuple[npt.NDArray[Any], float]:
        """Median picture in the pixels of the shot's first frame, and the limit of differences."""
        chosen = sorted({members[round(float(i))] for i in np.linspace(0, len(members) - 1, FRAMES)})
        pictures = np.stack([self._warp(self.smooth[t], t, members[0]) for t in chosen])
        half = len(pictures) // 2
        middle = np.partition(pictures, half, axis=0)[half]
        spread = 1.4826 * float(np.median(np.abs(pictures[:, ::4, ::4].astype(np.int16) - middle[::4, ::4])))
        limit = float(np.clip(6 * spread, 9.0, 40.0))
        return middle, limit + 6.0 * self._camera.moving

    def _warp(self, picture: npt.NDArray[Any], source: int, target: int) -> npt.NDArray[Any]:
        if not self._camera.moving:
            return picture
        size = (picture.shape[1], picture.shape[0])
        matrix = self._camera.between(source, target)
        return np.asarray(self._cv2.warpPerspective(picture, matrix, size, borderMode=self._cv2.BORDER_REPLICATE))

    def behind(self, t: int) -> npt.NDArray[Any]:
        """(H, W) uint8 background in the pixels of frame t."""
        shot = self._camera.shot(t)
        return self._warp(self._pictures[shot][0], self._first[shot], t)

    def differs(self, t: int) -> npt.NDArray[np.uint8]:
        """(H, W) 0 or 1: where frame t is not its background; noise and hair cracks are smoothed away."""
        cv2, now, behind = self._cv2, self.smooth[t], self.behind(t)
        if self._camera.moving:
            # An error of one pixel in the background's place must not look like a difference at an edge.
            near = np.ones((3, 3), np.uint8)
            gap = cv2.max(cv2.subtract(now, cv2.dilate(behind, near)), cv2.subtract(cv2.erode(behind, near), now))
        else:
            gap = cv2.absdiff(now, behind)
        mask = (gap > self._pictures[self._camera.shot(t)][1]).astype(np.uint8)
        close, open_ = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k)) for k in (7, 3))
        opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, open_)
        return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, close))
