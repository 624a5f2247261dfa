"""dynamic_degree: whether enough of a clip moves, from optical flow (VBench)."""

from __future__ import annotations

import math

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import choice, number, real, whole


def dynamic_degree_frames(num_frames: int, fps: float) -> list[int]:
    """Indices of the frames between which VBench computes flow: every max(1, round(fps / 8))-th.

    Args:
        num_frames: frames of the clip, >= 0.
        fps: frames per second. `round` is Python's: halves go to the even number (20 fps: 2.5 becomes 2).

    Returns:
        list of int.

    Raises:
        ValueError, TypeError: range or type of an argument.

    Notes:
        Published code: Vchitect/VBench @45e79ec vbench/dynamic_degree.py.

    Example:
        >>> dynamic_degree_frames(10, 24.0)
        [0, 3, 6, 9]
    """
    return list(range(0, whole(num_frames, "num_frames", 0), max(1, round(number(fps, "fps") / 8))))


def dynamic_degree(flow: Array, *, frame_size: tuple[int, int] | None = None, compat: bool = True) -> dict[str, float]:
    """1 if the strongest 5 % of the flow exceed a threshold in enough pairs of frames, else 0.

    A pair moves if the mean of its int(0.05 H W) largest flow magnitudes exceeds 6 min(height, width) / 256 px; the clip
    is dynamic if at least round(4 n / 16) pairs move, n = T + 1 frames.

    Args:
        flow (array, (T, 2, H, W), float32 | float64): flow in pixels between the sampled frames
            (`dynamic_degree_frames`), RAFT with 20 iterations in VBench; T may be 0. VBench pads frames to multiples of 8
            and takes the magnitudes from the padded flow.
        frame_size: (height, width) of the frames before padding, for the threshold; None: (H, W).
        compat: as published, also where round(4 n / 16) is 0 (n = 2): then one pair, moving or not, makes the clip
            dynamic. False: at least one pair must move.

    Returns:
        dict of float: "dynamic" (0 or 1; VBench's score is its mean over clips), "moving_pairs", "required_pairs",
        "threshold" (pixels) and "strongest" (mean over pairs of the mean of the largest magnitudes, pixels; NaN for
        T = 0). Without pairs a clip is not dynamic.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument; NaN in the flow; fewer than 20 pixels.

    Notes:
        Published code: Vchitect/VBench @45e79ec vbench/dynamic_degree.py. `compat=False` is kinetrace's choice.

    Example:
        >>> import numpy as np
        >>> dynamic_degree(np.full((15, 2, 64, 64), 3.0))["dynamic"]
        1.0
    """
    choice(compat, "compat", (False, True))
    field = real(flow, "flow", "(T, 2, H, W)", (4,), keep=True)
    if field.shape[1] != 2:
        raise ValueError(f"flow: expected shape (T, 2, H, W), got {field.shape}")
    pairs, pixels = field.shape[0], field.shape[2] * field.shape[3]
    top = int(pixels * 0.05)
    if top < 1:
        raise ValueError(f"flow: expected at least 20 pixels, got {pixels}")
    size = field.shape[2:] if frame_size is None else frame_size
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"frame_size: expected (height, width), got {size!r:.60}")
    threshold = 6.0 * (min(whole(side, "frame_size", 1) for side in size) / 256.0)
    strongest = np.array([_strongest(pair, top) for pair in field], dtype=np.float64)
    moving = int((strongest > threshold).sum())
    required = round(4 * ((pairs + 1) / 16.0))
    required = required if compat else max(required, 1)
    return {
        "dynamic": float(pairs > 0 and moving >= required),
        "moving_pairs": float(moving),
        "required_pairs": float(required),
        "threshold": threshold,
        "strongest": float(strongest.mean()) if pairs else math.nan,
    }


def _strongest(flow: np.ndarray[tuple[int, ...], np.dtype[np.floating]], top: int) -> float:
    """Mean of the `top` largest magnitudes, added from the largest down as VBench adds them, without sorting the rest."""
    magnitude = np.sqrt(np.square(flow[0]) + np.square(flow[1])).ravel()
    largest = np.partition(magnitude, magnitude.size - top)[magnitude.size - top :]
    return float(np.sort(largest)[::-1].copy().mean())
