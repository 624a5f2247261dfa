"""Closed-form Newtonian motion primitives: the positions of a point mass under one constant force."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

PrimitiveKind = Literal["free_fall", "horizontal_throw", "parabolic_throw", "ramp_down", "ramp_up"]
PRIMITIVES: Final[tuple[PrimitiveKind, ...]] = (
    "free_fall",
    "horizontal_throw",
    "parabolic_throw",
    "ramp_down",
    "ramp_up",
)

_DEFAULT_ANGLE: Final[dict[str, float]] = {
    "free_fall": 0.0,
    "horizontal_throw": 0.0,
    "parabolic_throw": np.pi / 4,
    "ramp_down": np.pi / 6,
    "ramp_up": np.pi / 6,
}
_DEFAULT_SPEED: Final[dict[str, float]] = {
    "free_fall": 0.0,
    "horizontal_throw": 3.0,
    "parabolic_throw": 6.0,
    "ramp_down": 0.0,
    "ramp_up": 6.0,
}


def simulate_primitive(
    kind: PrimitiveKind,
    *,
    num_frames: int = 32,
    fps: float = 16.0,
    position: npt.ArrayLike = (0.0, 0.0),
    speed: npt.ArrayLike | None = None,
    angle: npt.ArrayLike | None = None,
    friction: npt.ArrayLike = 0.1,
    gravity: npt.ArrayLike = 9.81,
    y_axis: Literal["up", "down"] = "up",
) -> npt.NDArray[np.float64]:
    """Positions of one of the five Newtonian motion primitives at equally spaced frames.

    p(t) = p0 + v0 t + a t^2 / 2 with the initial velocity and acceleration of the primitive (published
    free-body diagrams of NewtonRewards; the ramp laws are their standard expansion). On a ramp that ends
    when the speed reaches 0: from there the mass slides down from rest if tan(angle) > friction and stays
    otherwise (derived). No source publishes ranges of speed, angle or friction: the defaults are
    kinetrace's choice.

    Args:
        kind: "free_fall" (v0 = 0), "horizontal_throw" (v0 = (speed, 0)), "parabolic_throw" (v0 at `angle`
            above
            the horizontal), "ramp_down" (down a ramp that descends to the right, speed >= 0 down-slope),
            "ramp_up" (up a ramp that ascends to the right, speed >= 0 up-slope).
        num_frames: number of positions T, at times 0, 1/fps, ..., (T-1)/fps.
        fps: frames per second.
        position: (2,) or (B, 2), position at t = 0, in metres (or any unit that gravity and speed share).
        speed: scalar or (B,), in units per second, >= 0. None takes a default per primitive.
        angle: scalar or (B,), launch or ramp angle in radians; used by the parabolic throw and the ramps.
        friction: scalar or (B,), kinetic friction coefficient mu_k >= 0, used by the ramps.
        gravity: scalar or (B,), in units per second squared.
        y_axis: direction of the second coordinate, "up" as in physics or "down" as in images.

    Returns:
        Float64 positions (T, 2), or (B, T, 2) when an argument has a leading batch axis.

    Raises:
        ValueError: unknown kind or y_axis, or a parameter out of its range.

    Example:
        >>> p = simulate_primitive("free_fall", num_frames=3, fps=1.0, gravity=2.0)
        >>> p[:, 1].tolist()
        [0.0, -1.0, -4.0]
    """
    if kind not in PRIMITIVES:
        raise ValueError(f"kind: expected one of {', '.join(PRIMITIVES)}, got {kind!r}")
    if y_axis not in ("up", "down"):
        raise ValueError(f"y_axis: expected 'up' or 'down', got {y_axis!r}")
    if num_frames < 1:
        raise ValueError(f"num_frames: expected at least 1, got {num_frames}")
    if not fps > 0 or not np.isfinite(fps):
        raise ValueError(f"fps: expected a positive number, got {fps}")
    start = np.asarray(position, dtype=np.float64)
    if start.ndim not in (1, 2) or start.shape[-1] != 2:
        raise ValueError(f"position: expected shape (2,) or (B, 2), got {start.shape}")
    s = _parameter("speed", _DEFAULT_SPEED[kind] if speed is None else speed, minimum=0.0)
    th = _parameter("angle", _DEFAULT_ANGLE[kind] if angle is None else angle)
    mu = _parameter("friction", friction, minimum=0.0)
    g = _parameter("gravity", gravity)
    batch = np.broadcast_shapes(s.shape, th.shape, mu.shape, g.shape, start.shape[:-1])
    t = np.arange(num_frames) / fps
    s, th, mu, g = (np.broadcast_to(a, batch)[..., None] for a in (s, th, mu, g))
    if kind == "ramp_down" or kind == "ramp_up":
        along = _ramp_travel(t, s if kind == "ramp_up" else -s, th, mu, g)
        side = np.cos(th) if kind == "ramp_up" else -np.cos(th)
        x, y = along * side, along * np.sin(th)
    else:
        launch = th if kind == "parabolic_throw" else np.zeros_like(th)
        pace = np.zeros_like(s) if kind == "free_fall" else s
        x = pace * np.cos(launch) * t
        y = pace * np.sin(launch) * t - 0.5 * g * t * t
    offset = np.stack(np.broadcast_arrays(x, y if y_axis == "up" else -y), axis=-1)
    return np.asarray(start[..., None, :] + offset, dtype=np.float64)


def _parameter(name: str, value: npt.ArrayLike, minimum: float | None = None) -> npt.NDArray[np.float64]:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1:
        raise ValueError(f"{name}: expected a scalar or shape (B,), got shape {array.shape}")
    if not np.all(np.isfinite(array)) or (minimum is not None and np.any(array < minimum)):
        bound = "finite values" if minimum is None else f"finite values >= {minimum:g}"
        raise ValueError(f"{name}: expected {bound}, got {value!r}")
    return array


def _ramp_travel(
    t: npt.NDArray[np.float64],
    v0: npt.NDArray[np.float64],
    angle: npt.NDArray[np.float64],
    mu: npt.NDArray[np.float64],
    gravity: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Distance travelled up the slope, v0 > 0 is up; friction opposes motion and holds what it can."""
    pull, grip = gravity * np.sin(angle), mu * gravity * np.cos(angle)
    moving_acceleration = -pull - np.sign(v0) * grip
    rest_acceleration = -np.sign(pull) * np.maximum(np.abs(pull) - grip, 0.0)
    stops = v0 * moving_acceleration < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        t_stop = np.where(v0 == 0, 0.0, np.where(stops, -v0 / moving_acceleration, np.inf))
    first = np.minimum(t, t_stop)
    second = np.maximum(t - t_stop, 0.0)
    travel = v0 * first + 0.5 * moving_acceleration * first**2 + 0.5 * rest_acceleration * second**2
    return np.asarray(travel, dtype=np.float64)
