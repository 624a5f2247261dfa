"""Rendered clips for the tests of the video part: any objects, camera motion and occluders."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.video import render as rendering
from kinetrace.video.scenes import Scene

Frames = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

FPS = 16.0


def parabola(start: Any, velocity: Any, acceleration: Any, num_frames: int = 24, fps: float = FPS) -> Floats:
    """Positions (T, 2) of constant acceleration; px, px/s, px/s^2."""
    t = np.arange(num_frames)[:, None] / fps
    return np.asarray(start) + np.asarray(velocity) * t + 0.5 * np.asarray(acceleration) * t * t


def compose(
    paths: list[Floats],
    *,
    size: int = 256,
    radius: float = 16.0,
    seed: int = 0,
    present: dict[int, npt.NDArray[np.bool_]] | None = None,
    pan: Floats | None = None,
    occluder: tuple[int, int, int, int] | None = None,
    noise: float = 1.0,
) -> Frames:
    """RGB frames of textured objects on the given paths.

    Args:
        present: for an object's number, the frames (T,) in which it is drawn.
        pan: (T, 2) whole-pixel offsets of the camera; paths are then in the coordinates of the first frame.
        occluder: (left, top, right, bottom) of a textured board in front of everything.
    """
    rng = np.random.default_rng(seed)
    looks = [rendering.draw_look(rng, radius_px=radius, size_px=16, noise=noise) for _ in paths]
    margin = 0 if pan is None else int(np.abs(pan).max()) + 1
    world = rendering.draw_background(rng, size + 2 * margin)
    board = rendering.draw_background(rng, size + 2 * margin) * np.array([1.3, 0.8, 0.7])
    frames = np.empty((len(paths[0]), size, size, 3), dtype=np.uint8)
    for t in range(len(frames)):
        picture = world.copy()
        for i, path in enumerate(paths):
            if present is None or i not in present or present[i][t]:
                rendering.paint_object(picture, path[t] + margin, looks[i])
        if occluder is not None:
            left, top, right, bottom = (v + margin for v in occluder)
            picture[top:bottom, left:right] = board[top:bottom, left:right]
        dx, dy = (0, 0) if pan is None else pan[t].astype(int)
        picture = picture[margin + dy : margin + dy + size, margin + dx : margin + dx + size]
        picture = picture + noise * rng.standard_normal((size, size))[..., None]
        frames[t] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return frames


def scene_of(kind: str, positions: Floats) -> Scene:
    """A bare scene on a path, for the renderer's own tests."""
    present = np.ones(len(positions), dtype=bool)
    return Scene(kind, "free_fall", True, positions, present, np.zeros(2), None)
