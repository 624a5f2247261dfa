"""jerk: the third derivative of positions, 0 where the acceleration is constant."""

from __future__ import annotations

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import nanmean, number, tracks


def jerk(positions: Array, *, dt: float = 1.0, scale: float = 1.0) -> dict[str, float]:
    """Size of j[t] = (p[t+3] - 3 p[t+2] + 3 p[t+1] - p[t]) / dt^3 over all frames and points.

    Args:
        positions (array, (T, D) | (T, N, D), float32 | float64): D 1 to 3; NaN where missing. T >= 4.
        dt: time between frames.
        scale: factor on lengths.

    Returns:
        dict of float: "rms", "mean" and "max" of |j| in scaled length / time^3, >= 0, lower is smoother, and "coverage",
        the share of third differences whose four positions are all there. NaN where none is.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.

    Notes:
        Kinetrace's choice of form. rms^2 dt^4 is the mean `kinetrace.track_residual` (which divides by dt once). A static
        clip has jerk 0, so read it beside a measure of motion; a lawful bounce has jerk.

    Example:
        >>> import numpy as np
        >>> t = np.arange(6.0)[:, None]
        >>> jerk(t**3)["rms"], jerk(t**2)["max"]
        (6.0, 0.0)
    """
    p = tracks(positions, "positions", "(T, D) or (T, N, D)", (2, 3), 0, (1, 2, 3))
    if p.shape[0] < 4:
        raise ValueError(f"positions: expected at least 4 frames, got {p.shape[0]}")
    factor = number(scale, "scale") / number(dt, "dt") ** 3
    size = factor * np.linalg.norm(np.diff(p, n=3, axis=0), axis=-1)
    there = ~np.isnan(size)
    return {
        "rms": float(np.sqrt(nanmean(size**2))),
        "mean": float(nanmean(size)),
        "max": float(size[there].max()) if there.any() else np.nan,
        "coverage": float(there.mean()) if there.size else np.nan,
    }
