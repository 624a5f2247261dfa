"""Result files: one JSON per clip, written atomically, reused when neither file nor options have changed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from .analyse import ClipResult, Options
from .score import EntityScore

FORMAT: Final = 1
"""Number of the result format and of the method behind it; results of another number are computed anew."""

Record = dict[str, Any]


def clip_record(result: ClipResult, *, name: str, options: Options, key: str) -> Record:
    """The JSON content of one scored clip; lengths in px, or in m when pixels per meter were given."""
    scale = 1.0 / options.pixels_per_meter if options.pixels_per_meter else 1.0
    clip = result.clip
    return {
        "file": name,
        "status": "ok",
        "score": _number(result.score),
        "frames": len(clip.frames),
        "start_frame": options.span[0],
        "width": clip.size[0],
        "height": clip.size[1],
        "fps": _number(clip.fps),
        "length_unit": "m" if options.pixels_per_meter else "px",
        "y_axis": "down",
        "kinematic_residual_px2": _number(result.kinematic_residual),
        "camera": {
            "moving": result.camera.moving,
            "speed_px_per_frame": _number(result.camera.speed_px),
            "travel_px": _number(result.camera.travel_px),
        },
        "warnings": list(result.warnings),
        "entities": [_entity_record(result, i, scale) for i in range(len(result.entities))],
        "format": FORMAT,
        "key": key,
    }


def _entity_record(result: ClipResult, index: int, scale: float) -> Record:
    entity, score = result.entities[index], result.scores[index]
    path = [
        [int(t), *(_number(v * scale) for v in entity.centre[t])] for t in range(len(entity.seen)) if entity.seen[t]
    ]
    return {
        "id": index + 1,
        "score": _number(score.score),
        "parts": {name: _number(value) for name, value in score.parts.items()},
        "frames": int(entity.seen.sum()),
        "first_frame": entity.first,
        "last_frame": entity.last,
        "points": int(entity.inliers.any(0).sum()),
        "position": _vector(score.position, scale),
        "velocity": _vector(score.velocity, scale),
        "acceleration": _vector(score.acceleration, scale),
        "residual_rms": _number(score.residual_rms * scale),
        "r_squared": _number(score.r_squared),
        "contacts_s": [_number(t) for t in score.contacts],
        "noise": _number(score.noise_px * scale),
        "shared_rms": _number(score.shared_rms * scale),
        "drift": _number(score.drift_px * scale),
        "jump": _number(score.jump_px * scale),
        "missing": _number(score.missing),
        "radius": _number(entity.radius_px * scale),
        "notes": list(score.notes),
        "path": path,
    }


def error_record(name: str, cause: str) -> Record:
    """The JSON content of a file that could not be scored."""
    return {"file": name, "status": "error", "error": cause}


def _number(value: Any) -> float | None:
    """A float of 9 significant digits; None for what JSON cannot hold."""
    number = float(value)
    return float(f"{number:.9g}") if math.isfinite(number) else None


def _vector(values: Any, scale: float) -> list[float | None]:
    return [_number(v * scale) for v in values]


def result_key(path: Path, options: Options, version: str) -> str:
    """Digest of the file's content and of everything that changes its result."""
    parts = {
        "format": FORMAT,
        "version": version,
        "file": _digest(path),
        "fps": options.fps,
        "pixels_per_meter": options.pixels_per_meter,
        "mask": _digest(options.mask) if options.mask is not None else None,
        "span": options.span,
        "max_entities": options.max_entities,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def output_names(paths: Sequence[Path]) -> list[str]:
    """A file name stem for each input: its own stem, with a digest of the path where stems collide."""
    stems = [re.sub(r"[^A-Za-z0-9._-]+", "_", p.stem) or "clip" for p in paths]
    folded = [stem.lower() for stem in stems]
    taken = {"results", "report"}
    return [
        f"{stem}-{hashlib.sha256(str(p).encode()).hexdigest()[:8]}"
        if folded.count(stem.lower()) > 1 or stem.lower() in taken
        else stem
        for p, stem in zip(paths, stems, strict=True)
    ]


def read_finished(path: Path, key: str) -> Record | None:
    """The record at `path` if it is whole, carries this key and its plots are there; else None."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("key") != key or record.get("format") != FORMAT:
        return None
    if not all((path.parent / name).is_file() for name in record.get("plots", [])):
        return None
    return record


def write_json(path: Path, content: Any) -> None:
    """Writes JSON so that the file is either the old one or the new one, never a part."""
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file through a temporary one in the same folder: flushed to disk, then renamed over the
    target.

    The temporary name depends on the target alone, so the rerun after a kill overwrites what was left behind.
    """
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def score_parts_text(score: EntityScore) -> str:
    """The parts below 0.99 in words, the worst first."""
    weak = sorted((value, name) for name, value in score.parts.items() if value < 0.99)
    return ", ".join(f"{name} {value:.2f}" for value, name in weak)
