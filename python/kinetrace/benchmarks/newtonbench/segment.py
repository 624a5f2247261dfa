"""Where the object is in a clip that is only a video: what differs from the scene without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kinetrace.video.errors import InputError, load_av, load_cv2

Frames = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

LEAST_DIFFERENCE: Final = 14.0
"""Grey levels of the most different colour channel."""
LEAST_AREA: Final = 0.15
"""Parts of the object's area in the first frame; smaller regions are not the object."""


def read_colour(path: Path) -> tuple[Frames, float]:
    """Frames (T, H, W, 3) uint8 of a video file and its frames per second.

    Raises:
        InputError: not a readable video.
    """
    av = load_av()
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or 0)
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise InputError(path, f"not a readable video ({getattr(error, 'strerror', None) or error})") from error
    if not frames or rate <= 0:
        raise InputError(path, "no frames, or no frame rate")
    return np.stack(frames), rate


def empty_scene(frames: Frames, masks: Masks) -> Frames:
    """(H, W, 3) the picture without the object: the median over the frames in which a pixel is not the object's."""
    cv2 = load_cv2()
    rim = np.ones((5, 5), np.uint8)
    wide = np.stack([cv2.dilate(mask.astype(np.uint8), rim) > 0 for mask in masks])
    still = frames[:: max(1, len(frames) // 8)].mean(0)
    y, x = np.nonzero(wide.any(0))
    seen = np.where(wide[:, y, x, None], np.nan, frames[:, y, x].astype(np.float32))
    hidden = wide[:, y, x].all(0)
    seen[:, hidden] = frames[:, y, x][:, hidden]
    still[y, x] = np.nanmedian(seen, axis=0)
    return np.asarray(np.clip(np.rint(still), 0, 255), dtype=np.uint8)


def segment_clip(frames: Frames, scene: Frames, first_mask: Masks) -> Masks:
    """Masks (T, H, W) of the object in a clip that begins like the truth.

    What differs from the empty scene, in regions; in the first frame the region that overlaps the object's true mask
    most, as segmenters are prompted with it, later the one nearest to where the last two places lead. An
    object that stands still is found too, since the scene is not the clip's own median.

    Args:
        frames: (T, H, W, 3) uint8.
        scene: (H, W, 3), from `empty_scene`.
        first_mask: (H, W) the object in the truth's first frame.
    """
    cv2 = load_cv2()
    behind = cv2.GaussianBlur(scene, (5, 5), 1.0)
    masks = np.zeros(frames.shape[:3], dtype=bool)
    least = LEAST_AREA * max(float(first_mask.sum()), 1.0)
    places: list[tuple[int, Floats]] = []
    for t, frame in enumerate(frames):
        labels, areas, centres = _regions(cv2, frame, behind)
        large = [i for i in range(1, len(areas)) if areas[i] >= least]
        if t == 0:
            overlap = np.bincount(labels[first_mask], minlength=len(areas))
            large = [i for i in large if overlap[i] > 0]
            chosen = max(large, key=lambda i: int(overlap[i]), default=0)
        else:
            aim = _aim(places, t)
            chosen = min(large, key=lambda i: float(np.linalg.norm(centres[i] - aim)), default=0)
        if chosen:
            masks[t] = labels == chosen
            places.append((t, centres[chosen]))
        elif not places:
            y, x = np.nonzero(first_mask)
            places.append((t, np.array([x.mean(), y.mean()])))
    return masks


def _regions(cv2: Any, frame: Frames, behind: Frames) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
    gap = cv2.absdiff(cv2.GaussianBlur(frame, (5, 5), 1.0), behind).max(2)
    noise = 1.4826 * float(np.median(gap[::4, ::4]))
    open_, close = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k)) for k in (3, 7))
    mask = cv2.morphologyEx((gap > LEAST_DIFFERENCE + 3 * noise).astype(np.uint8), cv2.MORPH_OPEN, open_)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, close)
    _, labels, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels, stats[:, cv2.CC_STAT_AREA], centres


def _aim(places: list[tuple[int, Floats]], t: int) -> Floats:
    """Where the object would be in frame t at its last velocity."""
    (t1, p1) = places[-1]
    if len(places) < 2:
        return p1
    (t0, p0) = places[-2]
    return np.asarray(p1 + (p1 - p0) / (t1 - t0) * min(t - t1, 2))
