"""What is known of a clip, and its file: masks, centroids, depth, camera and the law."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.video.errors import InputError

from .camera import Camera
from .motion import Motion
from .spec import ClipSpec

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """The truth of one clip; T frames of H x W pixels."""

    info: dict[str, Any]
    """The clip's JSON: its parameters, split, primitive, variant, fps, ..."""
    masks: npt.NDArray[np.bool_]
    """(T, H, W) the object's pixels."""
    centroids_px: Floats
    """(T, 2) projection of the object's centre; NaN where it is not there."""
    mask_centroids_px: Floats
    """(T, 2) mean of the mask's pixels; NaN where it is empty. Of a solid seen in perspective this is not the
    projection of its centre: a sphere's lies further from the image's centre by Z^2 / (Z^2 - r^2)."""
    centroids_m: Floats
    """(T, 3) the object's centre in the world; NaN where it is not there."""
    depth_m: npt.NDArray[np.float32]
    """(T, H, W) distance along the optical axis."""
    camera: Camera

    @property
    def times_s(self) -> Floats:
        """(T,)"""
        return np.arange(len(self.masks)) / float(self.info["fps"])


def mask_means(masks: npt.NDArray[np.bool_]) -> Floats:
    """(T, 2) mean x, y of each mask's pixels; NaN for an empty one."""
    area = masks.sum((1, 2)).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = masks.sum(1) @ np.arange(masks.shape[2], dtype=np.float64) / area
        y = masks.sum(2) @ np.arange(masks.shape[1], dtype=np.float64) / area
    return np.stack([x, y], axis=-1)


def make_truth(
    spec: ClipSpec,
    motion: Motion,
    camera: Camera,
    masks: npt.NDArray[np.bool_],
    depth_m: npt.NDArray[np.float32],
    *,
    driver: str,
) -> Truth:
    """The truth of a rendered clip."""
    there = motion.present[:, None]
    centroids_m = np.where(there, motion.positions_m, np.nan)
    centroids_px = np.where(there, camera.project(motion.positions_m), np.nan)
    means = mask_means(masks)
    gap = np.linalg.norm(means - centroids_px, axis=1)
    law_px = None
    if spec.view == "parallel":
        # The picture of a plane parallel to the image is the plane, scaled.
        scale = camera.focal_px / float(camera.depth(motion.positions_m[0]))
        law_px = [motion.acceleration[0] * scale, -motion.acceleration[2] * scale]
    info = {
        **asdict(spec),
        "lawful": spec.variant == "lawful",
        "driver": driver,
        "velocity_m_s": motion.velocity.tolist(),
        "acceleration_m_s2": motion.acceleration.tolist(),
        "acceleration_px_s2": law_px,
        "mask_centroid_gap_px": float(np.nanmax(gap)),
        "focal_px": camera.focal_px,
        "centre_px": list(camera.centre_px),
        "world_from_camera": camera.world_from_camera.tolist(),
        "axes": "world: x right, y away, z up, metres; camera and pixels: x right, y down, z forward",
    }
    return Truth(info, masks, centroids_px, means, centroids_m, depth_m, camera)


def save_truth(truth: Truth, stem: Path) -> None:
    """Writes STEM.json and STEM.npz.

    The depth behind the object is kept once: the camera and all else stand still.
    """
    stem.with_name(stem.name + ".json").write_text(json.dumps(truth.info, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(
        stem.with_name(stem.name + ".npz"),
        masks=truth.masks,
        centroids_px=truth.centroids_px,
        mask_centroids_px=truth.mask_centroids_px,
        centroids_m=truth.centroids_m,
        background_depth_m=truth.depth_m.max(0),
        object_depth_m=truth.depth_m[truth.masks],
        times_s=truth.times_s,
        intrinsics=truth.camera.intrinsics,
        world_from_camera=truth.camera.world_from_camera,
    )


def load_truth(stem: Path) -> Truth:
    """Reads what `save_truth` wrote; `stem` may carry one of the suffixes.

    Raises:
        InputError: a file is missing or damaged.
    """
    base = stem.with_suffix("") if stem.suffix in (".json", ".npz", ".mp4") else stem
    try:
        info = json.loads(base.with_name(base.name + ".json").read_text(encoding="utf-8"))
        with np.load(base.with_name(base.name + ".npz"), allow_pickle=False) as data:
            masks = data["masks"]
            depth = np.repeat(data["background_depth_m"][None], len(masks), axis=0)
            depth[masks] = data["object_depth_m"]
            pose = data["world_from_camera"]
            camera = Camera(float(data["intrinsics"][0, 0]), tuple(data["intrinsics"][:2, 2].tolist()), pose)
            return Truth(
                info, masks, data["centroids_px"], data["mask_centroids_px"], data["centroids_m"], depth, camera
            )
    except FileNotFoundError as error:
        raise InputError(base, f"no such truth file: {Path(str(error.filename)).name}") from error
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(base, f"not a readable truth ({error})") from error
