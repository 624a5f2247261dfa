"""Joins pieces of one entity's path: after an occlusion, or after a jump that no tracker follows."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .entities import Entity, entity_order
from .lucas_kanade import LucasKanade

Floats = npt.NDArray[np.float64]

MAX_OCCLUSION: Final = 16
"""Longest gap, in frames, across which a piece that returns on its path is the same thing."""
MAX_JUMP_GAP: Final = 2
"""Longest gap for a piece that returns anywhere else."""
MIN_REFOUND: Final = 0.35
"""Share of the tried points that must be found again, at consistent places, to join two pieces."""


def link_entities(entities: list[Entity], frames: npt.NDArray[np.uint8], camera: Camera) -> list[Entity]:
    """Joins pairs of pieces, one ending before the other begins, that show the same texture.

    A pair is a candidate when the second piece begins where the first one's path leads within
    MAX_OCCLUSION frames, or anywhere within MAX_JUMP_GAP frames. It is joined when Lucas-Kanade finds the
    first piece's points again on the second one; their places tell how the two centres relate.
    """
    pieces = sorted(entities, key=lambda e: (e.first, -e.mass))
    tracker = LucasKanade(search_px=32)
    joined = True
    while joined:
        joined = False
        for i, j, kind in _candidates(pieces):
            shift = _refind(pieces[i], pieces[j], frames, camera, tracker)
            if shift is not None:
                pieces[i] = _join(pieces[i], pieces[j], shift, kind)
                del pieces[j]
                joined = True
                break
    return sorted(pieces, key=entity_order)


def _candidates(pieces: list[Entity]) -> list[tuple[int, int, str]]:
    """Index pairs and kinds, the nearest in time first."""
    found = []
    for i, one in enumerate(pieces):
        for j, two in enumerate(pieces):
            gap = two.first - one.last
            if i == j or gap < 1 or gap > MAX_OCCLUSION:
                continue
            miss = float(np.linalg.norm(_extrapolate(one, two.first) - two.centre[two.first]))
            if miss <= max(one.radius_px, two.radius_px) + 0.5 * gap:
                found.append((gap, miss, i, j, "occlusion"))
            elif gap <= MAX_JUMP_GAP:
                found.append((gap, miss, i, j, "jump"))
    return [(i, j, kind) for _, _, i, j, kind in sorted(found)]


def _extrapolate(entity: Entity, frame: int) -> Floats:
    """Where the last (up to 12) seen frames lead: a line for short pieces, a parabola for longer ones."""
    seen = np.flatnonzero(entity.seen)[-12:]
    order = 2 if len(seen) >= 8 else 1 if len(seen) >= 2 else 0
    t = (seen - seen[-1]).astype(float)
    coefficients = np.polynomial.polynomial.polyfit(t, entity.centre[seen], order)
    return np.asarray(np.polynomial.polynomial.polyval(float(frame - seen[-1]), coefficients))


def _refind(
    one: Entity, two: Entity, frames: npt.NDArray[np.uint8], camera: Camera, tracker: LucasKanade
) -> Floats | None:
    """Offset (2,) that takes the second piece's centre to the first one's; None when it is another thing."""
    a = _fullest(one, np.flatnonzero(one.seen)[-6:])
    b = _fullest(two, np.flatnonzero(two.seen)[:6])
    near = np.linalg.norm(one.offsets, axis=1) <= one.radius_px
    chosen = np.flatnonzero(one.inliers[a] & near)[:80]
    if len(chosen) < 4:
        return None
    places = one.centre[a] + one.offsets[chosen]
    source = _to_frame(places, a, camera)
    target = _to_frame(two.centre[b] + one.offsets[chosen], b, camera)
    moved, ok = tracker.match(frames[a], frames[b], source, target - source)
    if ok.sum() < max(4, MIN_REFOUND * len(chosen)):
        return None
    shift = _to_first(moved[ok], b, camera) - (two.centre[b] + one.offsets[chosen[ok]])
    middle = np.median(shift, axis=0)
    close = np.linalg.norm(shift - middle, axis=1) <= 3.0
    if close.sum() < max(4, MIN_REFOUND * len(chosen)):
        return None
    return np.asarray(shift[close].mean(0))


def _fullest(entity: Entity, frames: npt.NDArray[np.int64]) -> int:
    return int(frames[int(entity.inliers[frames].sum(1).argmax())])


def _to_frame(places: Floats, frame: int, camera: Camera) -> Floats:
    matrix = np.linalg.inv(camera.to_first[frame])
    return np.asarray(places @ matrix[:2, :2].T + matrix[:2, 2])


def _to_first(places: Floats, frame: int, camera: Camera) -> Floats:
    matrix = camera.to_first[frame]
    return np.asarray(places @ matrix[:2, :2].T + matrix[:2, 2])


def _join(one: Entity, two: Entity, shift: Floats, kind: str) -> Entity:
    centre = np.where(two.seen[:, None], two.centre + shift, one.centre)
    return Entity(
        centre,
        one.seen | two.seen,
        np.concatenate([one.points, two.points]),
        np.concatenate([one.inliers, two.inliers], axis=1),
        np.concatenate([one.offsets, two.offsets - shift]),
        max(one.radius_px, two.radius_px),
        one.by_region | two.by_region,
        [*one.breaks, (two.first, kind), *two.breaks],
    )
