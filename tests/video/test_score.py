"""The score's parts on exact paths: no pictures, no tracking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.video.entities import Entity
from kinetrace.video.outline import track_noise
from kinetrace.video.score import EntityScore, score_clip, score_entity
from video_clips import FPS, Floats, parabola

SIZE = (512, 512)


def entity_of(path: Floats, seen: np.ndarray | None = None, points: int = 50) -> Entity:
    count = len(path)
    seen = np.ones(count, dtype=bool) if seen is None else seen
    inliers = np.repeat(seen[:, None], points, axis=1)
    centre = np.where(seen[:, None], path, np.nan)
    none = np.zeros(count, dtype=bool)
    return Entity(centre, seen, np.arange(points), inliers, np.zeros((points, 2)), 20.0, none)


def score(path: Floats, seen: np.ndarray | None = None, size: tuple[int, int] = SIZE) -> EntityScore:
    times = np.arange(len(path)) / FPS
    return score_entity(entity_of(path, seen), times, size, np.tile(np.eye(3), (len(path), 1, 1)))


def test_an_exact_parabola_scores_one() -> None:
    result = score(parabola((200, 100), (50, -30), (10, 80), 32))
    assert result.score == pytest.approx(1.0, abs=1e-9)
    assert result.acceleration == pytest.approx([10, 80])
    assert result.velocity == pytest.approx([50, -30])
    assert result.position == pytest.approx([200, 100])
    assert result.residual_rms == pytest.approx(0, abs=1e-9)
    assert result.r_squared == pytest.approx(1)
    assert result.contacts == ()
    assert result.jump_px == 0
    assert result.missing == 0


def test_velocity_is_that_of_the_first_seen_frame() -> None:
    path = parabola((200, 100), (50, -30), (10, 80), 32)
    seen = np.arange(32) >= 8
    result = score(path, seen)
    assert result.velocity == pytest.approx([50 + 10 * 0.5, -30 + 80 * 0.5])
    assert result.position == pytest.approx(path[8])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), noise=st.floats(0, 3), frames=st.integers(6, 48))
def test_every_score_lies_in_zero_to_one(seed: int, noise: float, frames: int) -> None:
    rng = np.random.default_rng(seed)
    path = rng.uniform(50, 400, 2) + noise * np.cumsum(rng.standard_normal((frames, 2)), axis=0)
    seen = rng.uniform(size=frames) < 0.9
    seen[[0, 1, 2, -1]] = True
    result = score(path, seen)
    assert 0 < result.score <= 1
    assert all(0 < part <= 1 for part in result.parts.values())


def test_small_tracking_noise_costs_little() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        path = parabola((200, 100), (50, -30), (10, 80), 32) + rng.normal(0, 0.05, (32, 2))
        result = score(path)
        assert result.contacts == ()
        assert result.score > 0.95


def test_a_cubic_is_drift() -> None:
    t = np.arange(32)[:, None] / FPS
    result = score(parabola((200, 100), (50, 0), (0, 40), 32) + 12 * t**3 * np.array([0, 1]))
    assert result.parts["drift"] < 0.2
    assert result.parts["residual"] > 0.95
    assert result.drift_px > 1


def test_a_jump_is_a_jump_and_its_size_is_found() -> None:
    path = parabola((200, 100), (50, -30), (0, 80), 32)
    path[16:] += (40, 30)
    result = score(path)
    assert result.jump_px == pytest.approx(50, abs=2)
    assert result.parts["jump"] < 0.01
    assert result.parts["residual"] > 0.95
    assert result.contacts == ()


def test_a_bounce_is_a_contact_with_one_acceleration() -> None:
    t = np.arange(32) / FPS
    hit, g = 1.0, 100.0
    after = np.maximum(t - hit, 0)
    y = 100 + 0.5 * g * np.minimum(t, hit) ** 2 - 0.7 * g * hit * after + 0.5 * g * after**2
    result = score(np.column_stack([100 + 40 * t, y]))
    assert len(result.contacts) == 1
    assert result.contacts[0] == pytest.approx(hit, abs=0.02)
    assert result.score == pytest.approx(0.85, abs=0.05)


def test_hovering_is_not_excused_by_its_contacts() -> None:
    t = np.arange(32) / FPS
    drop = np.minimum(t, 0.75) ** 2 + np.maximum(t - 1.3, 0) ** 2
    result = score(np.column_stack([np.full(32, 200.0), 100 + 40 * drop]))
    assert result.score < 0.3


@pytest.mark.parametrize(("first", "last"), [(0, 15), (16, 31)])
def test_vanishing_and_appearing_inside_the_picture_are_missing_mass(first: int, last: int) -> None:
    path = parabola((200, 200), (20, -10), (0, 20), 32)
    index = np.arange(32)
    result = score(path, (index >= first) & (index <= last))
    assert result.missing == pytest.approx(0.5)
    assert result.parts["permanence"] < 0.05
    assert len(result.notes) == 1


def test_leaving_the_picture_is_not() -> None:
    path = parabola((300, 200), (200, 0), (0, 0), 32)
    result = score(path, path[:, 0] < 495)
    assert result.missing == 0
    assert result.score == pytest.approx(1)


def test_a_gap_on_the_path_is_not() -> None:
    path = parabola((100, 200), (100, 0), (0, 20), 32)
    index = np.arange(32)
    result = score(path, (index < 10) | (index > 18))
    assert result.missing == 0
    assert result.score == pytest.approx(1)


def test_the_tolerance_grows_with_the_picture() -> None:
    t = np.arange(32)[:, None] / FPS
    path = parabola((200, 100), (50, 0), (0, 40), 32) + 4 * t**3 * np.array([0, 1])
    small, large = score(path), score(path, size=(2048, 2048))
    assert small.score < 0.9 < large.score


def test_noise_is_measured_on_smooth_motion_and_not_raised_by_a_jump() -> None:
    rng = np.random.default_rng(1)
    path = parabola((0, 0), (90, 10), (5, 60), 400)
    noisy = path + rng.normal(0, 0.2, path.shape)
    seen = np.ones(400, dtype=bool)
    assert track_noise(path, seen) < 1e-9
    assert track_noise(noisy, seen) == pytest.approx(0.2, rel=0.15)
    noisy[200:] += 100
    assert track_noise(noisy, seen) == pytest.approx(0.2, rel=0.15)


def test_the_clip_is_the_mean_by_mass() -> None:
    good = score(parabola((200, 100), (50, -30), (10, 80), 32))
    t = np.arange(32)[:, None] / FPS
    bad = score(parabola((200, 100), (50, 0), (0, 40), 32) + 30 * t**3)
    assert score_clip([good, bad], [3.0, 1.0]) == pytest.approx(0.75 * good.score + 0.25 * bad.score)
