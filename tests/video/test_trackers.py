"""Point trackers and dense flow: accuracy on each primitive, both directions, loss where nothing holds."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from kinetrace.primitives import PRIMITIVES
from kinetrace.video.analyse import analyse_clip, one_thread
from kinetrace.video.camera import estimate_camera
from kinetrace.video.decode import clip_from_frames
from kinetrace.video.lucas_kanade import LucasKanade
from kinetrace.video.motion import ChainedFlow, DISFlow, PointTracks
from kinetrace.video.render import draw_look, render
from kinetrace.video.scenes import FPS, make_pair
from kinetrace.video.seeds import moving_regions
from video_clips import Frames, compose, parabola


def grey(frames: Frames) -> Any:
    return np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames])


@pytest.mark.parametrize("kind", PRIMITIVES)
def test_points_stay_on_every_primitive_in_both_directions(kind: Any) -> None:
    rng = np.random.default_rng(5)
    scene, _ = make_pair(kind, rng, radius_px=20)
    frames = grey(render(scene, draw_look(rng, radius_px=20, size_px=512)))
    middle = len(frames) // 2
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    offsets = 9.0 * np.column_stack([np.cos(turn), np.sin(turn)])
    with one_thread():
        tracks = LucasKanade().track(frames, scene.positions[middle] + offsets, np.full(12, middle))
    assert tracks.visible.mean() > 0.97
    error = np.linalg.norm(tracks.positions - (scene.positions[:, None] + offsets), axis=-1)
    assert np.nanmedian(error) < 0.1
    acceleration = np.nanmedian(np.diff(tracks.positions, 2, axis=0), axis=(0, 1)) * FPS**2
    assert np.linalg.norm(acceleration - scene.acceleration) < 0.1 * np.linalg.norm(scene.acceleration)


def test_points_on_an_object_that_vanishes_are_lost_at_once() -> None:
    path = parabola((60, 60), (60, 0), (0, 40))
    seen = np.arange(24) < 12
    frames = grey(compose([path], size=192, radius=16, present={0: seen}, seed=2))
    offsets = np.array([[0, 0], [6, 0], [0, 6], [-6, -3]])
    tracks = LucasKanade().track(frames, path[4] + offsets, np.full(4, 4))
    assert tracks.visible[:12].all()
    assert not tracks.visible[12:].any()
    assert np.isnan(tracks.positions[12:]).all()


def test_points_that_leave_the_picture_are_lost() -> None:
    path = parabola((150, 96), (130, 0), (0, 0))
    frames = grey(compose([path], size=192, radius=16, seed=3))
    tracks = LucasKanade().track(frames, path[:1], np.zeros(1, dtype=np.int64))
    inside = path[:, 0] < 180
    assert tracks.visible[inside][:, 0].all()
    assert not tracks.visible[path[:, 0] > 195].any()


def test_start_frames_may_differ() -> None:
    path = parabola((50, 60), (70, 0), (0, 50))
    frames = grey(compose([path], size=192, radius=16, seed=4))
    start = np.array([0, 10, 23])
    tracks = LucasKanade().track(frames, path[start], start)
    assert tracks.visible.all()
    assert np.abs(tracks.positions - path[:, None]).max() < 0.5


def test_dis_flow_has_our_layout_and_sign() -> None:
    path = parabola((60, 96), (48, 16), (0, 0), 4)
    frames = grey(compose([path], size=192, radius=28, seed=5))
    flow = DISFlow()(frames[0], frames[1])
    assert flow.shape == (2, 192, 192)
    assert flow.dtype == np.float32
    assert flow[:, 96, 60] == pytest.approx([3, 1], abs=0.3)
    with pytest.raises(ValueError, match="preset: expected"):
        DISFlow("best")


def test_any_flow_makes_a_tracker() -> None:
    class Shift:
        def __call__(self, first: Any, second: Any) -> Any:
            sign = 1.0 if second.sum() > first.sum() else -1.0
            return sign * np.stack([np.full(first.shape, 2.0), np.full(first.shape, 0.5)]).astype(np.float32)

    frames = np.stack([np.full((40, 60), t, dtype=np.uint8) for t in range(6)])
    points = np.array([[20.0, 20.0], [58.0, 20.0]])
    tracks = ChainedFlow(Shift()).track(frames, points, np.array([2, 2]))
    expected = 20 + (np.arange(6)[:, None] - 2) * np.array([2.0, 0.5])
    assert tracks.positions[:, 0] == pytest.approx(expected)
    assert tracks.visible[:, 0].all()
    assert not tracks.visible[3:, 1].any(), "it left the picture"


def test_the_pipeline_takes_other_estimators() -> None:
    used = []

    class Spy:
        def track(self, frames: Any, points: Any, start: Any) -> PointTracks:
            used.append(len(points))
            return LucasKanade().track(frames, points, start)

    class Flow:
        def __call__(self, first: Any, second: Any) -> Any:
            return np.zeros((2, *first.shape), dtype=np.float32)

    path = parabola((50, 60), (70, 0), (0, 50))
    clip = clip_from_frames(compose([path], size=192, radius=16, seed=4), fps=16)
    result = analyse_clip(clip, tracker=Spy(), flow=Flow())
    assert used
    assert result.kinematic_residual == 0


def test_moving_regions_are_where_the_object_is() -> None:
    path = parabola((50, 60), (70, 0), (0, 50))
    frames = grey(compose([path], size=192, radius=16, seed=4))
    regions = moving_regions(frames, estimate_camera(frames))
    row, column = np.mgrid[:192, :192]
    for t in range(2, 22):
        disc = np.hypot(column - path[t, 0], row - path[t, 1]) <= 16
        assert (regions[t] & disc).sum() > 0.6 * disc.sum()
        assert (regions[t] & ~disc).sum() < 0.35 * disc.sum()
    assert not regions[[0, 1, -1, -2]].any()


def test_bad_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="frames: expected uint8"):
        clip_from_frames(np.zeros((4, 8, 8)), fps=16)
    with pytest.raises(ValueError, match="fps: expected"):
        clip_from_frames(np.zeros((4, 8, 8), dtype=np.uint8), fps=0)
