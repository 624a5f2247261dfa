"""The demo's scenes: five lawful motions and an unlawful twin of each, in image pixels (x right, y down)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..primitives import PRIMITIVES, PrimitiveKind, simulate_primitive

Floats = npt.NDArray[np.float64]

TWIN_OF: Final[dict[PrimitiveKind, str]] = {
    "free_fall": "hovering",
    "horizontal_throw": "drifting_acceleration",
    "parabolic_throw": "teleport",
    "ramp_down": "vanishing",
    "ramp_up": "reversed_friction",
}

SIZE_PX: Final = 512
NUM_FRAMES: Final = 32
FPS: Final = 16.0
MAX_SPEED_PX: Final = 12.0
"""Fastest motion in pixels per frame."""


@dataclass(frozen=True)
class Scene:
    """One object's path: positions (T, 2) in px, presence (T,), and the law that it obeys or pretends to."""

    kind: str
    base: PrimitiveKind
    lawful: bool
    positions: Floats
    present: npt.NDArray[np.bool_]
    acceleration: Floats
    """(2,) px/s^2 of the lawful motion, y down; for a twin: of the motion that it imitates."""
    slope: tuple[float, float, float] | None
    """A ramp below the path as (x, y, angle_rad) of its surface, or None."""


def make_pair(
    kind: PrimitiveKind,
    rng: np.random.Generator,
    *,
    radius_px: float = 24.0,
    num_frames: int = NUM_FRAMES,
    fps: float = FPS,
    size_px: int = SIZE_PX,
) -> tuple[Scene, Scene]:
    """A lawful scene and its twin, which share their start, law and ramp.

    The random speeds, angles and friction are kinetrace's choice; the whole path stays inside the image
    and no step is longer than MAX_SPEED_PX at 512 px (in proportion for other sizes).
    """
    law = _draw_law(kind, rng)
    duration = (num_frames - 1) / fps
    unit = dict(law, gravity=1.0, speed=law["speed"] * duration)
    shape = simulate_primitive(kind, num_frames=num_frames, fps=fps, y_axis="down", **unit)
    step = np.linalg.norm(np.diff(shape, axis=0), axis=1).max()
    reach = size_px - 2 * (radius_px + 8)
    fastest = MAX_SPEED_PX * size_px / SIZE_PX * rng.uniform(0.8, 0.99)
    gravity = float(min(fastest / step, reach / np.ptp(shape, axis=0).max()))
    law = dict(law, gravity=gravity, speed=law["speed"] * duration * gravity)
    path = simulate_primitive(kind, num_frames=num_frames, fps=fps, y_axis="down", **law)
    reached = path
    if kind == "ramp_up":
        # The twin climbs on where the lawful object slows down: both must stay inside.
        reached = np.vstack([path, _break_law(kind, path, law, rng, fps, radius_px, size_px)[0]])
    low, high = reached.min(0), reached.max(0)
    margin = radius_px + 8
    start = rng.uniform(margin - low, np.maximum(size_px - margin - high, margin - low + 1e-9))
    path = path + start
    acceleration = np.asarray((path[2] - 2 * path[1] + path[0]) * fps * fps)
    slope = None
    if kind.startswith("ramp"):
        sign = 1.0 if kind == "ramp_down" else -1.0
        normal = np.array([-sign * np.sin(law["angle"]), np.cos(law["angle"])])
        foot = path[0] + normal * radius_px
        slope = (float(foot[0]), float(foot[1]), sign * float(law["angle"]))
    present = np.ones(num_frames, dtype=bool)
    lawful = Scene(kind, kind, True, path, present, acceleration, slope)
    twisted, seen = _break_law(kind, path, law, rng, fps, radius_px, size_px)
    return lawful, Scene(TWIN_OF[kind], kind, False, twisted, seen, acceleration, slope)


def make_scenes(rng: np.random.Generator, **options: Any) -> list[Scene]:
    """All ten scenes, each lawful one followed by its twin."""
    return [scene for kind in PRIMITIVES for scene in make_pair(kind, rng, **options)]


def _draw_law(kind: PrimitiveKind, rng: np.random.Generator) -> dict[str, Any]:
    """Angle, friction and speed for gravity 1; speed is a multiple of gravity times the clip's duration."""
    if kind == "free_fall":
        return {"angle": 0.0, "friction": 0.0, "speed": 0.0}
    if kind == "horizontal_throw":
        return {"angle": 0.0, "friction": 0.0, "speed": rng.uniform(0.35, 0.9)}
    if kind == "parabolic_throw":
        angle = rng.uniform(0.8, 1.2)
        return {"angle": angle, "friction": 0.0, "speed": rng.uniform(0.45, 0.55) / np.sin(angle)}
    angle = rng.uniform(0.35, 0.55)
    if kind == "ramp_down":
        return {"angle": angle, "friction": rng.uniform(0.05, 0.2), "speed": 0.0}
    friction = rng.uniform(0.25, 0.35)
    braking = np.sin(angle) + friction * np.cos(angle)
    # 5 % faster than what would stop at the last frame: the clip ends before the turning point.
    return {"angle": angle, "friction": friction, "speed": 1.05 * braking}


def _break_law(
    kind: PrimitiveKind,
    path: Floats,
    law: dict[str, Any],
    rng: np.random.Generator,
    fps: float,
    radius_px: float,
    size_px: int,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    n = len(path)
    t = np.arange(n) / fps
    end = t[-1]
    present = np.ones(n, dtype=bool)
    down = np.array([0.0, 1.0])
    if kind == "free_fall":
        # Falls, stops dead in mid-air, hangs still for 30 % of the clip, then falls on from rest.
        stop, release = 0.4 * end, 0.7 * end
        drop = np.minimum(t, stop) ** 2 + np.maximum(t - release, 0.0) ** 2
        return path[0] + 0.5 * law["gravity"] * drop[:, None] * down, present
    if kind == "horizontal_throw":
        # Gravity grows linearly from 0.1 to 1.9 of its value: same mean, same final speed.
        grown = law["gravity"] * (0.1 * t * t / 2 + 1.8 * t**3 / (6 * end))
        return np.column_stack([path[:, 0], path[0, 1] + grown]), present
    if kind == "parabolic_throw":
        # Jumps once by 2.5 to 4 radii, otherwise the same motion.
        cut = round(float(rng.uniform(0.35, 0.65)) * n)
        return path + (np.arange(n) >= cut)[:, None] * _jump(path[cut:], rng, radius_px, size_px), present
    if kind == "ramp_down":
        # Gone for good after 40 to 60 % of the clip.
        present[round(float(rng.uniform(0.4, 0.6)) * n) :] = False
        return path.copy(), present
    # From 45 % of the clip friction pushes the object on instead of braking it.
    turn = 0.45 * end
    uphill = (path[-1] - path[0]) / np.linalg.norm(path[-1] - path[0])
    gain = 2 * law["friction"] * law["gravity"] * np.cos(law["angle"])
    return path + 0.5 * gain * (np.maximum(t - turn, 0.0) ** 2)[:, None] * uphill, present


def _jump(rest: Floats, rng: np.random.Generator, radius_px: float, size_px: int) -> Floats:
    margin = radius_px + 4
    for _ in range(200):
        turn = rng.uniform(0, 2 * np.pi)
        jump = rng.uniform(2.5, 4.0) * radius_px * np.array([np.cos(turn), np.sin(turn)])
        moved = rest + jump
        if moved.min() >= margin and moved.max() <= size_px - margin:
            return jump
    centre = np.array([size_px / 2, size_px / 2])
    towards = centre - rest.mean(0)
    return np.asarray(2.5 * radius_px * towards / max(float(np.linalg.norm(towards)), 1e-9))
