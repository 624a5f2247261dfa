"""Groups point tracks into entities: things that move as one, apart from the background."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .motion import PointTracks
from .rigid import solve_rigid

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MIN_POINTS: Final = 4
MIN_FRAMES: Final = 6
MIN_MOTION_PX: Final = 2.0
"""Points that stay within this distance of the background for all their life belong to it ..."""
MIN_MOTION_MOVING_PX: Final = 5.0
"""... or within this one when the camera moves."""
LINK_SHARE: Final = 0.06
"""Neighbours in an entity are at most this share of the image's shorter side apart."""


@dataclass
class Entity:
    """One moving thing. Paths are in stabilised pixels (those of the first frame)."""

    centre: Floats
    """(T, 2), NaN where not seen."""
    seen: Bools
    """(T,)"""
    points: npt.NDArray[np.int64]
    """Indices of its point tracks."""
    inliers: Bools
    """(T, len(points)): where a point moved with the rest."""
    offsets: Floats
    """(len(points), 2): places of the points relative to the centre."""
    radius_px: float
    breaks: list[tuple[int, str]] = field(default_factory=list)
    """(frame, "jump" or "occlusion") for each place where two pieces of the path were joined."""

    @property
    def first(self) -> int:
        """First frame in which it is seen."""
        return int(np.flatnonzero(self.seen)[0])

    @property
    def last(self) -> int:
        """Last frame in which it is seen."""
        return int(np.flatnonzero(self.seen)[-1])

    @property
    def mass(self) -> float:
        """Point-frames: how much of the picture's motion it stands for."""
        return float(self.inliers.sum())


def find_entities(tracks: PointTracks, camera: Camera, size: tuple[int, int]) -> list[Entity]:
    """Connected groups of tracks that keep their distances, heaviest first.

    Two tracks are linked when they come within LINK_SHARE of the image's shorter side of each other and their
    distance then changes by no more than 1.5 px and 10 % over all frames in which both are visible. Tracks that rest
    against the background are dropped first.
    """
    visible = tracks.visible
    stable = camera.stabilise(np.where(visible[..., None], tracks.positions, np.nan))
    least = MIN_MOTION_MOVING_PX if camera.moving else MIN_MOTION_PX
    moving = np.flatnonzero((visible.sum(0) >= 4) & (_extent(stable) > least))
    if len(moving) < MIN_POINTS:
        return []
    labels = _components(stable[:, moving], visible[:, moving], LINK_SHARE * min(size))
    found = []
    for label in range(labels.max() + 1):
        members = moving[labels == label]
        if len(members) < MIN_POINTS:
            continue
        entity = _make(stable[:, members], visible[:, members], members)
        if entity is not None and np.ptp(entity.centre[entity.seen], axis=0).max() > least:
            found.append(entity)
    return sorted(found, key=lambda e: (-e.mass, e.first, int(e.points[0])))


def _make(positions: Floats, visible: Bools, members: npt.NDArray[np.int64]) -> Entity | None:
    motion = solve_rigid(positions, visible)
    if motion.seen.sum() < 3:
        return None
    used = motion.inliers.any(0)
    radius = float(np.quantile(np.linalg.norm(motion.offsets[used], axis=1), 0.9)) + 3.0
    return Entity(motion.centre, motion.seen, members, motion.inliers, motion.offsets, radius)


def _extent(positions: Floats) -> Floats:
    """(N,) larger side of the box around each track, its two extreme frames left out where it is long."""
    with np.errstate(invalid="ignore"):
        ordered = np.sort(positions, axis=0)
    number = np.isfinite(positions[..., 0]).sum(0)
    trim = np.where(number >= 12, 1, 0)
    each = np.arange(positions.shape[1])
    low = ordered[np.minimum(trim, np.maximum(number - 1, 0)), each]
    high = ordered[np.maximum(number - 1 - trim, 0), each]
    extent = np.max(high - low, axis=-1)
    return np.where(number > 0, extent, 0.0)


def _components(positions: Floats, visible: Bools, reach_px: float) -> npt.NDArray[np.int64]:
    """(N,) component numbers of the graph of tracks that stay near each other and keep their distance."""
    number = positions.shape[1]
    reference = np.full((number, number), np.nan, dtype=np.float32)
    worst = np.zeros((number, number), dtype=np.float32)
    nearest = np.full((number, number), np.inf, dtype=np.float32)
    shared = np.zeros((number, number), dtype=np.int16)
    for t in range(len(positions)):
        live = np.flatnonzero(visible[t])
        if len(live) < 2:
            continue
        p = positions[t, live]
        distance = np.linalg.norm(p[:, None] - p[None], axis=-1).astype(np.float32)
        box = np.ix_(live, live)
        before = reference[box]
        reference[box] = np.where(np.isnan(before), distance, before)
        worst[box] = np.maximum(worst[box], np.abs(distance - reference[box]))
        nearest[box] = np.minimum(nearest[box], distance)
        shared[box] += 1
    linked = (shared >= 4) & (nearest <= reach_px) & (worst <= 1.5 + 0.1 * np.nan_to_num(reference))
    return _label(linked)


def _label(linked: Bools) -> npt.NDArray[np.int64]:
    labels = np.full(len(linked), -1, dtype=np.int64)
    current = 0
    for seed in range(len(linked)):
        if labels[seed] >= 0:
            continue
        front = np.array([seed])
        while len(front):
            labels[front] = current
            front = np.flatnonzero(linked[front].any(0) & (labels < 0))
        current += 1
    return labels
