"""Gravity from pixels: flow, chained points, depth and a fit, with the error that the fit's covariance predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from kinetrace.chain_flow import chain_flow
from kinetrace.fit_kinematics import fit_kinematics
from kinetrace.video.analyse import one_thread
from kinetrace.video.errors import load_cv2

from .camera import Camera
from .flow import find_object, object_flow

Floats = npt.NDArray[np.float64]

SEED_EVERY: Final = 3
"""New points are put on the object every so many frames."""
POINTS: Final = 40
"""At most so many at once."""
RIM_PX: Final = 3
"""Points keep this distance from the object's outline."""
MAX_CYCLE_ERROR_PX: Final = 0.5
MAX_DEPTH_STEP: Final = 0.01
"""Largest difference of the four depths around a point, in parts of them: beyond it lies an edge."""
MIN_POINTS: Final = 4
"""Fewest points that make a step."""


@dataclass(frozen=True)
class RecoveredGravity:
    """What a clip says about gravity; metres and seconds, the world's axes."""

    gravity: float
    """Downward acceleration; NaN where fewer than four steps could be measured."""
    sigma: float
    """Its predicted standard error."""
    acceleration: Floats
    """(3,)"""
    acceleration_sigma: Floats
    """(3,)"""
    velocities: Floats
    """(T - 1, 3) velocity of each step, NaN where too few points were followed."""
    num_points: int
    """Points that were followed for at least one step."""


def recover_gravity(
    frames: npt.NDArray[np.uint8], depth_m: npt.NDArray[np.floating], camera: Camera, *, fps: float
) -> RecoveredGravity:
    """Measures the acceleration of the one thing that moves, in the world.

    The object is what differs from the still background; its flow is chained from corners on it
    (`kinetrace.chain_flow`, forward-backward error at most 0.5 px); each point is lifted by the depth under it; the
    median of the points' steps is the object's velocity in that step; a straight line through the velocities
    (`kinetrace.fit_kinematics`) has the acceleration as its slope. Velocities, not positions, because a chain adds up
    the errors of its steps: the errors of velocities are nearly independent, those of chained positions are not.

    The predicted error is the fit's covariance times a noise: the variance of the velocities about the line plus
    the mean square spread of the points about their median in a step. The spread is not divided by the number
    of points, for the points' errors come from one smooth flow field and have much in common. Both are kinetrace's
    choice; docs/newtonbench.md shows how the prediction holds.

    Args:
        frames: (T, H, W) uint8 grey, camera at rest.
        depth_m: (T, H, W) float, metres along the optical axis.
        camera: intrinsics and pose; the world's third axis is up.
        fps: frames per second.

    Raises:
        ValueError: shapes that do not belong together, or fps not positive.
    """
    if frames.dtype != np.uint8 or frames.ndim != 3:
        raise ValueError(f"frames: expected uint8 (T, H, W), got {frames.dtype} {frames.shape}")
    if depth_m.shape != frames.shape:
        raise ValueError(f"depth_m: expected shape {frames.shape}, got {depth_m.shape}")
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"fps: expected a positive number, got {fps}")
    with one_thread():
        world = _follow(frames, np.asarray(depth_m), camera)
    steps = np.diff(world, axis=0) * fps
    known = np.isfinite(steps[..., 0])
    enough = known.sum(1) >= MIN_POINTS
    used = np.where((known & enough[:, None])[..., None], steps, np.nan)
    velocities = np.full((len(steps), 3), np.nan)
    velocities[enough] = np.nanmedian(used[enough], axis=1)
    points = int(known.any(0).sum())
    if enough.sum() < 4:
        unknown = np.full(3, np.nan)
        return RecoveredGravity(np.nan, np.nan, unknown, unknown, velocities, points)
    middle = (np.arange(len(steps)) + 0.5) / fps
    fit = fit_kinematics(np.nan_to_num(velocities)[None], times=middle, order=1, visible=enough[None])
    start, slope = np.asarray(fit.coefficients[0], dtype=np.float64)
    residual = (velocities - start - middle[:, None] * slope)[enough]
    variance = (residual**2).sum(0) / (len(residual) - 2)
    away = np.abs(used[enough] - velocities[enough, None])
    spread = 1.4826 * np.nanmedian(away, axis=1)
    sigma = np.sqrt((variance + (spread**2).mean(0)) * float(fit.covariance[0, 1, 1]))
    return RecoveredGravity(float(-slope[2]), float(sigma[2]), slope, sigma, velocities, points)


def _follow(frames: npt.NDArray[np.uint8], depth: npt.NDArray[np.floating], camera: Camera) -> Floats:
    """(T, N, 3) places in the world of points on the object, NaN where not followed."""
    masks = find_object(frames)
    forward, backward = object_flow(frames, masks)
    points, start = _corners(frames, masks)
    if not len(points):
        return np.full((len(frames), 0, 3), np.nan)
    tracks = chain_flow(
        forward, points, backward_flow=backward, start=start, max_cycle_error=MAX_CYCLE_ERROR_PX, num_threads=1
    )
    world = np.full((*tracks.visible.shape, 3), np.nan)
    for t in range(len(frames)):
        seen = np.flatnonzero(tracks.visible[t])
        place = np.asarray(tracks.positions[t, seen], dtype=np.float64)
        z, ok = _depth_at(depth[t], place)
        world[t, seen[ok]] = camera.unproject(place[ok], z[ok])
    return world


def _corners(
    frames: npt.NDArray[np.uint8], masks: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Corners (N, 2) well inside the object and their frames (N,)."""
    cv2 = load_cv2()
    rim = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    points, start = [np.empty((0, 2), np.float32)], []
    for t in range(0, len(frames) - 1, SEED_EVERY):
        inside = cv2.erode(masks[t].astype(np.uint8), rim, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        found = cv2.goodFeaturesToTrack(frames[t], POINTS, 0.02, 4.0, mask=inside, blockSize=5)
        if found is not None:
            points.append(found.reshape(-1, 2).astype(np.float32))
            start += [t] * len(found)
    return np.concatenate(points), np.array(start, dtype=np.int64)


def _depth_at(depth: npt.NDArray[np.floating], places: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Depth (N,) between the four pixels around each place, and whether they lie on one surface."""
    height, width = depth.shape
    left = np.clip(np.floor(places[:, 0]).astype(int), 0, width - 2)
    top = np.clip(np.floor(places[:, 1]).astype(int), 0, height - 2)
    a, b = places[:, 0] - left, places[:, 1] - top
    corners = np.stack([depth[top + j, left + i].astype(np.float64) for j in (0, 1) for i in (0, 1)])
    weights = np.stack([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b])
    z = (weights * corners).sum(0)
    return z, np.ptp(corners, axis=0) <= MAX_DEPTH_STEP * corners.min(0)
