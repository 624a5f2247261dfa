"""Silhouettes: they carry entities where no point holds, and things without any texture."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from .background import Background
from .camera import Camera
from .entities import Entity, entity_order
from .errors import load_cv2

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

AREA_RATIO: Final = 1.6
"""Silhouettes of one thing differ in area by at most this factor."""
MAX_MISSED: Final = 2
"""Frames in a row without a silhouette after which a chain ends."""
MIN_CHAIN: Final = 6


class Region(NamedTuple):
    """One silhouette: centre (2,) in stabilised px and area in px."""

    centre: Floats
    area: float

    @property
    def radius_px(self) -> float:
        """Radius of the disc of the same area."""
        return float(np.sqrt(self.area / np.pi))


def find_regions(
    background: Background, moving: Bools, camera: Camera, least_area: float, mask: Bools | None = None
) -> list[list[Region]]:
    """Silhouettes of each frame that do not touch the image's border, the largest first.

    They are what differs from the background, or, when the camera moves and parallax spoils that, what moves.

    Args:
        moving: (T, H, W), from `moving_regions`.
        least_area: smallest silhouette in px.
        mask: (1 or T, H, W), where a silhouette's centre may lie; None for anywhere.
    """
    found = []
    for t in range(len(moving)):
        allowed = None if mask is None else mask[t if len(mask) > 1 else 0]
        differs = moving[t].astype(np.uint8) if camera.moving else background.differs(t)
        regions = _silhouettes(differs, camera.to_first[t], least_area, allowed)
        found.append(sorted(regions, key=lambda r: (-r.area, float(r.centre[0]))))
    return found


def _silhouettes(
    differs: npt.NDArray[np.uint8], to_first: Floats, least_area: float, allowed: Bools | None
) -> list[Region]:
    cv2 = load_cv2()
    height, width = differs.shape
    outlines, _ = cv2.findContours(differs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for outline in outlines:
        x, y, w, h = cv2.boundingRect(outline)
        if w * h < least_area or x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1:
            continue
        filled = np.zeros((h, w), np.uint8)
        cv2.drawContours(filled, [outline - (x, y)], -1, 1, cv2.FILLED)
        moments = cv2.moments(filled, binaryImage=True)
        if moments["m00"] < least_area:
            continue
        centre = np.array([x + moments["m10"] / moments["m00"], y + moments["m01"] / moments["m00"]])
        if allowed is not None and not allowed[round(float(centre[1])), round(float(centre[0]))]:
            continue
        found.append(Region(to_first[:2, :2] @ centre + to_first[:2, 2], float(moments["m00"])))
    return found


def extend_entities(entities: list[Entity], regions: list[list[Region]]) -> list[Entity]:
    """Carries entities on by their silhouettes where their points are lost, backward, forward and across
    gaps.

    The silhouette must lie where the path leads and keep its area. Where it turns out to be that of
    another entity, the two are one and are joined.
    """
    pieces = sorted(entities, key=entity_order)
    done = 0
    while done < len(pieces):
        known = _own_silhouette(pieces[done], regions)
        if known is None:
            done += 1
            continue
        offset, area = known
        for forward in (True, False):
            other = _carry_on(pieces, done, regions, offset, area, forward)
            if other is not None:
                break
        else:
            done += 1
            continue
        shift = offset - _offset_of(pieces[other], regions)
        pieces[done] = _merge(pieces[done], pieces[other], shift)
        del pieces[other]
        done -= other < done
    return sorted(pieces, key=entity_order)


def _own_silhouette(entity: Entity, regions: list[list[Region]]) -> tuple[Floats, float] | None:
    """Offset of the centre from the entity's own silhouettes and their usual area; None if not steady."""
    steady = silhouettes_of(entity, regions)
    if not steady:
        return None
    offsets = np.array([entity.centre[t] - r.centre for t, r in steady.items()])
    return np.median(offsets, axis=0), float(np.median([r.area for r in steady.values()]))


def silhouettes_of(entity: Entity, regions: list[list[Region]]) -> dict[int, Region]:
    """The entity's own silhouettes by frame, those of about their median area; empty when most are not."""
    hits = {int(t): r for t in np.flatnonzero(entity.seen) if (r := _at(regions[t], entity, t)) is not None}
    if len(hits) < 3:
        return {}
    usual = float(np.median([r.area for r in hits.values()]))
    steady = {t: r for t, r in hits.items() if usual / AREA_RATIO < r.area < AREA_RATIO * usual}
    if len(steady) < max(3.0, 0.6 * len(hits)) or usual > 4 * np.pi * entity.radius_px**2:
        return {}
    return steady


def _at(regions: list[Region], entity: Entity, t: int | np.signedinteger[Any]) -> Region | None:
    near = [(float(np.linalg.norm(r.centre - entity.centre[t])), i) for i, r in enumerate(regions)]
    near = [(d, i) for d, i in near if d <= 0.6 * max(entity.radius_px, regions[i].radius_px) + 2.0]
    return regions[min(near)[1]] if near else None


def _offset_of(entity: Entity, regions: list[list[Region]]) -> Floats:
    known = _own_silhouette(entity, regions)
    return np.zeros(2) if known is None else known[0]


def _carry_on(
    pieces: list[Entity], index: int, regions: list[list[Region]], offset: Floats, area: float, forward: bool
) -> int | None:
    """Fills unseen frames in one direction; the number of another entity when it is met."""
    entity = pieces[index]
    step = 1 if forward else -1
    t = entity.first if forward else entity.last
    missed = 0
    while 0 <= t + step < len(regions):
        t += step
        if entity.seen[t]:
            missed = 0
            continue
        place = _predict(entity, t, forward)
        fit = _matching(regions[t], place - offset, area, 0.5 * entity.radius_px + 3.0)
        if fit is None:
            missed += 1
            if missed > MAX_MISSED and not (entity.seen[t:].any() if forward else entity.seen[: t + 1].any()):
                return None
            continue
        missed = 0
        for other, piece in enumerate(pieces):
            overlap = (piece.seen & entity.seen).sum()
            if other != index and piece.seen[t] and overlap <= 2 and _at([fit], piece, t) is not None:
                return other
        entity.centre[t] = fit.centre + offset
        entity.seen[t] = True
        entity.by_region[t] = True
    return None


def _predict(entity: Entity, t: int, forward: bool) -> Floats:
    """Place at frame t from up to 12 seen frames before (or after) it."""
    seen = np.flatnonzero(entity.seen)
    seen = seen[seen < t][-12:] if forward else seen[seen > t][:12]
    order = 2 if len(seen) >= 8 else 1 if len(seen) >= 2 else 0
    fit = np.polynomial.polynomial.polyfit((seen - t).astype(float), entity.centre[seen], order)
    return np.asarray(fit[0])


def _matching(regions: list[Region], place: Floats, area: float, reach: float) -> Region | None:
    fits = [
        (float(np.linalg.norm(r.centre - place)), i)
        for i, r in enumerate(regions)
        if area / AREA_RATIO <= r.area <= AREA_RATIO * area
    ]
    fits = [f for f in fits if f[0] <= reach]
    return regions[min(fits)[1]] if fits else None


def _merge(one: Entity, two: Entity, shift: Floats) -> Entity:
    """One entity of two; the second's centre is moved by `shift`, frames that both have keep the first's."""
    use = two.seen & ~one.seen
    return Entity(
        np.where(use[:, None], two.centre + shift, one.centre),
        one.seen | two.seen,
        np.concatenate([one.points, two.points]),
        np.concatenate([one.inliers, two.inliers], axis=1),
        np.concatenate([one.offsets, two.offsets - shift]),
        max(one.radius_px, two.radius_px),
        (one.by_region & ~use) | (two.by_region & use),
        sorted([*one.breaks, *two.breaks]),
    )


def chain_regions(regions: list[list[Region]], entities: list[Entity], travel_px: float) -> list[Entity]:
    """Entities made of silhouettes alone: chains that no entity with points accounts for.

    A chain continues with the nearest silhouette of about its area near where its last two steps lead; it
    needs MIN_CHAIN frames and a path of `travel_px`.
    """
    open_chains: list[list[tuple[int, Region]]] = []
    closed: list[list[tuple[int, Region]]] = []
    for t, present in enumerate(regions):
        free = [r for r in present if not any(e.seen[t] and _at([r], e, t) is not None for e in entities)]
        ready = [c for c in open_chains if t - c[-1][0] <= MAX_MISSED]
        closed += [c for c in open_chains if t - c[-1][0] > MAX_MISSED]
        pairs = sorted(
            (distance, i, j)
            for i, chain in enumerate(ready)
            for j, region in enumerate(free)
            if (distance := _step_cost(chain, t, region)) is not None
        )
        used_chains: set[int] = set()
        used_regions: set[int] = set()
        for _, i, j in pairs:
            if i not in used_chains and j not in used_regions:
                ready[i].append((t, free[j]))
                used_chains.add(i)
                used_regions.add(j)
        open_chains = ready + [[(t, r)] for j, r in enumerate(free) if j not in used_regions]
    chains = [c for c in closed + open_chains if len(c) >= MIN_CHAIN]
    made = [_from_chain(c, len(regions)) for c in chains]
    made = [e for e in made if np.ptp(e.centre[e.seen], axis=0).max() > travel_px]
    return sorted(made, key=entity_order)


def _step_cost(chain: list[tuple[int, Region]], t: int, region: Region) -> float | None:
    """Distance from where the chain leads; None when it is too far or of another size."""
    last_t, last = chain[-1]
    if not last.area / AREA_RATIO <= region.area <= AREA_RATIO * last.area:
        return None
    place, reach = last.centre, 1.2 * last.radius_px + 4.0
    if len(chain) > 1:
        before_t, before = chain[-2]
        place = last.centre + (last.centre - before.centre) * (t - last_t) / (last_t - before_t)
        reach = 0.4 * last.radius_px + 4.0
    distance = float(np.linalg.norm(region.centre - place))
    return distance if distance <= reach else None


def _from_chain(chain: list[tuple[int, Region]], count: int) -> Entity:
    centre = np.full((count, 2), np.nan)
    for t, region in chain:
        centre[t] = region.centre
    seen = np.isfinite(centre[:, 0])
    radius = float(np.median([r.radius_px for _, r in chain]))
    none = np.empty(0, dtype=np.int64)
    return Entity(centre, seen, none, np.empty((count, 0), dtype=bool), np.empty((0, 2)), radius, seen.copy())
