"""The background's own motion: a similarity per frame pair, accumulated into stabilised coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import load_cv2

Floats = npt.NDArray[np.float64]
Frames = npt.NDArray[np.uint8]

STILL_STEP_PX: Final = 0.25
"""A background that moves less than this a frame (RMS) ..."""
STILL_TOTAL_PX: Final = 1.5
"""... and never strays further from its first place than this, or DRIFT_PX a frame, is called still."""
DRIFT_PX: Final = 0.05
"""Errors of the single steps add up to this much per frame at most."""

CUT_HELD: Final = 0.1
"""At a cut fewer than this share of the corners can be followed ..."""
CUT_CORRELATION: Final = 0.7
"""... and the two pictures, made 32 x 32 small, correlate less than this."""


@dataclass(frozen=True)
class Camera:
    """Background motion of a clip."""

    moving: bool
    to_first: Floats
    """(T, 3, 3): homogeneous matrices from pixels of frame t to pixels of frame 0; identities when still."""
    speed_px: float
    """RMS motion of the image's centre and corners, in pixels per frame."""
    travel_px: float
    """Largest distance of centre or corners from their place in frame 0."""
    cuts: tuple[int, ...]
    """Frames at which a new shot begins."""
    warnings: tuple[str, ...]

    def shot(self, frame: int) -> int:
        """Number of the shot that a frame belongs to."""
        return sum(frame >= cut for cut in self.cuts)

    def stabilise(self, positions: npt.NDArray[Any]) -> Floats:
        """Positions (T, N, 2) of each frame in the coordinates of frame 0."""
        if not self.moving:
            return np.asarray(positions, dtype=np.float64)
        linear, shift = self.to_first[:, :2, :2], self.to_first[:, :2, 2]
        return np.asarray(np.einsum("tij,tnj->tni", linear, positions) + shift[:, None])

    def between(self, source: int, target: int) -> Floats:
        """(3, 3) matrix from pixels of frame `source` to pixels of frame `target`."""
        return np.asarray(np.linalg.inv(self.to_first[target]) @ self.to_first[source])


def estimate_camera(frames: Frames) -> Camera:
    """Dominant motion between neighbouring frames, by Lucas-Kanade on corners and a robust similarity."""
    cv2 = load_cv2()
    count, height, width = frames.shape
    marks = np.array([[0, 0], [width, 0], [0, height], [width, height], [width / 2, height / 2]], dtype=float)
    total = np.tile(np.eye(3), (count, 1, 1))
    steps = np.zeros((count - 1, len(marks)))
    blind = weak = 0
    cuts: list[int] = []
    for t in range(count - 1):
        matrix, share, held = _step(cv2, frames[t], frames[t + 1])
        if held < CUT_HELD and _is_cut(cv2, frames[t], frames[t + 1]):
            cuts.append(t + 1)
            matrix, share = np.eye(3), 1.0
        blind += matrix is None
        weak += matrix is not None and share < 0.5
        backward = np.eye(3) if matrix is None else np.linalg.inv(matrix)
        total[t + 1] = total[t] @ backward
        steps[t] = np.linalg.norm(_apply(backward, marks) - marks, axis=1)
    speed = float(np.sqrt((steps**2).mean()))
    places = np.stack([_apply(m, marks) for m in total])
    travel = float(np.linalg.norm(places - marks, axis=-1).max())
    moving = speed > STILL_STEP_PX or travel > max(STILL_TOTAL_PX, DRIFT_PX * count)
    warnings = []
    if cuts:
        warnings.append(
            f"the picture changes at once at frame {', '.join(map(str, cuts))}: taken as cuts between shots"
        )
    if blind > 0.2 * (count - 1):
        warnings.append(f"the background has too little texture in {blind} of {count - 1} steps: camera taken as still")
    if weak > 0.2 * (count - 1):
        warnings.append(
            f"no single background motion in {weak} of {count - 1} steps: numbers may mix camera and object"
        )
    if moving:
        warnings.append(
            f"the camera moves ({speed:.2f} px a frame, up to {travel:.0f} px): its similarity motion "
            "is subtracted, parallax and lens effects are not; accelerations are less certain"
        )
        return Camera(True, total, speed, travel, tuple(cuts), tuple(warnings))
    return Camera(False, np.tile(np.eye(3), (count, 1, 1)), speed, travel, tuple(cuts), tuple(warnings))


def _is_cut(cv2: Any, first: Frames, second: Frames) -> bool:
    """Whether two pictures, 32 x 32 small, show different scenes."""
    a, b = (cv2.resize(f, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64) for f in (first, second))
    a, b = a - a.mean(), b - b.mean()
    power = float((a * a).sum() * (b * b).sum())
    return float((a * b).sum()) < CUT_CORRELATION * np.sqrt(power) if power > 0 else False


def _step(cv2: Any, first: Frames, second: Frames) -> tuple[Floats | None, float, float]:
    """Matrix from `first` to `second` (None: unknown), its share of inliers, the share of corners held."""
    spacing = max(8, int(min(first.shape) / 24))
    corners = cv2.goodFeaturesToTrack(first, 400, 0.01, spacing)
    if corners is None or len(corners) < 12:
        return None, 0.0, 0.0
    moved, ok, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=(21, 21), maxLevel=3)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(second, first, moved, None, winSize=(21, 21), maxLevel=3)
    good = (ok.ravel() == 1) & (ok_back.ravel() == 1)
    good &= np.linalg.norm((back - corners).reshape(-1, 2), axis=1) < 0.5
    held = float(good.mean())
    if good.sum() < 12:
        return None, 0.0, held
    source, target = corners.reshape(-1, 2)[good], moved.reshape(-1, 2)[good]
    matrix, inliers = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=1.0, maxIters=500, confidence=0.999
    )
    if matrix is None:
        return None, 0.0, held
    return np.vstack([matrix, [0.0, 0.0, 1.0]]), float(inliers.mean()), held


def _apply(matrix: npt.NDArray[Any], points: Floats) -> Floats:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])
