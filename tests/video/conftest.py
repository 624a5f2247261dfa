"""Fixtures of the video tests: a rendered throw, and a writer of clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kinetrace.video import render as rendering
from video_clips import FPS, Frames, compose, parabola


@pytest.fixture(scope="session")
def throw_frames() -> Frames:
    """A lawful throw, 24 frames of 192 x 192."""
    return compose([parabola((40, 60), (70, -40), (0, 90))], size=192, radius=14)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes frames as an MP4 into the test's folder and returns the path."""

    def _write(frames: Frames, name: str = "clip.mp4", fps: float = FPS) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rendering.write_clip(path, frames, fps)
        return path

    return _write
