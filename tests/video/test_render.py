"""The renderer and the scenes: pictures are where the formulas say, lawful paths are, twins are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.primitives import PRIMITIVES
from kinetrace.video.decode import read_clip
from kinetrace.video.render import Look, draw_look, render, write_clip
from kinetrace.video.scenes import FPS, MAX_SPEED_PX, SIZE_PX, TWIN_OF, make_pair
from video_clips import compose, parabola, scene_of


def flat_look(radius: float, squareness: float = 2.0) -> Look:
    """A uniformly bright object over a uniform grey: its centroid is its centre."""
    return Look(radius, squareness, np.zeros((1, 4)), np.ones(3), np.full((96, 96, 3), 60.0), 0.0, 0)


@given(
    x=st.floats(35, 60),
    y=st.floats(35, 60),
    radius=st.floats(8, 30),
    squareness=st.sampled_from([2.0, 4.0]),
)
def test_centroid_of_the_picture_is_the_formulas_centre(x: float, y: float, radius: float, squareness: float) -> None:
    look = flat_look(radius, squareness)
    picture = render(scene_of("one", np.array([[x, y]])), look)[0, ..., 0].astype(float) - 60.0
    total = picture.sum()
    row, column = np.mgrid[:96, :96]
    assert (picture * column).sum() / total == pytest.approx(x, abs=0.02)
    assert (picture * row).sum() / total == pytest.approx(y, abs=0.02)


@pytest.mark.parametrize("kind", PRIMITIVES)
@pytest.mark.parametrize("seed", range(20))
def test_lawful_paths_are_parabolas_inside_the_picture(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lawful, twin = make_pair(kind, rng, radius_px=34)  # type: ignore[arg-type]
    third = np.diff(lawful.positions, 3, axis=0)
    assert np.abs(third).max() < 1e-9
    assert np.allclose(np.diff(lawful.positions, 2, axis=0) * FPS**2, lawful.acceleration, atol=1e-8)
    steps = np.linalg.norm(np.diff(lawful.positions, axis=0), axis=1)
    assert 0.5 * MAX_SPEED_PX < steps.max() <= MAX_SPEED_PX
    for scene in (lawful, twin):
        shown = scene.positions[scene.present]
        assert shown.min() > 34 - 5
        assert shown.max() < SIZE_PX - 34 + 5
    assert lawful.present.all()
    assert twin.kind == TWIN_OF[kind]  # type: ignore[index]
    assert np.array_equal(lawful.positions[0], twin.positions[0])


@pytest.mark.parametrize("kind", PRIMITIVES)
def test_twins_break_the_law_visibly(kind: str) -> None:
    for seed in range(20):
        _, twin = make_pair(kind, np.random.default_rng(seed))  # type: ignore[arg-type]
        t = np.arange(len(twin.positions))
        fit = np.polynomial.polynomial.polyval(t, np.polynomial.polynomial.polyfit(t, twin.positions, 2)).T
        rms = np.sqrt(((twin.positions - fit) ** 2).sum(1).mean())
        assert rms > 1.0 or not twin.present.all()


def test_a_written_clip_comes_back(tmp_path: Path) -> None:
    frames = compose([parabola((40, 40), (50, 0), (0, 50), 8)], size=96, radius=12)
    path = tmp_path / "clip.mp4"
    write_clip(path, frames, 16.0)
    clip = read_clip(path)
    assert clip.frames.shape == (8, 96, 96)
    assert clip.fps == pytest.approx(16.0)
    grey = frames.astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(clip.frames - grey).mean() < 3.0


def test_looks_differ_between_seeds() -> None:
    one, two = (draw_look(np.random.default_rng(s), radius_px=20, size_px=64) for s in (0, 1))
    assert not np.array_equal(one.background, two.background)
    assert not np.array_equal(one.waves, two.waves)
