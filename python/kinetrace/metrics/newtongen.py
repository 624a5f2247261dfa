"""newtongen_features and newtongen_pis: NewtonGen's physical quantities of a masked clip and their invariance scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Bools, Floats, choice, load_cv2, masks, number, whole
from kinetrace.metrics.invariance import core_score

Missing = Literal["zero", "nan"]
_Quantity = Callable[[dict[str, Floats]], Floats]
_NAMED: dict[str, _Quantity] = {
    "neg_ax": lambda f: -f["ax"],
    "energy": lambda f: 0.5 * (f["vx"] ** 2 + f["vy"] ** 2) + 9.8 * f["y"],
    "energy_x_only": lambda f: 0.5 * f["vx"] ** 2 + 9.8 * f["y"],
}
#: Motion type: the quantities that should stay constant (the code's table; its docstring lists fewer for 1, 2 and 6).
NEWTONGEN_TYPES: dict[int, tuple[str, ...]] = {
    1: ("y", "ax", "ay", "energy"),
    2: ("y", "neg_ax", "ay", "energy"),
    3: ("y", "vx", "energy"),
    4: ("vx", "ay", "energy", "energy_x_only"),
    5: ("omega_center", "radius2", "speed2"),
    6: ("ax", "ay", "energy"),
    7: ("omega", "energy"),
    8: ("vx", "ay", "omega", "energy"),
    9: ("ax", "ay", "energy"),
    10: ("dl",),
    11: ("dl", "ds"),
    12: ("ax", "ay", "energy"),
    13: ("vx", "vy", "dl", "energy"),
}


def newtongen_features(
    inside: Array,
    *,
    dt: float,
    metres_per_pixel: float = 1 / 12,
    smooth_window: int = 5,
    missing: Missing = "zero",
) -> dict[str, Floats]:
    """Position, velocity, orientation and size of the largest region of each mask, in metres, seconds and radians.

    x, y: centre of the largest contour (y up, from the image's bottom), moving mean over smooth_window frames (fewer at
    the ends). vx, vy, ax, ay, omega, omega_center: central differences, 0 in the first and last frame. theta: direction
    of the long side of the smallest rectangle around the contour, unwrapped with period pi; omega its rate. s, l: its
    short and long side; ds, dl: their forward differences, 0 in the last frame. a: contour area. omega_center, radius2:
    rate of the angle about, and squared distance from, the image centre. speed2 = vx^2 + vy^2.

    Args:
        inside (array, (T, H, W), bool | uint8): masks, T >= 1. (NewtonGen: grey > 127.)
        dt: seconds between frames.
        metres_per_pixel: NewtonGen's default is 1 / 12.
        smooth_window: odd number of frames.
        missing: a frame without a region, or, for its centre, with a contour of zero area: "zero", as published, is a
            body at the image's lower left corner (with area 0) that jumps there and back. "nan" is NaN, in all that the
            frame enters.

    Returns:
        dict of float64 (T,).

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.
        ImportError: OpenCV is not installed.

    Notes:
        Published code: pandayuanyu/NewtonGen @e8961d2 evaluation_PIS/masked_physical_features_pis.py. "nan" is
        kinetrace's choice. Contours, moments and rectangles are OpenCV's, so their last digits follow its version.

    Example:
        >>> import numpy as np
        >>> inside = np.zeros((9, 40, 40), bool)
        >>> for t in range(9):
        ...     inside[t, 20:25, 3 + 2 * t : 10 + 2 * t] = True
        >>> f = newtongen_features(inside, dt=0.1, metres_per_pixel=0.5)
        >>> float(f["vx"][4]), float(f["y"][4]), float(f["l"][0])
        (10.0, 9.0, 3.0)
    """
    choice(missing, "missing", ("zero", "nan"))
    regions = masks(inside, "inside", "(T, H, W)", (3,))
    if 0 in regions.shape:
        raise ValueError(f"inside: expected shape (T, H, W), not empty, got {regions.shape}")
    window = whole(smooth_window, "smooth_window", 1)
    if window % 2 == 0:
        raise ValueError(f"smooth_window: expected an odd number, got {window}")
    step, unit = number(dt, "dt"), number(metres_per_pixel, "metres_per_pixel")
    raw = _geometry(regions, missing)
    height, width = regions.shape[1:]
    x, y = (_moving_mean(c, window) * unit for c in (raw["x"], height - raw["y"]))
    vx, vy = _central(x, 1.0) / step, _central(y, 1.0) / step
    theta = 0.5 * _unwrap(2.0 * raw["theta"])
    dx, dy = x - width * 0.5 * unit, y - height * 0.5 * unit
    around = _unwrap(np.mod(np.arctan2(dy, dx) + 2 * np.pi, 2 * np.pi))
    short, long = raw["s"] * unit, raw["l"] * unit
    return {
        "x": x,
        "y": y,
        "vx": vx,
        "vy": vy,
        "ax": _central(vx, step),
        "ay": _central(vy, step),
        "theta": theta,
        "omega": _central(theta, step),
        "s": short,
        "l": long,
        "ds": _forward(short),
        "dl": _forward(long),
        "a": raw["a"] * unit**2,
        "omega_center": _central(around, step),
        "radius2": dx**2 + dy**2,
        "speed2": vx**2 + vy**2,
    }


def newtongen_pis(
    features: dict[str, Floats], motion_type: int, *, eps: float = 1e-8, compat: bool = True
) -> dict[str, float]:
    """Physical Invariance Scores of the quantities that a type of motion conserves; 1 is constant.

    PIS = 1 / (1 + std / (|mean| + eps)) over six frames: three frames are cut off at each end (of more than six) and the
    central six taken; fewer are spread and repeated.

    Args:
        features: of `newtongen_features`: (T,) arrays by name.
        motion_type: 1 to 13, see `NEWTONGEN_TYPES`: 1 acceleration, 2 deceleration, 3 uniform, 4 parabola, 5 circle
            about the image centre, 6 slope, 7 rotation, 8 parabola with rotation, 10 and 11 size, others.
        eps: added to |mean|.
        compat: quantities and scores pass through float32, as published. False: all in float64.

    Returns:
        dict of float in (0, 1], one per quantity; NaN where one of the six values is NaN.

    Raises:
        ValueError, TypeError: unknown type, missing or empty features.

    Notes:
        Published code: as `newtongen_features`. energy = (vx^2 + vy^2) / 2 + 9.8 y. Trap: a quantity that is constantly 0
        (ax of a throw) scores near 0 as soon as there is any noise.

    Example:
        >>> import numpy as np
        >>> newtongen_pis({"dl": np.array([1.0, 3.0, 1.0, 3.0, 1.0, 3.0]), "ds": np.ones(6)}, 11, compat=False)["ds"]
        1.0
    """
    choice(compat, "compat", (False, True))
    if whole(motion_type, "motion_type", 1) not in NEWTONGEN_TYPES:
        raise ValueError(f"motion_type: expected 1 to {max(NEWTONGEN_TYPES)}, got {motion_type}")
    small = number(eps, "eps")
    scores = {}
    for name in NEWTONGEN_TYPES[motion_type]:
        try:
            series = np.asarray(_NAMED[name](features) if name in _NAMED else features[name], dtype=np.float64)
        except KeyError as error:
            raise ValueError(f"features: expected an array {error}, got {sorted(features)}") from None
        if series.ndim != 1 or series.size == 0:
            raise ValueError(f"features: expected arrays (T,), T >= 1, got {series.shape} for {name}")
        values = series[_six(series.size)]
        if compat:
            values = values.astype(np.float32).astype(np.float64)
        score = core_score(values, small, "pis")
        scores[name] = float(np.float32(score)) if compat else float(score)
    return scores


def _geometry(regions: Bools, missing: Missing) -> dict[str, Floats]:
    """Centre (pixels, y from the top), sides, area and direction of the largest contour of each frame."""
    cv2 = load_cv2("newtongen_features")
    absent = 0.0 if missing == "zero" else math.nan
    height = regions.shape[1]
    rows = []
    for frame in regions.view(np.uint8) * np.uint8(255):
        contours, _ = cv2.findContours(np.ascontiguousarray(frame), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        if not contours:  # as published y up is 0 here, and H for a contour of zero area
            rows.append((absent, height - absent, absent, absent, absent, absent))
            continue
        contour = max(contours, key=cv2.contourArea)
        rows.append((*_centre(cv2, contour, absent), *_rectangle(cv2, contour)))
    return dict(zip(("x", "y", "theta", "s", "l", "a"), np.array(rows, dtype=np.float64).T, strict=True))


def _centre(cv2: Any, contour: Any, absent: float) -> tuple[float, float]:
    moments = cv2.moments(contour)
    area = moments["m00"]
    return (moments["m10"] / area, moments["m01"] / area) if area > 0 else (absent, absent)


def _rectangle(cv2: Any, contour: Any) -> tuple[float, float, float, float]:
    """Direction in [0, pi), short side, long side, contour area."""
    corners = np.asarray(cv2.boxPoints(cv2.minAreaRect(contour)), dtype=np.float32)
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = [float(np.linalg.norm(edge)) for edge in edges]
    longest = int(np.argmax(lengths))
    angle = math.atan2(-float(edges[longest][1]), float(edges[longest][0]))
    return angle + math.pi if angle < 0 else angle, min(lengths), lengths[longest], float(cv2.contourArea(contour))


def _moving_mean(x: Floats, window: int) -> Floats:
    half = window // 2
    return np.array([x[max(0, t - half) : t + half + 1].mean() for t in range(x.size)])


def _central(x: Floats, step: float) -> Floats:
    out = np.zeros_like(x)
    out[1:-1] = (x[2:] - x[:-2]) / (2.0 * step)
    return out


def _forward(x: Floats) -> Floats:
    out = np.zeros_like(x)
    out[:-1] = x[1:] - x[:-1]
    return out


def _unwrap(angle: Floats) -> Floats:
    """Phase without jumps; missing frames stay NaN and do not spoil the ones after them."""
    there = ~np.isnan(angle)
    out = angle.copy()
    out[there] = np.unwrap(angle[there])
    return out


def _six(frames: int) -> list[int]:
    """Frames that are scored."""
    base, count = (3, frames - 6) if frames > 6 else (0, frames)
    if count >= 6:
        return list(range(base + (count - 6) // 2, base + (count - 6) // 2 + 6))
    return [base + round(point) for point in np.linspace(0, count - 1, 6).tolist()]
