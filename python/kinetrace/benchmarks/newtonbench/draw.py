"""Drawing the parameters of a clip from ranges: the same seed draws the same clip."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kinetrace.primitives import PRIMITIVES, PrimitiveKind

from .motion import lawful_path
from .spec import LAWFUL, SPLITS, VIEWS, ClipSpec, Split, View, load_ranges

_ATTEMPTS: Final = 1000


def draw_clip(
    primitive: PrimitiveKind,
    split: Split,
    index: int,
    *,
    seed: int = 0,
    view: View = "parallel",
    ranges: dict[str, Any] | None = None,
) -> ClipSpec:
    """The lawful clip number `index` of a primitive and a split.

    Args:
        primitive: one of `kinetrace.primitives.PRIMITIVES`.
        split: "id" or "ood".
        index: 0, 1, ...; each has random numbers of its own, so a longer list begins with a shorter one.
        seed: of all clips.
        view: "parallel" or "oblique" camera.
        ranges: from `load_ranges`; None for the package's own.

    Raises:
        ValueError: an argument is out of its range, or the ranges hold no lawful clip.

    Example:
        >>> from kinetrace.benchmarks.newtonbench import draw_clip
        >>> draw_clip("ramp_up", "ood", 3).name
        'ramp_up_0003'
    """
    if primitive not in PRIMITIVES:
        raise ValueError(f"primitive: expected one of {', '.join(PRIMITIVES)}, got {primitive!r}")
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if view not in VIEWS:
        raise ValueError(f"view: expected one of {', '.join(VIEWS)}, got {view!r}")
    if index < 0 or seed < 0:
        raise ValueError(f"index, seed: expected at least 0, got {index}, {seed}")
    table = load_ranges() if ranges is None else ranges
    key = (seed, SPLITS.index(split), PRIMITIVES.index(primitive), index)
    rng = np.random.default_rng(key)
    clip, camera, law = table["clip"], table["camera"][view], table["split"][split][primitive]
    for _ in range(_ATTEMPTS):
        spec = ClipSpec(
            name=f"{primitive}_{index:04d}",
            split=split,
            primitive=primitive,
            variant=LAWFUL,
            num_frames=int(clip["num_frames"]),
            fps=float(clip["fps"]),
            size_px=int(clip["size_px"]),
            fovy_rad=math.radians(clip["fovy_deg"]),
            gravity=float(clip["gravity_m_s2"]),
            height_m=_uniform(rng, law["height_m"]),
            speed=_uniform(rng, law.get("speed_m_s", (0.0, 0.0))),
            angle_rad=math.radians(_uniform(rng, law.get("angle_deg", (0.0, 0.0)))),
            friction=_uniform(rng, law.get("friction", (0.0, 0.0))),
            shape=str(rng.choice(table["object"]["shapes"])),
            radius_m=_uniform(rng, table["object"]["radius_m"]),
            view=view,
            yaw_rad=math.radians(_uniform(rng, camera["yaw_deg"])),
            pitch_rad=math.radians(_uniform(rng, camera["pitch_deg"])),
            seed=key,
        )
        if _holds_to_the_end(spec):
            return spec
    raise ValueError(
        f"ranges: expected a clip of {primitive} ({split}) that stays lawful, got none in {_ATTEMPTS} draws"
    )


def _uniform(rng: np.random.Generator, bounds: npt.ArrayLike) -> float:
    low, high = np.asarray(bounds, dtype=np.float64)
    if not low <= high:
        raise ValueError(f"ranges: expected [low, high], got {bounds!r}")
    return float(rng.uniform(low, high))


def _holds_to_the_end(spec: ClipSpec) -> bool:
    """Whether the object neither touches the ground nor comes to rest before the last frame."""
    path, velocity = lawful_path(spec)
    end_s = (spec.num_frames - 1) / spec.fps
    moving = True
    if spec.primitive == "ramp_up":
        braking = spec.gravity * (math.sin(spec.angle_rad) + spec.friction * math.cos(spec.angle_rad))
        moving = spec.speed > braking * end_s
    if spec.primitive == "ramp_down":
        moving = math.tan(spec.angle_rad) > spec.friction
    return moving and bool(path[:, 2].min() > 1.1 * spec.radius_m) and bool(np.isfinite(velocity).all())
