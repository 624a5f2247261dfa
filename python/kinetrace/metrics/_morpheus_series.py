"""Series that Morpheus scores: gaps filled, velocities, peaks; the published arithmetic on evenly spaced frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kinetrace.metrics._arguments import Bools, Floats

FPS = 100.0
#: Savitzky-Golay of 5 points and degree 3: row i over 70 is the fit's value at point i of the window.
SAVGOL = np.array(
    [[69, 4, -6, 4, -1], [4, 54, 24, -16, 4], [-6, 24, 34, 24, -6], [4, -16, 24, 54, 4], [-1, 4, -6, 4, 69]],
    dtype=np.float64,
)


def filled(values: Floats, absent: Bools, compat: bool) -> Floats:
    """Rows (T, K) with gaps interpolated linearly in the frame index; the ends are held. None there: zeros or NaN."""
    if absent.all():
        return np.zeros_like(values) if compat else np.full_like(values, np.nan)
    if not absent.any():
        return values
    frames, there = np.arange(len(values)), ~absent
    return np.stack([np.interp(frames, frames[there], column[there]) for column in values.T], axis=1)


def velocity(x: Floats) -> Floats:
    """Savitzky-Golay of 0.7 of the local least-squares slope over 5 frames and 0.3 of the central difference, per s."""
    return smooth(0.7 * _slope(x) + 0.3 * gradient(x))


def angular_velocity(x: Floats) -> Floats:
    """The same without the central difference, which the published code overwrites before it adds it."""
    return smooth(_slope(x))


def gradient(x: Floats) -> Floats:
    """Central differences, one-sided at the ends, per second."""
    out = np.empty_like(x)
    out[1:-1] = (x[2:] - x[:-2]) / (2 / FPS)
    out[0], out[-1] = (x[1] - x[0]) * FPS, (x[-1] - x[-2]) * FPS
    return out


def _slope(x: Floats) -> Floats:
    out = np.empty_like(x)
    out[2:-2] = (2 * (x[4:] - x[:-4]) + (x[3:-1] - x[1:-3])) / 10
    for at, window in ((0, x[:3]), (1, x[:4]), (-2, x[-4:]), (-1, x[-3:])):
        lever = np.arange(len(window)) - (len(window) - 1) / 2
        out[at] = (lever @ window) / (lever @ lever)
    return out * FPS


def smooth(x: Floats) -> Floats:
    """Savitzky-Golay filter of 5 points and degree 3, the end windows' fits at the ends; x (T,), T >= 5.

    Whole numbers are added up exactly, so that equal neighbours stay equal.
    """
    out = np.empty_like(x)
    out[2:-2] = np.lib.stride_tricks.sliding_window_view(x, 5) @ SAVGOL[2]
    out[:2], out[-2:] = SAVGOL[:2] @ x[:5], SAVGOL[3:] @ x[-5:]
    out /= 70
    return out


def peaks(x: Floats) -> npt.NDArray[np.intp]:
    """Indices of local maxima; of a flat one its middle, rounded down; never at the ends."""
    starts = np.flatnonzero(np.r_[True, x[1:] != x[:-1]])
    ends = np.r_[starts[1:], x.size] - 1
    level = x[starts]
    top = np.zeros(starts.size, dtype=bool)
    top[1:-1] = (level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])
    middle: npt.NDArray[np.intp] = (starts[top] + ends[top]) // 2
    return middle
