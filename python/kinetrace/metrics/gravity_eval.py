"""gravity_eval: two balls dropped in one clip; heights and squared fall times must have the same ratio."""

from __future__ import annotations

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Floats, number, real


def gravity_eval(
    first: Array,
    second: Array,
    *,
    ground_y: float,
    fps: float,
    threshold: float = 1.0,
    metres_per_pixel: float | None = None,
) -> dict[str, float]:
    """Ratio of the drop heights of two balls and of their squared fall times, which the law makes equal.

    The impact is the frame before the first frame i >= 1 with y[i] > ground_y and y[i] - y[i-1] < threshold. Height
    h = y[impact] - y[0], fall time T = impact / fps. The ratios need no calibration of the camera: under gravity alone
    h1 / h2 = (T1 / T2)^2.

    Args:
        first (array, (T,) | (T, 2), float32 | float64): vertical centroid y in pixels, down, or x and y; NaN where the
            ball was not found.
        second (array, (T,) | (T, 2)): the other ball.
        ground_y: pixels; the ball has come near the ground below this row.
        fps: frames per second.
        threshold: pixels per frame under which the fall has ended.
        metres_per_pixel: gives "gravity_1", "gravity_2" = 2 h / T^2 in m/s^2; NaN without it.

    Returns:
        dict of float: "height_ratio", "time_ratio_squared", "law_ratio" (the first by the second; 1 obeys the law),
        "height_1", "height_2" (pixels), "time_1", "time_2" (seconds), "impact_1", "impact_2" (frames), "gravity_1",
        "gravity_2". Undefined is NaN: no impact, a missing centroid before it, heights or times that are not positive.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.

    Notes:
        Published code: gravity-eval/gravity-eval-bench @9b67cba eval_gravity.py (arXiv 2512.02016), which has None where
        this has NaN, and threshold 1. Derived: law_ratio and the effective gravity.

    Example:
        >>> import numpy as np
        >>> t = np.arange(30) / 10
        >>> fall = lambda h: np.minimum(100 - h + 50 * t**2, 100.0)
        >>> scores = gravity_eval(fall(50.0), fall(12.5), ground_y=90.0, fps=10)
        >>> scores["height_ratio"], scores["time_ratio_squared"]
        (4.0, 4.0)
    """
    ground = number(ground_y, "ground_y", positive=False)
    rate = number(fps, "fps")
    limit = number(threshold, "threshold", positive=False)
    unit = np.nan if metres_per_pixel is None else number(metres_per_pixel, "metres_per_pixel")
    out: dict[str, float] = {}
    for at, track, name in ((1, first, "first"), (2, second, "second")):
        y = _vertical(track, name)
        impact = _impact(y, ground, limit)
        out[f"impact_{at}"] = impact
        out[f"height_{at}"] = float(y[int(impact)] - y[0]) if impact == impact else np.nan
        out[f"time_{at}"] = impact / rate
        out[f"gravity_{at}"] = 2 * out[f"height_{at}"] * unit / out[f"time_{at}"] ** 2 if impact > 0 else np.nan
    heights, times = (out["height_1"], out["height_2"]), (out["time_1"], out["time_2"])
    height_ratio = heights[0] / heights[1] if all(h > 0 for h in heights) else np.nan
    time_ratio = (times[0] / times[1]) ** 2 if all(t > 0 for t in times) else np.nan
    ratios = {
        "height_ratio": height_ratio,
        "time_ratio_squared": time_ratio,
        "law_ratio": height_ratio / time_ratio,
    }
    return ratios | out


def _vertical(track: Array, name: str) -> Floats:
    values = real(track, name, "(T,) or (T, 2)", (1, 2), missing=True)
    if values.ndim == 2:
        if values.shape[1] != 2:
            raise ValueError(f"{name}: expected shape (T,) or (T, 2), got {values.shape}")
        values = np.where(np.isnan(values).any(axis=1), np.nan, values[:, 1])
    if values.shape[0] < 2:
        raise ValueError(f"{name}: expected at least 2 frames, got {values.shape[0]}")
    return values


def _impact(y: Floats, ground: float, limit: float) -> float:
    """The impact frame, or NaN: the first frame pair that ends the search is an impact or has a hole."""
    step = np.diff(y)
    hole = np.isnan(step)
    ends = hole | ((y[1:] > ground) & (step < limit))
    at = int(ends.argmax())
    return float(at) if ends[at] and not hole[at] else float("nan")
