"""Sharpens places known from silhouettes: a picture of the thing is fitted to each frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .background import Background
from .camera import Camera
from .entities import Entity
from .errors import load_cv2
from .regions import Region, silhouettes_of

Floats = npt.NDArray[np.float64]

GOOD_NOISE_PX: Final = 0.03
"""Paths by points with less noise than this are not questioned."""
PRIOR_GREY2: Final = 30.0
"""Variance of the background (grey levels squared) at which it tells as much as the silhouettes."""
ROUNDS: Final = 3
STEPS: Final = 6
MAX_SHIFT_PX: Final = 4.0
"""Largest correction of one round."""


def sharpen(entity: Entity, background: Background, camera: Camera) -> None:
    """Moves the centres that come from silhouettes to where the entity's mean picture fits best, in place.

    The mean picture and its cover come from all frames in the entity's own coordinates; holes of single
    silhouettes, where thing and background look alike, average out. A frame is then modelled as the
    picture where it covers and the background elsewhere, and its shift is found by Gauss-Newton steps on
    the squared difference. A moving camera's background is not known well enough for that: places stay as
    they are.
    """
    if camera.moving or not entity.by_region.any():
        return
    raw = _raw(entity, camera)
    half = int(np.ceil(1.5 * entity.radius_px)) + 4
    seen = np.flatnonzero(entity.seen)
    fixed = np.flatnonzero(entity.seen & ~entity.by_region)
    frames = [int(t) for t in np.flatnonzero(entity.by_region)]
    for _ in range(ROUNDS):
        # Places from points are exact: where there are enough, they alone make the picture.
        chosen = fixed if len(fixed) >= 5 else seen
        paint, cover = _average(chosen, raw, half, background)
        moved = {t: _fit(t, raw[t], half, paint, cover, background) for t in frames}
        drift = np.zeros(2)
        if len(fixed) < 5:
            drift = np.median([moved[t] - raw[t] for t in moved], axis=0)
        for t, place in moved.items():
            raw[t] = place - drift
    for t in frames:
        matrix = camera.to_first[t]
        entity.centre[t] = matrix[:2, :2] @ raw[t] + matrix[:2, 2]


def choose_evidence(entity: Entity, regions: list[list[Region]], background: Background, camera: Camera) -> Entity:
    """The entity placed by its points or by its silhouettes, whichever path is less noisy.

    Corners found on the outline of a thing without texture slide along it and over the background; its
    silhouette is then the better measurement. The noise of both paths is taken from third differences,
    which no constant acceleration has, so the choice does not favour lawful motion.
    """
    sharpen(entity, background, camera)
    noise = track_noise(entity.centre, entity.seen)
    if noise <= GOOD_NOISE_PX or entity.by_region.all():
        return entity
    found = silhouettes_of(entity, regions)
    if len(found) < 0.8 * entity.seen.sum():
        return entity
    other = replace(
        entity,
        centre=np.full_like(entity.centre, np.nan),
        seen=np.zeros_like(entity.seen),
        by_region=np.zeros_like(entity.seen),
    )
    for t, region in found.items():
        other.centre[t], other.seen[t], other.by_region[t] = region.centre, True, True
    sharpen(other, background, camera)
    return other if track_noise(other.centre, other.seen) < noise else entity


def track_noise(centre: Floats, seen: npt.NDArray[np.bool_]) -> float:
    """Noise per coordinate in px, from third differences of neighbouring frames, which no parabola has.

    White noise of spread s has third differences of spread s sqrt(20); the median keeps out contacts and
    jumps.
    """
    whole = seen[3:] & seen[2:-1] & seen[1:-2] & seen[:-3]
    third = (centre[3:] - 3 * centre[2:-1] + 3 * centre[1:-2] - centre[:-3])[whole]
    return 1.4826 * float(np.median(np.abs(third))) / np.sqrt(20) if len(third) else 0.0


def _raw(entity: Entity, camera: Camera) -> Floats:
    inverse = np.linalg.inv(camera.to_first)
    return np.asarray(np.einsum("tij,tj->ti", inverse[:, :2, :2], entity.centre) + inverse[:, :2, 2])


def _crop(picture: npt.NDArray[Any], place: Floats, half: int) -> npt.NDArray[np.float32]:
    """Square of side 2 half + 1 around a sub-pixel place."""
    cv2 = load_cv2()
    matrix = np.array([[1.0, 0.0, half - place[0]], [0.0, 1.0, half - place[1]]])
    size = (2 * half + 1, 2 * half + 1)
    warped = cv2.warpAffine(picture.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.float32)


def _average(
    chosen: npt.NDArray[np.int64], raw: Floats, half: int, background: Background
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Paint (look times cover) and cover (0 to 1) of the thing in its own coordinates.

    A frame is background + cover (look - background), so over the frames a pixel's difference from the
    background is a line in the background's value with slope -cover and intercept look times cover. Where
    the background hardly varies, the share of silhouettes that hold the pixel decides.
    """
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, 30).astype(int))]
    masks, looks, behind = (
        np.stack([_crop(picture(t), raw[t], half) for t in chosen]).astype(np.float64)
        for picture in (background.differs, lambda t: background.smooth[t], background.behind)
    )
    share = masks.mean(0)
    guess = np.clip((share - 0.35) / 0.3, 0.0, 1.0)
    differs = looks - behind
    centred = behind - behind.mean(0)
    slope = ((differs - differs.mean(0)) * centred).mean(0)
    cover = (PRIOR_GREY2 * guess - slope) / (PRIOR_GREY2 + (centred**2).mean(0))
    cover = np.where(share > 0.1, np.clip(cover, 0.0, 1.0), 0.0)
    paint = np.where(share > 0.1, differs.mean(0) + cover * behind.mean(0), 0.0)
    return paint.astype(np.float32), cover.astype(np.float32)


def _fit(
    t: int,
    place: Floats,
    half: int,
    paint: npt.NDArray[np.float32],
    cover: npt.NDArray[np.float32],
    background: Background,
) -> Floats:
    cv2 = load_cv2()
    reach = half + int(MAX_SHIFT_PX) + 1
    corner = np.floor(place) - reach
    middle = corner + reach
    now, behind = (_crop(p, middle, reach) for p in (background.smooth[t], background.behind(t)))

    def model(shift: Floats) -> npt.NDArray[np.float32]:
        matrix = np.array([[1.0, 0, reach - half + shift[0]], [0, 1.0, reach - half + shift[1]]])
        size = (2 * reach + 1, 2 * reach + 1)
        painted, covered = (cv2.warpAffine(p, matrix, size) for p in (paint, cover))
        return np.asarray(behind - covered * behind + painted, dtype=np.float32)

    start = place - middle
    shift = start.copy()
    best = float(((now - model(shift)) ** 2).sum())
    for _ in range(STEPS):
        slopes = [(model(shift + d) - model(shift - d)).ravel() for d in (np.array([0.5, 0]), np.array([0, 0.5]))]
        jacobian = np.stack(slopes, axis=1).astype(np.float64)
        residual = (now - model(shift)).ravel().astype(np.float64)
        normal = jacobian.T @ jacobian + 1e-3 * np.eye(2)
        step = np.linalg.solve(normal, jacobian.T @ residual)
        trial = np.clip(shift + step, start - MAX_SHIFT_PX, start + MAX_SHIFT_PX)
        cost = float(((now - model(trial)) ** 2).sum())
        if cost >= best:
            break
        shift, best = trial, cost
    return np.asarray(middle + shift)
