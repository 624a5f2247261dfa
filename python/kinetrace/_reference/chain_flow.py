"""Definition of chain_flow: points carried from frame to frame by optical flow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._reference._bilinear import Float, corners, sample


class Tracks(NamedTuple):
    """positions (T+1,N,2), visible (T+1,N) and cycle_error (T+1,N) or None."""

    positions: Float
    visible: npt.NDArray[np.bool_]
    cycle_error: Float | None


def chain_flow(
    flow: npt.ArrayLike,
    points: npt.ArrayLike,
    *,
    backward_flow: npt.ArrayLike | None = None,
    start: int | npt.ArrayLike = 0,
    max_cycle_error: float | None = None,
) -> Tracks:
    """Follows each point: p[t+1] = p[t] + flow[t] sampled bilinearly at p[t].

    Args:
        flow: (T,2,H,W), pixels per frame, channel 0 to the right, channel 1 down.
        points: (N,2) x,y in pixels, pixel centres at integers.
        backward_flow: (T,2,H,W); backward_flow[t] leads from frame t+1 to frame t.
        start: frame at which a point is given, 0 .. T, one for all or (N,).
        max_cycle_error: pixels.

    Returns:
        A point is inside iff 0 <= x <= W-1 and 0 <= y <= H-1. Before its start frame a point is NaN and
        invisible; at its start frame it stands at the given coordinates. At the first frame at which it is
        not inside (a non-finite coordinate never is) or fails the cycle test it is invisible with its
        position kept as computed; from the next frame on it is NaN and invisible. cycle_error[t+1] = |p[t]
        - (p[t+1] + backward_flow[t] at p[t+1])|: 0 at the start frame of a point that is inside, NaN
        wherever the position is NaN or not inside. The cycle test fails unless cycle_error <=
        max_cycle_error, so also where the error is NaN.
    """
    flow = np.asarray(flow, dtype=np.float64)
    points = np.asarray(points, dtype=np.float64)
    steps, _, height, width = flow.shape
    count = len(points)
    first = np.broadcast_to(np.asarray(start, dtype=np.int64), (count,))
    back = None if backward_flow is None else np.asarray(backward_flow, dtype=np.float64)
    positions = np.full((steps + 1, count, 2), np.nan)
    visible = np.zeros((steps + 1, count), dtype=bool)
    error = np.full((steps + 1, count), np.nan)
    for i in range(count):
        p = points[i]
        for t in range(int(first[i]), steps + 1):
            cycle = 0.0
            if t > first[i]:
                before = p
                with np.errstate(all="ignore"):
                    p = before + _flow_at(flow[t - 1], before)
                    if back is not None:
                        cycle = float(np.hypot(*(before - (p + _flow_at(back[t - 1], p)))))
            positions[t, i] = p
            inside = bool(corners(p[:1], p[1:], height, width).inside[0])
            error[t, i] = cycle if inside else np.nan
            visible[t, i] = inside and (max_cycle_error is None or cycle <= max_cycle_error)
            if not visible[t, i]:
                break
    return Tracks(positions, visible, error if back is not None else None)


def _flow_at(flow: Float, p: Float) -> Float:
    """Flow (2,) of one frame (2,H,W) at one point; NaN outside the image."""
    c = corners(p[:1], p[1:], *flow.shape[1:])
    values: Float = sample(flow, c)[:, 0]
    return values if c.inside[0] else np.full(2, np.nan)
