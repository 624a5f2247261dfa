"""Optical flow of one fast object before a still background: dense flow of the two pictures, the object aligned first."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kinetrace.video.background import Background
from kinetrace.video.camera import Camera as BackgroundMotion
from kinetrace.video.errors import load_cv2

Frames = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]

PAD_PX: Final = 24
"""Flow is estimated this far around the object ..."""
KEPT_PX: Final = 3
"""... and used this far around it."""


def find_object(frames: Frames) -> Masks:
    """(T, H, W) the largest connected region in each frame that differs from the still background.

    Args:
        frames: (T, H, W) grey, camera at rest.
    """
    cv2 = load_cv2()
    still = BackgroundMotion(False, np.tile(np.eye(3), (len(frames), 1, 1)), 0.0, 0.0, (), ())
    background = Background(frames, still)
    found = np.zeros(frames.shape, dtype=bool)
    for t in range(len(frames)):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(background.differs(t), connectivity=8)
        if count > 1:
            found[t] = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return found


def object_flow(frames: Frames, masks: Masks) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Forward and backward flow (T - 1, 2, H, W) of the object, 0 elsewhere.

    An object that moves by more than its own texture's wavelength in a frame is lost by a pyramid, on whose coarse
    levels its window is mostly background. So the pictures are first aligned by the whole-pixel shift between
    the object's regions; inverse search flow then finds what is left, less than a few pixels.

    Args:
        frames: (T, H, W) grey.
        masks: (T, H, W) the object's region, as from `find_object`; a step of which one side is empty has no flow.
    """
    cv2 = load_cv2()
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimator.setFinestScale(0)
    estimator.setPatchStride(2)
    # The refinement smooths across the object: on a sphere, whose near side moves faster, it costs 0.02 px in 26.
    estimator.setVariationalRefinementIterations(0)
    count, height, width = frames.shape
    forward = np.zeros((count - 1, 2, height, width), dtype=np.float32)
    backward = np.zeros_like(forward)
    for t in range(count - 1):
        if masks[t].any() and masks[t + 1].any():
            _fill(cv2, estimator, frames[t], frames[t + 1], masks[t], masks[t + 1], forward[t])
            _fill(cv2, estimator, frames[t + 1], frames[t], masks[t + 1], masks[t], backward[t])
    return forward, backward


def _fill(
    cv2: Any, estimator: Any, first: Frames, second: Frames, here: Masks, there: Masks, out: npt.NDArray[np.float32]
) -> None:
    """Writes the flow around the object into `out` (2, H, W)."""
    shift = np.rint(_middle(there) - _middle(here)).astype(int)
    y, x = np.nonzero(here)
    left, top = int(x.min()) - PAD_PX, int(y.min()) - PAD_PX
    size = (int(x.max()) + PAD_PX + 1 - left, int(y.max()) + PAD_PX + 1 - top)
    flow = estimator.calc(_crop(first, left, top, size), _crop(second, left + shift[0], top + shift[1], size), None)
    near = cv2.dilate(here.astype(np.uint8), np.ones((2 * KEPT_PX + 1, 2 * KEPT_PX + 1), np.uint8))
    y, x = np.nonzero(near)
    out[:, y, x] = (flow[y - top, x - left] + shift).T


def _middle(mask: Masks) -> npt.NDArray[np.float64]:
    y, x = np.nonzero(mask)
    return np.array([x.mean(), y.mean()])


def _crop(picture: Frames, left: int, top: int, size: tuple[int, int]) -> Frames:
    """A window of a picture, its border repeated outside."""
    columns = np.clip(np.arange(left, left + size[0]), 0, picture.shape[1] - 1)
    rows = np.clip(np.arange(top, top + size[1]), 0, picture.shape[0] - 1)
    return np.ascontiguousarray(picture[np.ix_(rows, columns)])
