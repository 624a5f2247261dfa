"""Groups point tracks into entities: things that move as one, apart from the background."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .rigid import solve_rigid
from .seeds import Followed

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MIN_POINTS: Final = 4
MIN_FRAMES: Final = 6
MIN_MOTION_PX: Final = 2.0
"""Points that stay within this distance of the background for all their life belong to it ..."""
MIN_MOTION_MOVING_PX: Final = 5.0
"""... or within this one when the camera moves."""
MIN_TRAVEL_SHARE: Final = 0.01
"""An entity's path is at least this share of the image's shorter side long."""
LINK_SHARE: Final = 0.03
"""Neighbours seeded in different moving regions are at most this share of the image's shorter side apart."""
REGION_POINTS: Final = 10
"""A silhouette counts as much as this many points."""
NEIGHBOURS: Final = 8
COMMON_NEIGHBOURS: Final = 2
"""Two tracks of an entity share at least this many others: single strays do not join two things."""


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
    by_region: Bools
    """(T,) frames whose place comes from the silhouette, not from points."""
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
        """How much of the picture's motion it stands for: point-frames, a silhouette as a few points."""
        return float(self.evidence.sum())

    @property
    def evidence(self) -> npt.NDArray[np.int64]:
        """(T,) number of points that show it in each frame; REGION_POINTS where its silhouette does."""
        return np.asarray(np.where(self.by_region, REGION_POINTS, self.inliers.sum(1)))


def entity_order(entity: Entity) -> tuple[float, int, float]:
    """Sort key: the heaviest first, ties by time and place."""
    return -entity.mass, entity.first, float(entity.centre[entity.first, 0])


def find_entities(followed: Followed, camera: Camera, size: tuple[int, int]) -> list[Entity]:
    """Connected groups of tracks that keep their distances while they move, heaviest first.

    Two tracks are linked when they were seeded in the same moving region, or come within LINK_SHARE of the
    image's shorter side of each other, and then keep their difference (near ones: their distance) to 1 px,
    5 % of itself and 2 % of their travel over all frames in which both are visible. Tracks that rest
    against the background are dropped first.
    """
    tracks = followed.tracks
    visible = tracks.visible
    stable = camera.stabilise(np.where(visible[..., None], tracks.positions, np.nan))
    least = MIN_MOTION_MOVING_PX if camera.moving else MIN_MOTION_PX
    moving = np.flatnonzero((visible.sum(0) >= 4) & (_extent(stable) > least))
    if len(moving) < MIN_POINTS:
        return []
    links = _links(stable[:, moving], visible[:, moving], followed.region[moving], LINK_SHARE * min(size), least)
    found = []
    for group in _groups(links):
        found += _peel(stable, visible, moving, links, group)
    travel = least_travel(camera, size)
    found = [e for e in found if _extent(e.centre[:, None])[0] > travel]
    return absorb(sorted(found, key=entity_order))


def least_travel(camera: Camera, size: tuple[int, int]) -> float:
    """Shortest path of an entity in px."""
    return max(2 * (MIN_MOTION_MOVING_PX if camera.moving else MIN_MOTION_PX), MIN_TRAVEL_SHARE * min(size))


def absorb(entities: list[Entity]) -> list[Entity]:
    """Drops smaller entities that stay within larger ones for 60 % of their frames: edges and shadows."""
    kept: list[Entity] = []
    for entity in entities:
        inside = np.zeros(len(entity.seen), dtype=bool)
        for larger in kept:
            both = entity.seen & larger.seen
            gap = np.linalg.norm(np.where(both[:, None], entity.centre - larger.centre, np.inf), axis=1)
            inside |= gap <= larger.radius_px + 3.0
        if inside.sum() < 0.6 * entity.seen.sum():
            kept.append(entity)
    return kept


def _peel(
    positions: Floats,
    visible: Bools,
    moving: npt.NDArray[np.int64],
    links: Bools,
    group: npt.NDArray[np.int64],
) -> list[Entity]:
    """Entities of one connected group: what does not move with the main body is grouped and solved again."""
    found = []
    rest = [group]
    while rest:
        part = rest.pop()
        if len(part) < MIN_POINTS:
            continue
        members = moving[part]
        motion = solve_rigid(positions[:, members], visible[:, members])
        share = motion.inliers.sum(0) / np.maximum(visible[:, members].sum(0), 1)
        fits = share >= 0.5
        if not fits.all() and fits.sum() >= MIN_POINTS:
            strays = part[~fits]
            rest += [strays[g] for g in _groups(links[np.ix_(strays, strays)])]
            rest.append(part[fits])
            continue
        if motion.seen.sum() >= 3:
            used = motion.inliers.any(0)
            radius = float(np.quantile(np.linalg.norm(motion.offsets[used], axis=1), 0.9)) + 3.0
            found.append(
                Entity(
                    motion.centre,
                    motion.seen,
                    members,
                    motion.inliers,
                    motion.offsets,
                    radius,
                    np.zeros(len(motion.seen), dtype=bool),
                )
            )
    return found


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


def _links(positions: Floats, visible: Bools, region: npt.NDArray[np.int64], reach_px: float, least_px: float) -> Bools:
    """(N, N) bool: tracks that stay together in all frames in which both are visible.

    Their difference vector stays, or, for the NEIGHBOURS nearest ones, its length: so things that turn
    hold together while two things that pass each other do not.
    """
    number = positions.shape[1]
    x0, y0, x_from, y_from, turned, stretched, moved = (np.zeros((number, number), dtype=np.float32) for _ in range(7))
    nearest = np.full((number, number), np.inf, dtype=np.float32)
    shared = np.zeros((number, number), dtype=np.int32)
    for t in range(len(positions)):
        live = np.flatnonzero(visible[t])
        p = positions[t, live].astype(np.float32)
        x, y = (p[:, i, None] - p[None, :, i] for i in (0, 1))
        box = np.ix_(live, live)
        fresh = shared[box] == 0
        for first, value in ((x0, x), (y0, y), (x_from, p[:, :1]), (y_from, p[:, 1:])):
            first[box] = np.where(fresh, value, first[box])
        gap = np.hypot(x, y)
        turned[box] = np.maximum(turned[box], np.hypot(x - x0[box], y - y0[box]))
        stretched[box] = np.maximum(stretched[box], np.abs(gap - np.hypot(x0[box], y0[box])))
        moved[box] = np.maximum(moved[box], np.hypot(p[:, :1] - x_from[box], p[:, 1:] - y_from[box]))
        nearest[box] = np.minimum(nearest[box], gap)
        shared[box] += 1
    together = (shared >= 4) & ((region[:, None] == region[None]) | (nearest <= reach_px))
    together &= np.minimum(moved, moved.T) > least_px
    np.fill_diagonal(together, False)
    nearest[~together] = np.inf
    rank = nearest.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    close = np.minimum(rank, rank.T) < NEIGHBOURS
    limit = 1.0 + 0.05 * np.minimum(np.hypot(x0, y0), 60.0) + 0.02 * moved
    limit = np.minimum(limit, limit.T)
    linked = together & ((turned <= limit) | (close & (stretched <= limit)))
    common = linked.astype(np.float32) @ linked.astype(np.float32)
    return np.asarray(linked & (common >= COMMON_NEIGHBOURS))


def _groups(linked: Bools) -> list[npt.NDArray[np.int64]]:
    """Connected components, each sorted, in the order of their first members."""
    free = np.ones(len(linked), dtype=bool)
    groups = []
    for seed in range(len(linked)):
        if not free[seed]:
            continue
        front = np.array([seed])
        members = []
        while len(front):
            members.append(front)
            free[front] = False
            front = np.flatnonzero(linked[front].any(0) & free)
        groups.append(np.sort(np.concatenate(members)))
    return groups
