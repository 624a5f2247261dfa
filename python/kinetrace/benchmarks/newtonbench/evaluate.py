"""Predictions against truth: scores of every clip, means by split and primitive with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from kinetrace.primitives import PRIMITIVES
from kinetrace.video.decode import VIDEO_SUFFIXES
from kinetrace.video.errors import InputError

from .measures import MEASURES, Norm, centroid_scores, mask_scores
from .segment import empty_scene, read_colour, segment_clip
from .spec import SPLITS
from .truth import Truth, load_truth, mask_means

Floats = npt.NDArray[np.float64]
Record = dict[str, Any]

RESAMPLES: Final = 4000
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Settings:
    """What the sources leave open, as arguments."""

    dt: float | None = None
    """Time between frames in v and a; None: the truth's, in seconds. 1: differences per frame."""
    scale: float = 1.0
    """Factor on lengths in px."""
    norm: Norm = "vector"
    against: Literal["mask", "projection"] = "mask"
    """The true centroid: mean of the mask's pixels, as segmenters see it, or projection of the object's centre."""


def evaluate(
    predictions: Path,
    truth: Path,
    *,
    settings: Settings | None = None,
    seed: int = 0,
    tick: Callable[[str], None] = lambda name: None,
) -> Record:
    """Scores all lawful clips of a truth folder.

    A prediction is PREDICTIONS/SPLIT/NAME.npz, with `masks` (T, H, W), whose centroids are compared, or `centroids_px`
    (T, 2), or both (then `centroids_px` serves `against="projection"`), and `fps` if it is not the truth's. Or else it
    is PREDICTIONS/SPLIT/NAME.mp4 (or another video), in which the object is segmented by its difference from the truth's
    empty scene. Frame k of a prediction is compared with the truth's frame int(k * (fps of the truth / fps of the
    prediction)), as PISA's code aligns them.

    Args:
        predictions: folder.
        truth: folder written by `generate`.
        settings: see `Settings`.
        seed: of the bootstrap.
        tick: called with the name of each clip.

    Returns:
        dict that JSON can hold: `settings`, `rows` (split, primitive or "all", clips, failed, and per measure
        mean, low, high), `clips` (scores, or status "failed" with the reason). A clip that failed has coverage 0 and
        iou 0 and no other score.

    Raises:
        InputError: the truth folder holds no clips.
    """
    chosen = settings or Settings()
    clips = []
    for name in _names(truth):
        tick(name)
        clips.append(_score(predictions, truth, name, chosen))
    lawful = [clip for clip in clips if clip is not None]
    if not lawful:
        raise InputError(truth, "no lawful clips with truth here")
    return {
        "benchmark": "newtonbench",
        "settings": {**chosen.__dict__, "resamples": RESAMPLES, "confidence": CONFIDENCE, "seed": seed},
        "rows": _rows(lawful, seed),
        "clips": lawful,
    }


def _names(truth: Path) -> list[str]:
    """SPLIT/NAME of the clips in a truth folder."""
    return [f"{split}/{path.stem}" for split in SPLITS for path in sorted(truth.glob(f"{split}/*.npz"))]


def _score(predictions: Path, truth: Path, name: str, settings: Settings) -> Record | None:
    """The record of one clip; None for an unlawful one."""
    known = load_truth(truth / name)
    if not known.info["lawful"]:
        return None
    record: Record = {"clip": name, "split": known.info["split"], "primitive": known.info["primitive"]}
    failed = {measure: 0.0 if measure in ("iou", "coverage") else None for measure in MEASURES}
    try:
        masks, centroids, source = _predicted(predictions, truth, name, known, settings)
    except InputError as error:
        return {**record, "status": "failed", "reason": error.cause, **failed}
    true = known.mask_centroids_px if settings.against == "mask" else known.centroids_px
    fps, own = float(known.info["fps"]), source["fps"]
    index = (np.arange(len(centroids)) * (fps / own)).astype(int)
    index = index[index < len(true)]
    if len(index) < 3:
        return {**record, "status": "failed", "reason": f"{len(index)} frames, at least 3 are needed", **failed}
    dt = 1.0 / own if settings.dt is None else settings.dt
    scores = centroid_scores(centroids[: len(index)], true[index], dt=dt, scale=settings.scale, norm=settings.norm)
    if masks is not None:
        scores |= mask_scores(masks[: len(index)], known.masks[index], scale=settings.scale)
    # Frames that the prediction does not have are not covered.
    scores["coverage"] *= min(1.0, len(index) * fps / own / len(true))
    values = {m: _plain(scores.get(m, np.nan)) for m in MEASURES}
    return {**record, "status": "ok", "frames": len(index), "source": source["kind"], **values}


def _predicted(
    predictions: Path, truth: Path, name: str, known: Truth, settings: Settings
) -> tuple[npt.NDArray[np.bool_] | None, Floats, Record]:
    """Masks, if there are any, centroids (T, 2), and where they come from."""
    base = predictions / name
    arrays = base.with_name(base.name + ".npz")
    if arrays.is_file():
        return _from_arrays(arrays, known, settings)
    videos = [
        p for p in sorted(base.parent.glob(base.name + ".*")) if p.suffix in VIDEO_SUFFIXES and p.stem == base.name
    ]
    if not videos:
        raise InputError(base, "no prediction")
    frames, fps = read_colour(videos[0])
    if frames.shape[1:3] != known.masks.shape[1:]:
        raise InputError(videos[0], _size(frames.shape[1:3], known))
    original = (truth / name).with_name(base.name + ".mp4")
    scene = empty_scene(read_colour(original)[0], known.masks)
    masks = segment_clip(frames, scene, known.masks[0])
    return masks, mask_means(masks), {"kind": "video", "fps": fps}


def _from_arrays(path: Path, known: Truth, settings: Settings) -> tuple[npt.NDArray[np.bool_] | None, Floats, Record]:
    try:
        with np.load(path, allow_pickle=False) as data:
            given = {key: data[key] for key in ("masks", "centroids_px", "fps") if key in data}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"not a readable .npz file ({error})") from error
    fps = float(given.get("fps", known.info["fps"]))
    masks, centroids = given.get("masks"), given.get("centroids_px")
    if masks is not None:
        if masks.ndim != 3 or masks.dtype.kind not in ("b", "u"):
            raise InputError(path, f"masks: expected bool or uint8 (T, H, W), got {masks.dtype} {masks.shape}")
        if masks.shape[1:] != known.masks.shape[1:]:
            raise InputError(path, _size(masks.shape[1:], known))
        masks = masks != 0
    if masks is not None and (centroids is None or settings.against == "mask"):
        centroids = mask_means(masks)
    if centroids is None:
        raise InputError(path, "neither masks nor centroids_px")
    if centroids.ndim != 2 or centroids.shape[1] != 2 or (masks is not None and len(masks) != len(centroids)):
        raise InputError(path, f"centroids_px: expected (T, 2), got {centroids.shape}")
    if not fps > 0:
        raise InputError(path, f"fps: expected a positive number, got {fps}")
    return (
        masks,
        np.asarray(centroids, dtype=np.float64),
        {"kind": "masks" if masks is not None else "centroids", "fps": fps},
    )


def _size(shape: tuple[int, ...], known: Truth) -> str:
    height, width = known.masks.shape[1:]
    return f"{shape[1]}x{shape[0]} pixels, the truth has {width}x{height}"


def _rows(clips: list[Record], seed: int) -> list[Record]:
    rows = []
    for split in SPLITS:
        for primitive in (*PRIMITIVES, "all"):
            part = [c for c in clips if c["split"] == split and primitive in (c["primitive"], "all")]
            if not part:
                continue
            row: Record = {"split": split, "primitive": primitive, "clips": len(part)}
            row["failed"] = sum(c["status"] == "failed" for c in part)
            for k, measure in enumerate(MEASURES):
                groups = [
                    [c[measure] for c in part if c["primitive"] == p and c[measure] is not None] for p in PRIMITIVES
                ]
                rng = np.random.default_rng((seed, SPLITS.index(split), (*PRIMITIVES, "all").index(primitive), k))
                row[measure] = bootstrap([np.array(g) for g in groups if g], rng)
            rows.append(row)
    return rows


def bootstrap(groups: list[Floats], rng: np.random.Generator) -> dict[str, float | None]:
    """Mean over all values and its percentile interval; values are drawn again within their group.

    None instead of an interval where no group has two values.
    """
    values = np.concatenate(groups) if groups else np.empty(0)
    if not len(values):
        return {"mean": None, "low": None, "high": None}
    mean = float(values.mean())
    if all(len(group) < 2 for group in groups):
        return {"mean": _plain(mean), "low": None, "high": None}
    total = np.zeros(RESAMPLES)
    for group in groups:
        total += group[rng.integers(len(group), size=(RESAMPLES, len(group)))].sum(1)
    low, high = np.quantile(total / len(values), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"mean": _plain(mean), "low": _plain(float(low)), "high": _plain(float(high))}


def _plain(value: float) -> float | None:
    """Nine significant digits; None for what JSON cannot hold."""
    return float(f"{value:.9g}") if np.isfinite(value) else None
