"""Paths of the object in the world: the analytic law, and what each unlawful variant makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kinetrace.primitives import simulate_primitive

from .spec import LAWFUL, ClipSpec, load_ranges, variants_of

Floats = npt.NDArray[np.float64]

_DIRECTIONS: Final = 64


@dataclass(frozen=True)
class Motion:
    """The object's centre over a clip; the world's axes are x right, y away from the viewer, z up."""

    positions_m: Floats
    """(T, 3); where the object is not there, where it would be."""
    present: npt.NDArray[np.bool_]
    """(T,)"""
    velocity: Floats
    """(3,) m/s at the first frame, of the law."""
    acceleration: Floats
    """(3,) m/s^2 of the law; for a variant, of the law that it breaks."""


def theory(spec: ClipSpec) -> tuple[Floats, Floats]:
    """Initial velocity (3,) and acceleration (3,) of the lawful motion, from the force diagram."""
    c, s = math.cos(spec.angle_rad), math.sin(spec.angle_rad)
    down = np.array([0.0, 0.0, -spec.gravity])
    if spec.primitive == "free_fall":
        return np.zeros(3), down
    if spec.primitive == "horizontal_throw":
        return np.array([spec.speed, 0.0, 0.0]), down
    if spec.primitive == "parabolic_throw":
        return spec.speed * np.array([c, 0.0, s]), down
    if spec.primitive == "ramp_down":
        slope = np.array([c, 0.0, -s])
        return spec.speed * slope, spec.gravity * (s - spec.friction * c) * slope
    slope = np.array([c, 0.0, s])
    return spec.speed * slope, -spec.gravity * (s + spec.friction * c) * slope


def lawful_path(spec: ClipSpec) -> tuple[Floats, Floats]:
    """Positions (T, 3) of the law, by `kinetrace.simulate_primitive`, and the initial velocity (3,)."""
    flat = simulate_primitive(
        spec.primitive,
        num_frames=spec.num_frames,
        fps=spec.fps,
        position=(0.0, spec.height_m),
        speed=spec.speed,
        angle=spec.angle_rad,
        friction=spec.friction,
        gravity=spec.gravity,
    )
    return np.stack([flat[:, 0], np.zeros(len(flat)), flat[:, 1]], axis=-1), theory(spec)[0]


def simulate(spec: ClipSpec, *, ranges: dict[str, Any] | None = None) -> Motion:
    """The motion of a clip, lawful or not.

    Example:
        >>> from kinetrace.benchmarks.newtonbench import draw_clip, simulate
        >>> motion = simulate(draw_clip("free_fall", "id", 0))
        >>> motion.acceleration.tolist()
        [0.0, 0.0, -9.81]
    """
    table = (load_ranges() if ranges is None else ranges)["variant"]
    path, velocity = lawful_path(spec)
    acceleration = theory(spec)[1]
    present = np.ones(spec.num_frames, dtype=bool)
    if spec.variant == LAWFUL:
        return Motion(path, present, velocity, acceleration)
    rng = np.random.default_rng((*spec.seed, *spec.variant.encode()))
    time = np.arange(spec.num_frames) / spec.fps
    end = time[-1]
    if spec.variant == "vanishing":
        present[round(float(rng.uniform(*table["vanish_share"])) * spec.num_frames) :] = False
    elif spec.variant == "teleport":
        path = _teleport(path, spec, rng, table)
    else:
        path = path[0] + _broken(spec, time, end, velocity, acceleration, rng, table)
    return Motion(path, present, velocity, acceleration)


def _broken(
    spec: ClipSpec,
    t: Floats,
    end: float,
    velocity: Floats,
    acceleration: Floats,
    rng: np.random.Generator,
    table: dict[str, Any],
) -> Floats:
    """Displacement (T, 3) from the first position under a law that is not the clip's."""
    if spec.variant == "hovering":
        # Hangs still for a while, then goes on as if nothing had been.
        stop, release = (share * end for share in table["hover_share"])
        lived = np.minimum(t, stop) + np.maximum(t - release, 0.0)
        return np.outer(lived, velocity) + np.outer(lived**2 / 2, acceleration)
    if spec.variant == "drifting_acceleration":
        # Grows linearly; with 0.1 and 1.9 mean and final speed are those of the law.
        first, last = table["drift"]
        grown = first * t**2 / 2 + (last - first) * t**3 / (6 * end)
        return np.outer(t, velocity) + np.outer(grown, acceleration)
    if spec.variant == "wrong_gravity":
        # One constant acceleration, and not the Earth's: friction is in proportion to gravity, so all of it scales.
        factor = float(rng.uniform(*table["wrong_gravity"]))
        return np.outer(t, velocity) + np.outer(t**2 / 2, factor * acceleration)
    # From a moment on friction pushes the object along instead of braking it.
    direction = velocity if spec.primitive == "ramp_up" else acceleration
    gain = 2 * spec.friction * spec.gravity * math.cos(spec.angle_rad) * direction / np.linalg.norm(direction)
    pushed = np.maximum(t - table["reverse_share"] * end, 0.0)
    return np.outer(t, velocity) + np.outer(t**2 / 2, acceleration) + np.outer(pushed**2 / 2, gain)


def _teleport(path: Floats, spec: ClipSpec, rng: np.random.Generator, table: dict[str, Any]) -> Floats:
    """Once elsewhere, from one frame to the next; on from there by the law, above the ground and above the ramp."""
    cut = round(float(rng.uniform(*table["teleport_share"])) * spec.num_frames)
    length = float(rng.uniform(*table["teleport_radii"])) * spec.radius_m
    start = float(rng.uniform(0, 2 * np.pi))
    upward = np.array([-math.sin(slope_rad(spec)), math.cos(slope_rad(spec))])
    for k in range(_DIRECTIONS):
        turn = start + 2 * np.pi * k / _DIRECTIONS
        flat = np.array([math.cos(turn), math.sin(turn)])
        moved = path[cut:, 2] + length * flat[1]
        if moved.min() > 1.5 * spec.radius_m and (not spec.primitive.startswith("ramp") or flat @ upward > 0.3):
            jump = length * np.array([flat[0], 0.0, flat[1]])
            return path + (np.arange(len(path)) >= cut)[:, None] * jump
    raise ValueError(f"variant: expected room for a jump of {length:.2f} m, got none in {spec.name}")


def slope_rad(spec: ClipSpec) -> float:
    """Angle of the ramp's surface from left to right, up is positive; 0 without a ramp."""
    if spec.primitive == "ramp_up":
        return spec.angle_rad
    return -spec.angle_rad if spec.primitive == "ramp_down" else 0.0


def half_height_m(spec: ClipSpec) -> float:
    """From the object's centre to its foot: a box and a cylinder are as wide as high, in area about the sphere's."""
    return spec.radius_m if spec.shape == "sphere" else 0.85 * spec.radius_m


def reach(spec: ClipSpec, *, ranges: dict[str, Any] | None = None) -> Floats:
    """(N, 3) all places that the lawful clip and its variants come to: what the camera has to hold."""
    specs = [spec.with_variant(variant) for variant in (LAWFUL, *variants_of(spec.primitive))]
    return np.concatenate([simulate(one, ranges=ranges).positions_m for one in specs])
