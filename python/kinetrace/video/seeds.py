"""Where to put points: corners on what moves, by differences over time against the stabilised background."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .errors import load_cv2
from .motion import PointTracker, PointTracks

Frames = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]

LAGS: Final = (2, 6)
"""Frames apart that are compared: the short one finds fast objects, the long one slow ones."""
MIN_AREA: Final = 30.0
"""Smallest moving region in pixels at 512 x 512."""
ROUNDS: Final = 4
MAX_POINTS: Final = 1500
POINTS_PER_REGION: Final = 60
FEWEST_POINTS: Final = 6
"""A moving region with fewer followed points than this gets new ones."""


class Followed(NamedTuple):
    """Point tracks and, for each point, the number (N,) of the moving region in which it was seeded."""

    tracks: PointTracks
    region: npt.NDArray[np.int64]
    moving: Masks
    """(T, H, W) what moves in each frame."""


def moving_regions(frames: Frames, camera: Camera) -> Masks:
    """Masks (T, H, W) of what differs from both an earlier and a later frame: the moving things where they
    are now.

    Frames too near an end to have both partners stay empty; their objects are reached by tracking backward
    and forward. Differences are of smoothed, camera-compensated frames, against a threshold of 5 times their
    noise.
    """
    cv2 = load_cv2()
    count = len(frames)
    smooth = np.stack([cv2.GaussianBlur(frame, (5, 5), 1.0) for frame in frames])
    lags = [lag for lag in LAGS if count > 2 * lag] or [1]
    found = np.zeros(frames.shape, dtype=bool)
    close, open_ = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k)) for k in (7, 3))
    for lag in lags:
        limit = _noise_limit(smooth, lag, camera)
        for t in range(lag, count - lag):
            if camera.shot(t - lag) != camera.shot(t + lag):
                continue
            moved = np.minimum(*(_difference(cv2, smooth, t, t + d, camera, limit) for d in (-lag, lag)))
            found[t] |= moved > 0
    for t in range(count):
        mask = cv2.morphologyEx(found[t].astype(np.uint8), cv2.MORPH_OPEN, open_)
        found[t] = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, close) > 0
    return found


def _noise_limit(smooth: Frames, lag: int, camera: Camera) -> float:
    pairs = np.linspace(0, len(smooth) - 1 - lag, min(6, len(smooth) - lag)).astype(int)
    noise = [np.abs(smooth[t].astype(np.int16) - smooth[t + lag])[::3, ::3] for t in pairs]
    if camera.moving:
        return 14.0
    spread = 1.4826 * float(np.median(np.stack(noise)))
    return float(np.clip(5 * spread, 7.0, 30.0))


def _difference(cv2: Any, smooth: Frames, t: int, other: int, camera: Camera, limit: float) -> npt.NDArray[np.uint8]:
    """|frame t - frame other| above the limit, in the pixels of frame t; uint8."""
    now, then = smooth[t], smooth[other]
    if not camera.moving:
        return np.asarray(cv2.threshold(cv2.absdiff(now, then), limit, 255, cv2.THRESH_BINARY)[1])
    matrix = camera.between(other, t)
    size = (now.shape[1], now.shape[0])
    moved = cv2.warpPerspective(then, matrix, size, flags=cv2.INTER_LINEAR)
    known = cv2.warpPerspective(np.full_like(then, 255), matrix, size, flags=cv2.INTER_NEAREST)
    # An error of one pixel in the background's place must not look like motion at an edge.
    near = np.ones((3, 3), np.uint8)
    high, low = cv2.dilate(moved, near), cv2.erode(moved, near)
    gap = cv2.max(cv2.subtract(now, high), cv2.subtract(low, now))
    return np.asarray(cv2.bitwise_and(cv2.threshold(gap, limit * 0.7, 255, cv2.THRESH_BINARY)[1], known))


def least_area(size: tuple[int, int]) -> float:
    """Smallest moving region in px of an image of this size."""
    return max(MIN_AREA * size[0] * size[1] / 512**2, 12.0)


def follow_moving(frames: Frames, camera: Camera, tracker: PointTracker, *, mask: Masks | None = None) -> Followed:
    """Seeds points on moving regions and follows them, in rounds, until every region is covered.

    Differences and seeds stay within a shot: frames across a cut are not compared.

    Args:
        frames: (T, H, W) uint8.
        mask: (1 or T, H, W), where seeds may lie; None for anywhere.

    Returns:
        Tracks of all points and the moving region in which each was seeded.
    """
    regions = moving_regions(frames, camera)
    allowed = regions if mask is None else regions & mask
    tracks = PointTracks(np.empty((len(frames), 0, 2)), np.empty((len(frames), 0), dtype=bool))
    region = np.empty(0, dtype=np.int64)
    for _ in range(ROUNDS):
        points, start, label = _new_seeds(frames, allowed, tracks, MAX_POINTS - len(region))
        if not len(points):
            break
        more = tracker.track(frames, points, start)
        tracks = PointTracks(
            np.concatenate([tracks.positions, more.positions], axis=1),
            np.concatenate([tracks.visible, more.visible], axis=1),
        )
        region = np.concatenate([region, label + region.max(initial=-1) + 1])
    return Followed(tracks, region, regions)


def _new_seeds(
    frames: Frames, regions: Masks, tracks: PointTracks, budget: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Corners, their frames and region numbers, in uncovered regions of a few frames.

    Frames are taken by their uncovered area, kept 5 frames apart.
    """
    cv2 = load_cv2()
    height, width = frames.shape[1:]
    least = least_area((width, height))
    uncovered = [_uncovered(cv2, regions[t], tracks.positions[t][tracks.visible[t]], least) for t in range(len(frames))]
    area = np.array([sum(float(m.sum()) for m in bare) for bare in uncovered])
    points, start, label = [np.empty((0, 2))], [], []
    while area.max(initial=0.0) > 0 and budget > 0:
        t = int(area.argmax())
        for mask in uncovered[t]:
            corners = _corners(cv2, frames[t], mask)[:budget]
            points.append(corners)
            start += [t] * len(corners)
            label += [len(points)] * len(corners)
            budget -= len(corners)
        area[max(t - 4, 0) : t + 5] = 0
    return np.concatenate(points), np.array(start, dtype=np.int64), np.array(label, dtype=np.int64)


def _uncovered(cv2: Any, region: Masks, points: npt.NDArray[np.float64], least: float) -> list[npt.NDArray[np.uint8]]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
    if count == 1:
        return []
    x, y = (np.rint(points[:, i]).astype(int) for i in (0, 1))
    held = np.bincount(labels[y, x], minlength=count) if len(points) else np.zeros(count, dtype=int)
    wanted = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= least and held[i] < FEWEST_POINTS]
    return [(labels == i).astype(np.uint8) for i in wanted]


def _corners(cv2: Any, frame: Frames, region: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    area = float(region.sum())
    number = int(np.clip(area / 15, 10, POINTS_PER_REGION))
    spacing = max(3.0, float(np.sqrt(area / number)) * 0.8)
    corners = cv2.goodFeaturesToTrack(frame, number, 0.02, spacing, mask=region, blockSize=5)
    if corners is None:
        return np.empty((0, 2))
    return np.asarray(corners, dtype=np.float64).reshape(-1, 2)
