"""physics_iq_masks and physics_iq_clip: equal to the published pipeline restated without OpenCV."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from kinetrace.metrics import physics_iq_clip, physics_iq_masks


def restated_masks(video: np.ndarray, threshold: float) -> np.ndarray | None:
    """google-deepmind/physics-IQ-benchmark @e457754 code/binary_mask_generator.py on grey frames, in whole numbers.

    The blur is the 1 4 6 4 1 kernel in both directions with mirrored borders, rounded half up; the average is rounded to
    a whole level; morphology is rank filters in which the outside never decides. None where a pixel is over the threshold
    or not depending on how an average on a tie is rounded, which is a matter of the last bit of 0.7 a + 0.3 b.
    """
    kernel = np.array([1, 4, 6, 4, 1])
    out = np.zeros(video.shape, bool)
    average = None
    for t, frame in enumerate(video):
        rows = ndimage.convolve1d(frame.astype(np.int64), kernel, axis=0, mode="mirror")
        blurred = (ndimage.convolve1d(rows, kernel, axis=1, mode="mirror") + 128) // 256
        if average is None:
            average = blurred.astype(float)
            continue
        average = 0.7 * average + 0.3 * blurred
        moving, other = (np.abs(blurred - np.rint(average + bit)) > threshold for bit in (-1e-9, 1e-9))
        if (moving != other).any():
            return None
        for erode in (True, False, False, True):
            grow = ndimage.minimum_filter if erode else ndimage.maximum_filter
            moving = grow(moving, size=5, mode="constant", cval=erode)
        out[t] = moving
    return out


def random_video(rng: np.random.Generator, frames: int, height: int, width: int) -> np.ndarray:
    """Blocks that wander over noise."""
    video = rng.integers(60, 70, (frames, height, width)).astype(np.int64)
    for _ in range(3):
        (y, x), (vy, vx) = rng.integers(0, min(height, width) - 8, 2), rng.integers(-4, 5, 2)
        level, size = int(rng.integers(-60, 180)), int(rng.integers(5, 14))
        for t in range(frames):
            a, b = max(y + vy * t, 0), max(x + vx * t, 0)
            video[t, a : a + size, b : b + size] += level
    return np.clip(video, 0, 255).astype(np.uint8)


def test_masks_equal_the_published_pipeline() -> None:
    rng = np.random.default_rng(21)
    moved = tried = 0
    while tried < 200:
        video = random_video(rng, int(rng.integers(1, 6)), *map(int, rng.integers(16, 40, 2)))
        threshold = float(rng.choice([5, 10, 25]))
        want = restated_masks(video, threshold)
        if want is None:
            continue
        tried += 1
        got = physics_iq_masks(video, threshold=threshold)
        np.testing.assert_array_equal(got, want)
        assert not got[0].any()
        moved += bool(got.any())
    assert moved > 100


def test_colour_goes_through_grey() -> None:
    grey = random_video(np.random.default_rng(1), 4, 24, 30)
    np.testing.assert_array_equal(physics_iq_masks(np.repeat(grey[..., None], 3, axis=3)), physics_iq_masks(grey))


def test_a_clip_is_a_quarter_of_the_first_five_seconds() -> None:
    rng = np.random.default_rng(5)
    video = np.repeat(random_video(rng, 24, 48, 64)[..., None], 3, axis=3)
    clip = physics_iq_clip(video, fps=4)
    assert clip.frames.shape == (20, 12, 16, 3)
    centre = video[:20].reshape(20, 12, 4, 16, 4, 3)[:, :, 1:3, :, 1:3].astype(int)  # bilinear at the block's middle
    np.testing.assert_array_equal(clip.frames, (centre.sum(axis=(2, 4)) + 2) // 4)
    whole = physics_iq_masks(video[:20]).reshape(20, 12, 4, 16, 4)[:, :, 1:3, :, 1:3]
    np.testing.assert_array_equal(clip.masks, whole.sum(axis=(2, 4)) >= 2)
    assert clip.masks.any()
    assert physics_iq_clip(video, factor=1).frames.shape == video.shape
    assert physics_iq_clip(video[:, :47, :63]).frames.shape == (24, 11, 15, 3)


def test_a_still_clip_has_no_motion() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert not physics_iq_masks(np.stack([frame] * 5)).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: physics_iq_masks(np.zeros((2, 8, 8))), "frames: expected uint8, got float64"),
        (lambda: physics_iq_masks(np.zeros((2, 8, 8, 4), np.uint8)), "frames: expected shape"),
        (lambda: physics_iq_masks(np.zeros((0, 8, 8), np.uint8)), "frames: expected shape .* not empty"),
        (lambda: physics_iq_masks(np.zeros((2, 8, 8), np.uint8), threshold=-1), "threshold: expected a number >= 0"),
        (lambda: physics_iq_clip(np.zeros((2, 3, 8), np.uint8)), "frames: expected sides of at least factor = 4"),
        (lambda: physics_iq_clip(np.zeros((2, 8, 8), np.uint8), fps=0), "fps: expected a finite number > 0"),
        (lambda: physics_iq_clip(np.zeros((2, 8, 8), np.uint8), factor=0), "factor: expected an integer >= 1"),
    ],
)
def test_errors(call: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()  # type: ignore[operator]
