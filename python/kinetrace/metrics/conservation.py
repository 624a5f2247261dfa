"""energy_drift and momentum_drift: how far the mechanical energy and the momentum of tracked bodies wander."""

from __future__ import annotations

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Bools, Floats, number, real, tracks


def energy_drift(
    positions: Array, *, dt: float = 1.0, gravity: Array | None = None, masses: Array | None = None
) -> dict[str, float]:
    """Wandering of E = sum_i m_i (|v_i|^2 / 2 - g . p_i), in units of the largest kinetic energy.

    v[t] = (p[t+1] - p[t-1]) / (2 dt), which is exact for constant acceleration, so a lawful fall has drift 0 but for
    rounding. Position noise of s per axis becomes velocity noise of s / (sqrt(2) dt).

    Args:
        positions (array, (T, D) | (T, N, D), float32 | float64): N bodies, D 1 to 3; NaN where missing. T >= 4.
        dt: time between frames.
        gravity (array, (D,)): the uniform acceleration, in position units / time^2 and the axes of positions: (0, 9.81)
            in metres for an image whose second axis is down. None: no potential, so kinetic energy alone.
        masses (array, (N,)): > 0, only their ratios matter; None: equal.

    Returns:
        dict of float: "rms" of E - mean E, "max" of |E[t] - E[s]| and "slope", the least-squares dE/dt times the duration
        of the frames used, all divided by the largest kinetic energy of the clip (lower magnitude is better; slope < 0
        loses energy); and "coverage", the share of frames 1 .. T - 2 in which all bodies have a velocity. NaN with fewer
        than 2 such frames; a clip at rest has drift 0.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.

    Notes:
        Kinetrace's choice throughout: published metrics score the standard deviation of an energy instead
        (`invariance_score`, `morpheus`), which depends on where height 0 is; this does not.

    Example:
        >>> import numpy as np
        >>> t = np.arange(8.0)[:, None] / 16
        >>> fall = t * [3.0, 0.0] + t**2 * [0.0, 4.905]
        >>> energy_drift(fall, dt=1 / 16, gravity=[0.0, 9.81])["max"] < 1e-12
        True
    """
    p, v, mass, g, step = _motion(positions, dt, gravity, masses)
    kinetic = 0.5 * ((v**2).sum(axis=-1) * mass).sum(axis=1)
    energy = kinetic - ((p @ g) * mass).sum(axis=1)
    seen = ~np.isnan(energy)
    return _drift(energy[:, None], seen, kinetic, step)


def momentum_drift(
    positions: Array, *, dt: float = 1.0, gravity: Array | None = None, masses: Array | None = None
) -> dict[str, float]:
    """Wandering of P - M g t, P = sum_i m_i v_i, in units of the largest sum_i m_i |v_i|.

    It is conserved by collisions between the bodies, elastic or not, and under uniform gravity; not by a floor.

    Args:
        positions (array, (T, D) | (T, N, D), float32 | float64): N bodies, D 1 to 3; NaN where missing. T >= 4.
        dt: time between frames.
        gravity (array, (D,)): the uniform acceleration, as in `energy_drift`; None: none.
        masses (array, (N,)): > 0; None: equal.

    Returns:
        dict of float: as `energy_drift`, with Euclidean lengths of vectors ("slope" the length of dP/dt, >= 0).

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.

    Notes:
        Kinetrace's choice throughout.

    Example:
        >>> import numpy as np
        >>> t = np.arange(9.0) - 4
        >>> bodies = np.stack([np.minimum(t, 0.0), np.maximum(t, 0.0)], axis=1)[:, :, None]
        >>> momentum_drift(bodies)["max"], momentum_drift(bodies, masses=[1.0, 3.0])["max"] > 0.5
        (0.0, True)
    """
    _, v, mass, g, step = _motion(positions, dt, gravity, masses)
    speed = (np.linalg.norm(v, axis=-1) * mass).sum(axis=1)
    time = step * np.arange(len(v))[:, None]
    momentum = (v * mass[:, None]).sum(axis=1) - mass.sum() * g * time
    drift = _drift(momentum, ~np.isnan(momentum).any(axis=1), speed, step)
    return drift | {"slope": abs(drift["slope"])}


def _motion(
    positions: Array, dt: float, gravity: Array | None, masses: Array | None
) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Positions and central velocities (T - 2, N, D), masses (N,), gravity (D,), dt."""
    p = tracks(positions, "positions", "(T, D) or (T, N, D)", (2, 3), 0, (1, 2, 3))
    if p.shape[0] < 4:
        raise ValueError(f"positions: expected at least 4 frames, got {p.shape[0]}")
    p = p[:, None] if p.ndim == 2 else p
    if p.shape[1] < 1:
        raise ValueError("positions: expected at least 1 body, got 0")
    g = np.zeros(p.shape[2]) if gravity is None else real(gravity, "gravity", "(D,)", (1,))
    m = np.ones(p.shape[1]) if masses is None else real(masses, "masses", "(N,)", (1,))
    if g.shape != (p.shape[2],):
        raise ValueError(f"gravity: expected shape ({p.shape[2]},), got {g.shape}")
    if m.shape != (p.shape[1],) or not (m > 0).all():
        raise ValueError(f"masses: expected {p.shape[1]} numbers > 0, got {m.tolist()!r:.60}")
    step = number(dt, "dt")
    return p[1:-1], (p[2:] - p[:-2]) / (2 * step), m / m.sum(), g, step


def _drift(values: Floats, seen: Bools, size: Floats, step: float) -> dict[str, float]:
    """rms, max and slope of values (T, K) over the frames seen, in units of the largest size seen."""
    coverage = float(seen.mean())
    if seen.sum() < 2:
        return {"rms": np.nan, "max": np.nan, "slope": np.nan, "coverage": coverage}
    time, x = step * np.flatnonzero(seen), values[seen]
    deviation = x - x.mean(axis=0)
    centred = time - time.mean()
    slope = (centred[:, None] * deviation).sum(axis=0) / (centred**2).sum() * (time[-1] - time[0])
    parts = {
        "rms": float(np.sqrt((deviation**2).sum(axis=1).mean())),
        "max": _diameter(x),
        "slope": float(slope[0]) if slope.size == 1 else float(np.linalg.norm(slope)),
    }
    unit = float(size[seen].max())
    if unit == 0:  # at rest: nothing moved, unless positions jump back and forth between two frames
        parts = {name: 0.0 if value == 0 else np.inf for name, value in parts.items()}
        unit = 1.0
    return {name: value / unit for name, value in parts.items()} | {"coverage": coverage}


def _diameter(x: Floats) -> float:
    """Largest distance between two of the rows, one row of distances at a time."""
    if x.shape[1] == 1:
        return float(x.max() - x.min())
    return float(max(np.linalg.norm(x - row, axis=1).max() for row in x))
