"""What the pipeline finds in harder scenes: several objects, late entry, occlusion, moving camera, cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kinetrace.video import render as rendering
from kinetrace.video.analyse import ClipResult, analyse_clip
from kinetrace.video.decode import clip_from_frames
from kinetrace.video.errors import InputError
from video_clips import FPS, Frames, compose, parabola


def analyse(frames: Frames, **options: Any) -> ClipResult:
    return analyse_clip(clip_from_frames(frames, fps=FPS), **options)


def accelerations(result: ClipResult) -> Any:
    return np.array([s.acceleration for s in result.scores])


def test_three_objects_are_three_entities() -> None:
    truth = [(0.0, 90.0), (60.0, 0.0), (-40.0, -40.0)]
    paths = [
        parabola((60, 40), (40, 0), truth[0]),
        parabola((40, 210), (20, 0), truth[1]),
        parabola((210, 150), (10, -20), truth[2]),
    ]
    result = analyse(compose(paths, size=256, radius=15))
    assert len(result.entities) == 3
    found = accelerations(result)
    for a in truth:
        assert np.linalg.norm(found - a, axis=1).min() < 2.0
    assert min(s.score for s in result.scores) > 0.95


def test_two_objects_side_by_side_with_different_motion_stay_apart() -> None:
    paths = [parabola((60, 60), (50, 0), (0, 80)), parabola((60, 100), (80, 0), (0, 60))]
    result = analyse(compose(paths, size=256, radius=15, seed=3))
    assert len(result.entities) == 2


def test_an_object_that_enters_late_and_one_that_leaves_are_not_missing_mass() -> None:
    entering = parabola((-60, 60), (150, 0), (0, 20))
    leaving = parabola((120, 180), (130, 0), (20, 0))
    result = analyse(compose([entering, leaving], size=256, radius=15, seed=1))
    assert len(result.entities) == 2
    for score in result.scores:
        assert score.missing == 0.0
        assert score.score > 0.9
    assert min(e.last for e in result.entities) < 23
    assert max(e.first for e in result.entities) > 0


def test_an_object_behind_a_board_is_one_entity_that_keeps_its_law() -> None:
    path = parabola((30, 120), (130, -40), (0, 60))
    result = analyse(compose([path], size=256, radius=14, seed=2, occluder=(110, 0, 150, 256)))
    assert len(result.entities) == 1
    entity, score = result.entities[0], result.scores[0]
    assert [kind for _, kind in entity.breaks] == ["occlusion"]
    assert entity.seen.sum() < 24
    assert entity.first == 0
    assert entity.last == 23
    assert np.linalg.norm(score.acceleration - (0, 60)) < 2.0
    assert score.score > 0.85


def test_a_moving_camera_is_subtracted_and_said() -> None:
    pan = np.column_stack([2 * np.arange(24), -np.arange(24)])
    path = parabola((60, 60), (60, 0), (0, 90))
    result = analyse(compose([path], size=256, radius=15, pan=pan, seed=4))
    assert result.camera.moving
    assert any("camera moves" in w for w in result.warnings)
    assert len(result.entities) == 1, "the background is no entity"
    assert np.linalg.norm(result.scores[0].acceleration - (0, 90)) < 3.0
    assert np.linalg.norm(result.scores[0].velocity - (60, 0)) < 3.0


def test_a_still_camera_is_called_still(throw_frames: Frames) -> None:
    result = analyse(throw_frames)
    assert not result.camera.moving
    assert result.warnings == ()


def test_a_bounce_is_one_contact_at_its_time() -> None:
    t = np.arange(32) / FPS
    hit, g = 0.93, 110.0
    fall = 60 + 0.5 * g * np.minimum(t, hit) ** 2
    after = np.maximum(t - hit, 0)
    y = fall - 0.8 * g * hit * after + 0.5 * g * after**2
    path = np.column_stack([40 + 60 * t, y])
    result = analyse(compose([path], size=256, radius=14, seed=5))
    score = result.scores[0]
    assert len(score.contacts) == 1
    assert score.contacts[0] == pytest.approx(hit, abs=0.5 / FPS)
    assert score.parts["residual"] > 0.9, "one acceleration explains both sides of the contact"
    assert 0.7 < score.score < 0.9


def test_a_vanished_object_is_missing_mass() -> None:
    path = parabola((50, 60), (60, 0), (0, 70))
    seen = np.arange(24) < 12
    result = analyse(compose([path], size=256, radius=15, present={0: seen}, seed=6))
    score = result.scores[0]
    assert result.entities[0].last == 11
    assert score.missing > 0.2
    assert "vanishes inside the picture at frame 12" in score.notes
    assert score.score < 0.2


def test_a_cut_is_not_a_vanishing() -> None:
    path = parabola((60, 60), (60, 0), (0, 70))
    one = compose([path], size=256, radius=15, seed=7)
    two = compose([parabola((150, 150), (-50, 0), (0, -60))], size=256, radius=15, seed=8)
    result = analyse(np.concatenate([one[:12], two[:12]]))
    assert result.camera.cuts == (12,)
    assert len(result.entities) == 2
    assert all(s.missing == 0 for s in result.scores)
    assert any("frame 12" in w for w in result.warnings)


def test_a_mask_restricts_what_is_found() -> None:
    paths = [parabola((60, 40), (40, 0), (0, 60)), parabola((60, 200), (80, 0), (0, 0))]
    frames = compose(paths, size=256, radius=15, seed=9)
    mask = np.zeros((1, 256, 256), dtype=bool)
    mask[:, 170:] = True
    result = analyse(frames, mask=mask)
    assert len(result.entities) == 1
    assert np.linalg.norm(result.scores[0].velocity - (80, 0)) < 2.0


def test_nothing_moves() -> None:
    still = compose([parabola((128, 128), (0, 0), (0, 0))], size=256, noise=1.5)
    with pytest.raises(InputError, match="no motion found"):
        analyse(still)


def test_results_are_the_same_bits_again(throw_frames: Frames) -> None:
    one, two = analyse(throw_frames), analyse(throw_frames)
    assert np.array_equal(one.entities[0].centre, two.entities[0].centre, equal_nan=True)
    assert one.kinematic_residual == two.kinematic_residual
    assert one.score == two.score


def test_a_turning_object_is_one_entity() -> None:
    path = parabola((60, 80), (70, 0), (0, 60))
    look = rendering.draw_look(np.random.default_rng(11), radius_px=22, size_px=256)
    frames = np.empty((24, 256, 256, 3), dtype=np.uint8)
    for t in range(24):
        turn = 0.05 * t
        c, s = np.cos(turn), np.sin(turn)
        waves = look.waves.copy()
        waves[:, :2] = waves[:, :2] @ np.array([[c, s], [-s, c]])
        picture = look.background.copy()
        rendering.paint_object(picture, path[t], replace(look, waves=waves, squareness=2.0))
        frames[t] = np.clip(picture, 0, 255).astype(np.uint8)
    result = analyse(frames)
    assert len(result.entities) == 1
    assert result.entities[0].seen.all()
    assert np.linalg.norm(result.scores[0].acceleration - (0, 60)) < 3.0


@pytest.mark.parametrize("colour", [(230, 200, 90), (40, 30, 20)])
@pytest.mark.parametrize("seed", [0, 3])
def test_an_object_without_texture_is_followed_by_its_silhouette(colour: tuple[int, ...], seed: int) -> None:
    path = parabola((60, 40), (60, 0), (0, 90))
    world = rendering.draw_background(np.random.default_rng(seed), 256)
    row, column = np.mgrid[:256, :256]
    frames = np.empty((24, 256, 256, 3), dtype=np.uint8)
    for t, (x, y) in enumerate(path):
        cover = np.clip(16.5 - np.hypot(column - x, row - y), 0, 1)[..., None]
        picture = world * (1 - cover) + cover * np.array(colour)
        frames[t] = np.clip(picture + np.random.default_rng(t).standard_normal((256, 256, 1)), 0, 255)
    result = analyse(frames)
    assert len(result.entities) == 1
    entity = result.entities[0]
    assert entity.seen.all()
    assert entity.by_region.all()
    error = entity.centre - path
    assert np.sqrt(((error - error.mean(0)) ** 2).mean()) < 0.1
    assert np.linalg.norm(result.scores[0].acceleration - (0, 90)) < 1.0
    assert result.score > 0.9
