"""morpheus: conservation scores of a tracked experiment, and the score of a fit of the equation of motion."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Bools, Floats, choice, real, same_shape, tracks
from kinetrace.metrics._morpheus_series import FPS, angular_velocity, filled, gradient, peaks, smooth, velocity
from kinetrace.metrics.invariance import core_score

_EPS, _G = 1e-10, 9.81


class _Recipe(NamedTuple):
    scale: float
    scores: tuple[str, ...]
    real_divisor: int = 4
    real_min_period: int = 10
    bodies: int = 1


_BALLISTIC = _Recipe(400, ("energy", "acceleration", "horizontal_momentum"), real_divisor=10)
MORPHEUS_EXPERIMENTS: dict[str, _Recipe] = {
    "falling_ball": _BALLISTIC,
    "projectile": _BALLISTIC,
    "bouncing_ball": _BALLISTIC,
    "sliding_book": _Recipe(1000, ("acceleration",)),
    "holonomic_pendulum": _Recipe(1000, ("energy", "period", "distance"), 50, 35),
    "non-holonomic_pendulum": _Recipe(1000, ("energy",), 50, 35),
    "spring": _Recipe(1000, ("horizontal_momentum", "period"), 4, 40),
    "double_pendulum": _Recipe(1000, ("energy", "distance"), 50, bodies=2),
    "collision": _Recipe(2000, ("energy", "horizontal_momentum"), 50, bodies=2),
}


class _Track(NamedTuple):
    """One body from its first detection on: positions and velocities in scaled units, rows x and y down."""

    position: Floats
    velocity: Floats
    raw: Floats
    first: int
    there: float


def morpheus(
    positions: Array,
    experiment: str,
    *,
    second: Array | None = None,
    lengths: Array | None = None,
    angles: Array | None = None,
    real_video: bool = False,
    compat: bool = True,
) -> dict[str, float]:
    """Physical invariance scores of Morpheus: the best window of each quantity that the experiment conserves.

    A series is scored in windows of max(5, span // 4) frames that move by half a window, by the core score (see
    `invariance_score`, kind "morpheus"), and the best window counts. Velocities: Savitzky-Golay (5, 3) of 0.7 times the
    local slope over 5 frames and 0.3 times the central difference, at 100 frames per second, positions divided by the
    experiment's scale (400 ballistic, 2000 collision, else 1000). energy: |v|^2 / 2 - 9.81 (y - min y), y down, of both
    bodies; acceleration: of y; horizontal_momentum: the velocity of x; period: distances of peaks of the smoothed y;
    distance: the string's length over the whole clip.

    Args:
        positions (array, (T, 2) | (T, 3), float32 | float64): x right, y down in pixels, and depth; NaN where missing,
            then interpolated, frames before the first detection dropped. T >= 5 from there on. (The published pickles
            hold row, column, depth.)
        experiment: "falling_ball", "projectile", "bouncing_ball", "sliding_book", "holonomic_pendulum",
            "non-holonomic_pendulum", "spring", "double_pendulum" or "collision".
        second (array, shape of positions): the other body of a collision or double pendulum.
        lengths (array, (T,) | (T, 2)): string length in pixels (of each body), for the holonomic and double pendulum;
            NaN where missing.
        angles (array, (T, 2)): radians, for the double pendulum, which must be tracked from its first frame.
        real_video: the windows and least period that the published code uses for real videos.
        compat: as published, see Notes. False: those repaired.

    Returns:
        dict of float: one score per quantity in (0, 1], "physical_score" (their mean), "stillness" (percent of frames,
        lower is more motion), "depth_consistency" when positions have depth, and "coverage", the share of frames with a
        detection. stillness and depth_consistency are not part of physical_score.

    Raises:
        ValueError, TypeError: shape, dtype or choice of an argument; an argument that the experiment needs; infinities.

    Notes:
        Published code: the scorer of Morpheus (arXiv 2504.02918), morpheus/scoring/physical_score.py. Its oddities,
        behind compat: a clip without any detection scores as a body at rest, so 1; a quantity without a window (5 or 6
        frames) or without two periods scores 0 (else NaN); stillness counts v <= 0.01 px per frame on both axes, so any
        motion to the upper left is still (else |v|); the momentum of a collision is scored once over the whole clip as
        1 / (1 + std) (else like any other series); the double pendulum's windows start a frame early and its moments of
        inertia mix lengths in pixels with scaled speeds (kept in both). Masses are equal. With 5 or 6 frames the
        published collision ends in an error; here its momentum is NaN.

    Example:
        >>> import numpy as np
        >>> t = np.arange(40.0)
        >>> fall = np.stack([4 * t, 0.5 * 0.3924 * t**2], axis=1)
        >>> scores = morpheus(fall, "projectile")
        >>> round(scores["horizontal_momentum"], 6), round(scores["acceleration"], 6)
        (1.0, 1.0)
    """
    choice(experiment, "experiment", tuple(MORPHEUS_EXPERIMENTS))
    for flag, name in ((real_video, "real_video"), (compat, "compat")):
        choice(flag, name, (False, True))
    recipe = MORPHEUS_EXPERIMENTS[experiment]
    bodies = [_track(positions, "positions", recipe.scale, compat)]
    if recipe.bodies == 2:
        bodies.append(_other(second, bodies[0], recipe.scale, compat))
        if experiment == "double_pendulum" and bodies[0].first > 0:
            raise ValueError("positions: expected a double pendulum tracked from its first frame, got a late detection")
    elif second is not None:
        raise ValueError(f"second: expected None for {experiment}, got an array")
    strings = _strings(lengths, experiment, recipe, bodies[0], compat)
    start, stop = bodies[0].first + 1, bodies[0].first + len(bodies[0].raw)
    window = max((stop - start) // (recipe.real_divisor if real_video else 4), 5)
    if experiment == "double_pendulum":
        start -= 1
    slots = [
        (max(t - bodies[0].first - 1, 0), t - bodies[0].first + window)
        for t in range(start, stop - window, window // 2)
    ]
    empty = 0.0 if compat else np.nan
    out: dict[str, float] = {}
    for name in recipe.scores:
        if name == "energy":
            series = sum((_energy(body) for body in bodies), np.zeros(len(bodies[0].raw)))
            if experiment == "double_pendulum":
                series = series + _spin(angles, strings, len(series))
            out[name] = _best(series, slots, empty)
        elif name == "acceleration":
            out[name] = _best(gradient(bodies[0].velocity[:, 1]), slots, empty)
        elif name == "horizontal_momentum":
            series = sum((body.velocity[:, 0] for body in bodies), np.zeros(len(bodies[0].raw)))
            single = compat and experiment == "collision"
            out[name] = _whole(series, bool(slots)) if single else _best(series, slots, empty)
        elif name == "period":
            least = recipe.real_min_period if real_video else 10
            out[name] = _periods(bodies[0].raw[:, 1], least, empty)
        else:
            out[name] = float(np.mean([core_score(column, _EPS) for column in strings.T]))
    out["physical_score"] = float(np.mean(list(out.values())))
    out["stillness"] = float(np.mean([_still(body.raw, compat) for body in bodies]))
    if bodies[0].raw.shape[1] == 3:
        out["depth_consistency"] = float(np.mean([core_score(body.raw[:, 2] / recipe.scale, _EPS) for body in bodies]))
    out["coverage"] = min(body.there for body in bodies)
    return out


def morpheus_dynamical(observed: Array, fitted: Array, *, coordinates: Literal["mean", "sum"] = "mean") -> float:
    """1 - min(NMSE, 1) of a fit of the equation of motion; NMSE = MSE / variance of the observations.

    Args:
        observed (array, (T,) | (T, K), float32 | float64): what was tracked, T >= 2.
        fitted (array, shape of observed): what the model of the motion gives at the same times. Morpheus: a
            physics-informed network trained on the clip, both resampled at 200 times.
        coordinates: squared errors of the K coordinates are averaged ("mean": collision) or added ("sum": projectile, as
            published); the variance is that of all values together in both.

    Returns:
        float in [0, 1], higher is better; NaN if the observations do not vary.

    Raises:
        ValueError, TypeError: shape or dtype; NaN or infinities.

    Notes:
        Published code: the scorer of Morpheus (arXiv 2504.02918), morpheus/scoring/dynamical_score.py and combined.py.
        There the spring's variance has 1e-8 added, a collision's 1e-12, and the double pendulum divides it by T K - 1.
        The network and its training are not part of kinetrace.

    Example:
        >>> import numpy as np
        >>> y = np.array([0.0, 2.0, 0.0, 2.0])
        >>> morpheus_dynamical(y, y), morpheus_dynamical(y, y + 0.5)
        (1.0, 0.75)
    """
    choice(coordinates, "coordinates", ("mean", "sum"))
    y = real(observed, "observed", "(T,) or (T, K)", (1, 2))
    p = real(fitted, "fitted", "(T,) or (T, K)", (1, 2))
    same_shape(p, "fitted", y, "observed")
    if y.shape[0] < 2 or y.size == 0:
        raise ValueError(f"observed: expected at least 2 frames, got {y.shape}")
    squares = ((p - y) ** 2).reshape(y.shape[0], -1)
    mse = (squares.sum(axis=1) if coordinates == "sum" else squares.mean(axis=1)).mean()
    variance = y.var()
    return float(1 - min(mse / variance, 1.0)) if variance > 0 else float("nan")


def _track(positions: Array, name: str, scale: float, compat: bool) -> _Track:
    p = tracks(positions, name, "(T, 2) or (T, 3)", (2,), 5, (2, 3))
    absent: Bools = np.asarray(np.isnan(p).any(axis=1))
    first = 0 if absent.all() else int((~absent).argmax())
    raw = filled(p, absent, compat)[first:]
    if len(raw) < 5:
        raise ValueError(f"{name}: expected at least 5 frames from the first detection on, got {len(raw)}")
    scaled = raw[:, :2] / scale
    speed = np.stack([velocity(column) for column in scaled.T], axis=1)
    return _Track(scaled, speed, raw, first, float((~absent).mean()))


def _other(second: Array | None, first: _Track, scale: float, compat: bool) -> _Track:
    if second is None:
        raise ValueError("second: expected the positions of the other body, got None")
    body = _track(second, "second", scale, compat)
    if body.raw.shape != first.raw.shape or body.first != first.first:
        raise ValueError("second: expected as many frames from the same first detection as positions, got others")
    return body


def _strings(lengths: Array | None, experiment: str, recipe: _Recipe, body: _Track, compat: bool) -> Floats:
    """String lengths (T', K) from the first detection on."""
    if "distance" not in recipe.scores:
        if lengths is not None:
            raise ValueError(f"lengths: expected None for {experiment}, got an array")
        return np.empty((len(body.raw), 0))
    if lengths is None:
        raise ValueError(f"lengths: expected the string lengths of {experiment}, got None")
    values = real(lengths, "lengths", "(T,) or (T, 2)", (1, 2), missing=True)
    values = values.reshape(values.shape[0], -1)
    frames = body.first + len(body.raw)
    if values.shape != (frames, recipe.bodies):
        raise ValueError(f"lengths: expected shape ({frames}, {recipe.bodies}), got {values.shape}")
    absent: Bools = np.asarray(np.isnan(values))
    columns = [filled(values[:, [k]], absent[:, k], compat=False) for k in range(recipe.bodies)]
    return np.concatenate(columns, axis=1)[body.first :]


def _energy(body: _Track) -> Floats:
    y = body.position[:, 1]
    total: Floats = 0.5 * (body.velocity**2).sum(axis=1) - _G * (y - y.min())
    return total


def _spin(angles: Array | None, strings: Floats, frames: int) -> Floats:
    """Rotational energy of two rods of unit mass."""
    if angles is None:
        raise ValueError("angles: expected the angles of the double pendulum, got None")
    theta = real(angles, "angles", "(T, 2)", (2,))
    if theta.shape != (frames, 2):
        raise ValueError(f"angles: expected shape ({frames}, 2), got {theta.shape}")
    rate = np.stack([angular_velocity(column) for column in theta.T], axis=1)
    spin: Floats = (0.5 / 12 * strings**2 * rate**2).sum(axis=1)
    return spin


def _best(series: Floats, slots: list[tuple[int, int]], empty: float) -> float:
    return float(max(core_score(series[a:b], _EPS) for a, b in slots)) if slots else empty


def _whole(series: Floats, defined: bool) -> float:
    return float(1 / (1 + series.std())) if defined else float("nan")


def _periods(y: Floats, least: int, empty: float) -> float:
    gaps = np.diff(peaks(smooth(y))).astype(np.float64)
    gaps = gaps[gaps > least]
    return float(core_score(gaps, _EPS)) if gaps.size else empty


def _still(raw: Floats, compat: bool) -> float:
    """Percent of frames with at most 0.01 px per frame on both axes."""
    rate = np.stack([velocity(column) for column in raw[:, :2].T], axis=1) / FPS
    if np.isnan(rate).any():
        return float("nan")
    rate = rate if compat else np.abs(rate)
    return 100 * float((rate <= 0.01).all(axis=1).mean())
