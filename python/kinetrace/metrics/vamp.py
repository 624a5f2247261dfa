"""vamp: velocity and acceleration consistency of a centroid, the motion part of VAMP."""

from __future__ import annotations

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import nanmean, number, tracks


def vamp(centroids: Array, *, scale: float = 1.0) -> dict[str, float]:
    """Consistency of speed, exp(-std(v) / mean(v)), and of its change, exp(-var(a)).

    v[t] = |c[t+1] - c[t]| and a[t] = v[t+1] - v[t], per frame. Trap: an object that slows down or falls as it must has a
    lower score than one that glides; "velocity" does not depend on the unit of length, "acceleration" does.

    Args:
        centroids (array, (T, D), float32 | float64): positions, D 1 to 3, pixels; NaN where missing. T >= 3.
        scale: factor on lengths, for example 1 / diagonal.

    Returns:
        dict of float: "velocity" and "acceleration", in (0, 1], higher is steadier, and "coverage", the share of frames
        present. Steps that need a missing frame are skipped; "velocity" is NaN for an object at rest (0 / 0), and either
        is NaN where nothing is left.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.

    Notes:
        Secondary: the formulas as third parties give them for arXiv 2411.13609; no code was found. Kinetrace's choice:
        population standard deviation and variance, the scale, what happens at rest and where frames are missing.

    Example:
        >>> import numpy as np
        >>> vamp(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
        {'velocity': 1.0, 'acceleration': 1.0, 'coverage': 1.0}
    """
    c = tracks(centroids, "centroids", "(T, D)", (2,), 3, (1, 2, 3)) * number(scale, "scale")
    speed = np.linalg.norm(np.diff(c, axis=0), axis=1)
    change = np.diff(speed)
    speed, change = speed[~np.isnan(speed)], change[~np.isnan(change)]
    mean = float(nanmean(speed))
    return {
        "velocity": float(np.exp(-speed.std() / mean)) if mean > 0 else np.nan,
        "acceleration": float(np.exp(-change.var())) if change.size else np.nan,
        "coverage": float((~np.isnan(c).any(axis=1)).mean()),
    }
