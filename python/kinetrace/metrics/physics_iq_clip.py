"""Clips as Physics-IQ compares them: frames and motion masks at a quarter of the size."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Bools, load_cv2, number, on_host, whole

Bytes = npt.NDArray[np.uint8]


class PhysicsIQClip(NamedTuple):
    """One view of one take, at the size at which it is compared."""

    frames: Array
    """(T, H, W, C) or (T, H, W), uint8, or float32 | float64 in [0, 1]."""
    masks: Array
    """(T, H, W) bool or uint8: where something moves."""


def physics_iq_masks(frames: Array, *, threshold: float = 10) -> Bools:
    """Motion masks of Physics-IQ: what differs from a running average of the past, cleaned by morphology.

    Grey, Gaussian blur 5 x 5, average = 0.7 average + 0.3 frame (rounded to whole grey levels before the comparison),
    |frame - average| > threshold, opening, then closing with a 5 x 5 box. The first mask is empty.

    Args:
        frames (array, (T, H, W, 3) | (T, H, W), uint8): colour in the order blue, green, red (OpenCV's), or grey.
        threshold: grey levels, >= 0.

    Returns:
        bool (T, H, W).

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument.
        ImportError: OpenCV is not installed.

    Notes:
        Published code: google-deepmind/physics-IQ-benchmark @e457754 code/binary_mask_generator.py. It then writes the
        masks as an MPEG-4 video and reads them back; that loss, which depends on the codec's build, is left out here.

    Example:
        >>> import numpy as np
        >>> frames = np.zeros((3, 32, 32), np.uint8)
        >>> frames[2, 8:20, 8:20] = 200
        >>> physics_iq_masks(frames).sum(axis=(1, 2)).tolist()
        [0, 0, 196]
    """
    cv2 = load_cv2("physics_iq_masks")
    video = _video(frames, "frames")
    level = number(threshold, "threshold", positive=False)
    if level < 0:
        raise ValueError(f"threshold: expected a number >= 0, got {level!r}")
    box = np.ones((5, 5), np.uint8)
    out = np.zeros(video.shape[:3], dtype=bool)
    average: Any = None
    for t, frame in enumerate(video):
        grey = np.ascontiguousarray(frame) if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        grey = cv2.GaussianBlur(grey, (5, 5), 0)
        if average is None:
            average = grey.astype(np.float64)
            continue
        cv2.accumulateWeighted(grey, average, 0.3)
        moving = (cv2.absdiff(grey, cv2.convertScaleAbs(average)) > level).astype(np.uint8)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, box)
        out[t] = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, box) != 0
    return out


def physics_iq_clip(
    frames: Array, *, fps: float | None = None, factor: int = 4, threshold: float = 10
) -> PhysicsIQClip:
    """Decoded frames to what `physics_iq` compares: the first 5 seconds, motion masks, both shrunk.

    Args:
        frames (array, (T, H, W, 3) | (T, H, W), uint8): colour in the order blue, green, red, or grey.
        fps: frames per second; the first int(5 fps) frames are compared. None keeps all frames.
        factor: sides are divided by it, rounding down (bilinear, without anti-aliasing, as published); masks are
            computed at full size, shrunk as grey images and cut above 127.
        threshold: of `physics_iq_masks`.

    Returns:
        PhysicsIQClip: uint8 frames and bool masks.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument; an image smaller than factor.
        ImportError: OpenCV is not installed.

    Notes:
        Published code: google-deepmind/physics-IQ-benchmark @e457754 code/calculate_and_write_metrics_to_csv.py.

    Example:
        >>> import numpy as np
        >>> clip = physics_iq_clip(np.zeros((40, 64, 48, 3), np.uint8), fps=6)
        >>> clip.frames.shape, clip.masks.shape
        ((30, 16, 12, 3), (30, 16, 12))
    """
    cv2 = load_cv2("physics_iq_clip")
    video = _video(frames, "frames")
    if fps is not None:
        video = video[: int(5 * number(fps, "fps"))]
    divisor = whole(factor, "factor", 1)
    size = video.shape[2] // divisor, video.shape[1] // divisor
    if min(size) < 1:
        raise ValueError(f"frames: expected sides of at least factor = {divisor} pixels, got {video.shape[1:3]}")
    moving = physics_iq_masks(video, threshold=threshold).view(np.uint8) * np.uint8(255)
    small = np.stack([cv2.resize(np.ascontiguousarray(f), size) for f in video])
    small_masks = np.stack([cv2.resize(m, size) for m in moving]) > 127
    return PhysicsIQClip(small, small_masks)


def _video(frames: Array, name: str) -> Bytes:
    video = on_host(frames, name)
    if video.dtype != np.uint8:
        raise TypeError(f"{name}: expected uint8, got {video.dtype}")
    if video.ndim not in (3, 4) or (video.ndim == 4 and video.shape[3] != 3) or 0 in video.shape:
        raise ValueError(f"{name}: expected shape (T, H, W) or (T, H, W, 3), not empty, got {video.shape}")
    return video
