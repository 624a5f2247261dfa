"""The pipeline: from a clip to its entities, their fits and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kinetrace.kinematic_residual import kinematic_residual

from .background import Background
from .camera import Camera, estimate_camera
from .decode import Clip, read_clip, read_mask
from .entities import MIN_FRAMES, Entity, absorb, entity_order, find_entities, least_travel
from .errors import InputError, load_cv2
from .linking import link_entities
from .lucas_kanade import LucasKanade
from .motion import DenseFlow, DISFlow, PointTracker, PointTracks
from .outline import choose_evidence
from .regions import chain_regions, extend_entities, find_regions
from .score import EntityScore, score_clip, score_entity
from .seeds import Followed, follow_moving, least_area

Floats = npt.NDArray[np.float64]

_FLOWS_AT_ONCE: Final = 16


@dataclass(frozen=True)
class Options:
    """What changes the result of a clip."""

    fps: float | None = None
    pixels_per_meter: float | None = None
    mask: Path | None = None
    span: tuple[int, int | None] = (0, None)
    max_entities: int = 16


@dataclass(frozen=True)
class ClipResult:
    """Everything known about one clip; pixels and seconds."""

    clip: Clip
    camera: Camera
    tracks: PointTracks
    entities: list[Entity]
    scores: list[EntityScore]
    kinematic_residual: float
    """Mean of |phi[t+1] - 2 phi[t] + phi[t-1]|^2 over frames and pixels, px^2: the Eulerian residual."""
    residual_map: npt.NDArray[np.float32] = field(repr=False)
    """(H, W) mean over time of the same."""
    score: float
    warnings: tuple[str, ...]


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV on one thread, so that results do not depend on how its work is split."""
    cv2 = load_cv2()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def analyse_file(path: Path, options: Options, *, tick: Callable[[str], None] = lambda stage: None) -> ClipResult:
    """Decodes and analyses one file.

    Raises:
        InputError: the file cannot be scored; the error names it and the cause.
    """
    tick("decoding")
    clip = read_clip(path, fps=options.fps, span=options.span)
    mask = None
    if options.mask is not None:
        mask = read_mask(options.mask, size=clip.size, num_frames=len(clip.frames), video=path)
    try:
        return analyse_clip(clip, mask=mask, max_entities=options.max_entities, tick=tick)
    except InputError as error:
        raise InputError(path, error.cause) from error


def analyse_clip(
    clip: Clip,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    flow: DenseFlow | None = None,
    tracker: PointTracker | None = None,
    max_entities: int = 16,
    tick: Callable[[str], None] = lambda stage: None,
) -> ClipResult:
    """Finds what moves in a clip, follows, fits and scores it.

    Args:
        clip: grey frames and times.
        mask: (1 or T, H, W) bool, where points may be seeded; None for anywhere.
        flow: dense flow for the kinematic residual; None for OpenCV's DIS.
        tracker: point tracker; None for kinetrace's Lucas-Kanade.
        max_entities: keep at most this many, the heaviest.
        tick: called with the name of each stage.

    Raises:
        InputError: nothing moves.
    """
    with one_thread():
        tick("camera")
        camera = estimate_camera(clip.frames)
        tick("tracking")
        followed = follow_moving(clip.frames, camera, tracker or LucasKanade(), mask=mask)
        tracks = followed.tracks
        tick("entities")
        found = _entities(clip, camera, followed, mask)
        entities = [e for e in found if e.seen.sum() >= min(MIN_FRAMES, len(clip.frames))]
        if not entities:
            raise InputError(clip.name, _nothing(tracks, mask is not None))
        tick("flow")
        mean, residual_map = _flow_residual(clip.frames, flow or DISFlow())
    tick("scoring")
    warnings = [*clip.warnings, *camera.warnings]
    if len(entities) > max_entities:
        warnings.append(f"{len(entities)} entities found, the {max_entities} heaviest are kept")
        entities = entities[:max_entities]
    to_raw: Floats = np.asarray(np.linalg.inv(camera.to_first), dtype=np.float64)
    scores = [score_entity(e, clip.times_s, clip.size, to_raw, camera.cuts) for e in entities]
    total = score_clip(scores, [e.mass for e in entities])
    return ClipResult(clip, camera, tracks, entities, scores, mean, residual_map, total, tuple(warnings))


def _entities(clip: Clip, camera: Camera, followed: Followed, mask: npt.NDArray[np.bool_] | None) -> list[Entity]:
    """Entities from points, carried on by silhouettes, then those that only silhouettes show."""
    found = link_entities(find_entities(followed, camera, clip.size), clip.frames, camera)
    background = Background(clip.frames, camera)
    regions = find_regions(background, followed.moving, camera, least_area(clip.size), mask)
    found = extend_entities(found, regions)
    found += chain_regions(regions, found, least_travel(camera, clip.size))
    found = [choose_evidence(e, regions, background, camera) for e in found]
    return absorb(sorted(found, key=entity_order))


def raw_path(entity: Entity, camera: Camera) -> Floats:
    """The entity's centre (T, 2) in the pixels of each frame."""
    matrix = np.linalg.inv(camera.to_first)
    return np.asarray(np.einsum("tij,tj->ti", matrix[:, :2, :2], entity.centre) + matrix[:, :2, 2])


def _nothing(tracks: PointTracks, masked: bool) -> str:
    where = " inside the mask" if masked else ""
    if tracks.positions.shape[1] == 0:
        return f"no motion found{where}"
    return f"no motion found{where} that can be followed for {MIN_FRAMES} frames"


def _flow_residual(frames: npt.NDArray[np.uint8], flow: DenseFlow) -> tuple[float, npt.NDArray[np.float32]]:
    """Mean kinematic residual and its map over time; flows are kept only a few at a time."""
    count, height, width = frames.shape
    total = np.zeros((height, width))
    kept: list[npt.NDArray[Any]] = []
    for t in range(count - 1):
        kept.append(flow(frames[t], frames[t + 1]))
        if len(kept) == _FLOWS_AT_ONCE or t == count - 2:
            if len(kept) >= 3:
                total += np.asarray(kinematic_residual(np.stack(kept), reduction="none"), dtype=np.float64).sum(0)
            kept = kept[-2:]
    total /= count - 3
    return float(total.mean()), total.astype(np.float32)
