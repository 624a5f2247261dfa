"""morpheus and morpheus_dynamical: the published scorer restated with SciPy, its oddities, and the repaired forms."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import interpolate, signal

from kinetrace.metrics import morpheus, morpheus_dynamical
from kinetrace.metrics._morpheus_series import peaks, smooth
from kinetrace.metrics.morpheus import MORPHEUS_EXPERIMENTS

SCALES = {"falling_ball": 400, "projectile": 400, "bouncing_ball": 400, "collision": 2000}
REAL_WINDOWS = {"falling_ball": 10, "projectile": 10, "bouncing_ball": 10, "sliding_book": 4, "spring": 4}
REAL_PERIODS = {"holonomic_pendulum": 35, "spring": 40}


def core(values: Any) -> float:
    mean, spread = statistics.fmean(values), statistics.pstdev(values)
    steady = abs(mean) >= 10 * spread or abs(mean) >= 10
    return 1 / (1 + (spread / (abs(mean) + 1e-10) if steady else spread))


def slopes(x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Regression over the frames within 2: covariance by variance."""
    out = []
    for i in range(len(x)):
        near = slice(max(i - 2, 0), i + 3)
        t = times[near] - times[near].mean()
        out.append(t.dot(x[near]) / t.dot(t))
    return np.array(out)


def rate(x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """calculate_velocity: regression mixed with np.gradient, smoothed by scipy."""
    return signal.savgol_filter(0.7 * slopes(x, times) + 0.3 * np.gradient(x, times), 5, 3)


def repaired_gaps(x: np.ndarray) -> np.ndarray:
    there = np.flatnonzero(~np.isnan(x))
    hold = interpolate.interp1d(there, x[there], bounds_error=False, fill_value=(x[there[0]], x[there[-1]]))
    return hold(np.arange(len(x))) if len(there) > 1 else np.full(len(x), x[there[0]])


def restated(
    name: str, tracks: list[np.ndarray], real: bool, lengths: np.ndarray | None, angles: np.ndarray | None
) -> dict[str, float]:
    """The scorer of Morpheus (arXiv 2504.02918), morpheus/scoring/physical_score.py, calculate_one_video_score.

    Tracks are (T, 3) row, column, depth as in its pickles; times count from 1. One branch per quantity, windows found
    by comparing times.
    """
    start = int((~np.isnan(tracks[0][:, 0])).argmax())
    scale = SCALES.get(name, 1000)
    tracks = [np.stack([repaired_gaps(column) for column in track.T], axis=1)[start:] for track in tracks]
    times = np.arange(start, start + len(tracks[0])) + 1.0
    first, last = int(times[0]), int(times[-1])
    window = max((last - first) // (REAL_WINDOWS.get(name, 50) if real else 4), 5)
    speeds = [[rate(track[:, k] / scale, times / 100) for k in range(2)] for track in tracks]
    if name == "double_pendulum":
        first, last = first - 1, last

    def best(series: np.ndarray) -> float:
        spans = range(first, last - window, window // 2)
        return max((core(series[(times >= t) & (times <= t + window)]) for t in spans), default=0.0)

    energy = np.zeros(len(times))
    for track, (down, along) in zip(tracks, speeds, strict=True):
        energy += (down**2 + along**2) / 2 - 9.81 * (track[:, 0] - track[:, 0].min()) / scale
    if angles is not None and lengths is not None:
        for angle, length in zip(angles.T, lengths.T, strict=True):
            spin = signal.savgol_filter(slopes(angle, times / 100), 5, 3)
            energy += (length**2 / 12) * spin**2 / 2
    scores = {}
    if name not in ("sliding_book", "spring"):
        scores["energy"] = best(energy)
    if name in ("falling_ball", "projectile", "bouncing_ball", "sliding_book"):
        scores["acceleration"] = best(np.gradient(speeds[0][0], times / 100))
    if name in ("falling_ball", "projectile", "bouncing_ball", "spring"):
        scores["horizontal_momentum"] = best(speeds[0][1])
    if name == "collision":
        scores["horizontal_momentum"] = 1 / (1 + statistics.pstdev(speeds[0][1] + speeds[1][1]))
    if name in ("holonomic_pendulum", "spring"):
        tops = signal.find_peaks(signal.savgol_filter(tracks[0][:, 0], 5, 3))[0]
        gaps = [b - a for a, b in itertools.pairwise(tops) if b - a > (REAL_PERIODS[name] if real else 10)]
        scores["period"] = core([float(gap) for gap in gaps]) if gaps else 0.0
    if lengths is not None:
        strings = [repaired_gaps(column)[start:] for column in lengths.T]
        scores["distance"] = statistics.fmean(core(string) for string in strings)
    scores["physical_score"] = statistics.fmean(scores.values())
    slow = []
    for track in tracks:
        pair = [rate(track[:, k], times) for k in range(2)]
        slow.append(100 * np.mean([a <= 0.01 and b <= 0.01 for a, b in zip(*pair, strict=True)]))
    scores["stillness"] = float(np.mean(slow))
    scores["depth_consistency"] = statistics.fmean(core(track[:, 2] / scale) for track in tracks)
    return scores


def random_case(rng: np.random.Generator, name: str) -> tuple[list[np.ndarray], Any, Any]:
    """Tracks (row, column, depth) of swings, throws or walks with noise and holes; lengths and angles where needed."""
    frames = int(rng.integers(14, 160))
    t = np.arange(frames)[:, None]
    tracks = []
    for _ in range(2 if name in ("double_pendulum", "collision") else 1):
        smooth = rng.normal(0, 2, 3) * t + rng.normal(0, 0.01, 3) * t**2
        swing = rng.uniform(0, 80, 3) * np.sin(t * rng.uniform(0.05, 0.6) + rng.uniform(0, 6, 3))
        track = 300 + smooth + swing + rng.normal(0, rng.choice([0.01, 1, 10]), (frames, 3))
        if rng.random() < 0.3 and name not in REAL_PERIODS:
            track = np.round(track)  # smoothed, its plateaus are broken by the last bit, and so are the published peaks
        track[2:][rng.random(frames - 2) < rng.choice([0, 0.1, 0.4])] = np.nan
        tracks.append(track)
    if name != "double_pendulum" and rng.random() < 0.3:
        for track in tracks:
            track[: int(rng.integers(1, 5))] = np.nan
        tracks[0][5], tracks[-1][5] = 300.0, 310.0
        gone = max(int((~np.isnan(track[:, 0])).argmax()) for track in tracks)
        for track in tracks:
            track[:gone], track[gone] = np.nan, 305.0
    lengths = angles = None
    if name in ("holonomic_pendulum", "double_pendulum"):
        lengths = rng.normal(rng.choice([1, 120]), 3, (frames, len(tracks)))
        lengths[1:][rng.random((frames - 1, len(tracks))) < 0.1] = np.nan
        if name == "double_pendulum":
            lengths = np.stack([repaired_gaps(column) for column in lengths.T], axis=1)
            angles = rng.normal(size=(frames, 2)).cumsum(axis=0) * 0.05
    return tracks, lengths, angles


def score(name: str, tracks: list[np.ndarray], lengths: Any, angles: Any, **options: Any) -> dict[str, float]:
    image = [track[:, [1, 0, 2]] for track in tracks]
    return morpheus(
        image[0], name, second=image[1] if len(image) == 2 else None, lengths=lengths, angles=angles, **options
    )


@pytest.mark.parametrize("name", MORPHEUS_EXPERIMENTS)
def test_equals_the_published_scores(name: str) -> None:
    """9 experiments of 30 cases; those of one recipe (3 ballistic ones) share their code."""
    rng = np.random.default_rng(list(MORPHEUS_EXPERIMENTS).index(name))
    for case in range(30):
        tracks, lengths, angles = random_case(rng, name)
        want = restated(name, tracks, case % 3 == 0, lengths, angles)
        got = score(name, tracks, lengths, angles, real_video=case % 3 == 0)
        there = got.pop("coverage")
        assert got.keys() == want.keys()
        for key, value in want.items():
            assert got[key] == pytest.approx(value, rel=1e-7, abs=1e-9), key
        assert there == min(np.mean(~np.isnan(track[:, 0])) for track in tracks)


def test_peaks_and_smoothing_equal_scipy() -> None:
    rng = np.random.default_rng(4)
    flat = 0
    for _ in range(200):
        x = rng.integers(0, 4, int(rng.integers(5, 60))).astype(float)
        want, shape = signal.find_peaks(x, plateau_size=1)
        assert peaks(x).tolist() == want.tolist()
        flat += int((shape["plateau_sizes"] > 1).sum())
        np.testing.assert_allclose(smooth(x), signal.savgol_filter(x, 5, 3), atol=1e-13)
    assert flat > 100


def test_smoothing_keeps_the_plateaus_of_whole_numbers() -> None:
    x = np.array([0, 0, 3, 9, 9, 3, 0, 0, 3, 9, 9, 3, 0, 0], dtype=float)
    assert peaks(smooth(x)).tolist() == [3, 9]


def test_lawful_motion_scores_one() -> None:
    t = np.arange(60.0)
    throw = np.stack([5 * t, 200 - 6 * t + 0.5 * 400 * 9.81e-4 * t**2], axis=1)
    got = morpheus(throw, "projectile")
    assert min(got["energy"], got["acceleration"], got["horizontal_momentum"]) > 1 - 1e-9
    assert got["stillness"] == 0
    heavy = morpheus(np.stack([5 * t, 200 - 6 * t + 400 * 9.81e-4 * t**2], axis=1), "projectile")
    assert heavy["energy"] < 0.9  # twice the gravity
    assert heavy["acceleration"] > 1 - 1e-9  # constant all the same


def test_stillness_ignores_the_sign_of_motion() -> None:
    t = np.arange(30.0)[:, None]
    away = morpheus(-3 * t * np.ones(2), "falling_ball")
    assert away["stillness"] == 100
    assert morpheus(-3 * t * np.ones(2), "falling_ball", compat=False)["stillness"] == 0
    assert morpheus(0 * t * np.ones(2), "falling_ball", compat=False)["stillness"] == 100


def test_a_clip_without_the_object() -> None:
    nothing = np.full((30, 3), np.nan)
    published = morpheus(nothing, "projectile")
    assert (published["physical_score"], published["coverage"], published["stillness"]) == (1, 0, 100)
    repaired = morpheus(nothing, "projectile", compat=False)
    assert repaired.pop("coverage") == 0
    assert all(math.isnan(value) for value in repaired.values())


def test_too_few_frames_for_a_window() -> None:
    t = np.arange(6.0)
    walk = np.stack([t, t], axis=1)
    assert morpheus(walk, "projectile")["physical_score"] == 0
    assert math.isnan(morpheus(walk, "projectile", compat=False)["physical_score"])
    both = morpheus(walk, "collision", second=walk)
    assert both["energy"] == 0
    assert math.isnan(both["horizontal_momentum"])


def test_no_two_periods() -> None:
    t = np.arange(40.0)
    line = np.stack([t, t], axis=1)
    lengths = np.full(40, 50.0)
    assert morpheus(line, "holonomic_pendulum", lengths=lengths)["period"] == 0
    assert math.isnan(morpheus(line, "holonomic_pendulum", lengths=lengths, compat=False)["period"])


def test_momentum_of_a_collision_is_scored_once_or_in_windows() -> None:
    t = np.arange(100.0)
    one = np.stack([30 * t, 0 * t], axis=1)
    two = np.stack([np.where(t < 50, 0, 30 * (t - 50)), 0 * t], axis=1)
    published = morpheus(one, "collision", second=two)["horizontal_momentum"]
    windows = morpheus(one, "collision", second=two, compat=False)["horizontal_momentum"]
    assert published < 0.7
    assert windows > 0.999


@given(st.integers(0, 2**32 - 1), st.floats(-300, 300), st.floats(-300, 300))
def test_translation_changes_nothing_but_a_period_of_nothing(seed: int, x: float, y: float) -> None:
    rng = np.random.default_rng(seed)
    track = rng.normal(size=(50, 2)).cumsum(axis=0) * 3
    before, after = morpheus(track, "falling_ball"), morpheus(track + np.array([x, y]), "falling_ball")
    assert after == pytest.approx(before, rel=1e-6)
    assert morpheus(track * [-1, 1], "sliding_book")["acceleration"] == pytest.approx(
        morpheus(track, "sliding_book")["acceleration"]
    )


def test_dynamical_score_on_random_fits() -> None:
    """1 - min(NMSE, 1), NMSE as in dynamical_score.py of the same scorer: pooled variance, squares added or averaged."""
    rng = np.random.default_rng(8)
    for case in range(200):
        shape = (int(rng.integers(2, 60)), *([] if case % 2 else [int(rng.integers(1, 4))]))
        y = rng.normal(size=shape)
        p = y + rng.normal(size=shape) * rng.uniform(0, 1.5)
        per_frame = [float(np.sum(e)) for e in (p - y) ** 2]
        for coordinates, parts in (("sum", 1), ("mean", 1 if y.ndim == 1 else y.shape[1])):
            nmse = statistics.fmean(per_frame) / parts / statistics.pvariance(y.ravel().tolist())
            got = morpheus_dynamical(y, p, coordinates=coordinates)
            assert got == pytest.approx(1 - min(nmse, 1), abs=1e-12)
        assert morpheus_dynamical(y, y) == 1
    assert math.isnan(morpheus_dynamical(np.ones(4), np.zeros(4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: morpheus(np.zeros((9, 2)), "rolling"), "experiment: expected one of 'falling_ball'"),
        (lambda: morpheus(np.zeros((4, 2)), "projectile"), "positions: expected at least 5 frames, got 4"),
        (lambda: morpheus(np.zeros((9, 4)), "projectile"), "positions: expected 2 or 3 coordinates, got 4"),
        (lambda: morpheus(np.zeros((9, 2)), "collision"), "second: expected the positions of the other body"),
        (lambda: morpheus(np.zeros((9, 2)), "collision", second=np.zeros((8, 2))), "second: expected as many frames"),
        (lambda: morpheus(np.zeros((9, 2)), "spring", second=np.zeros((9, 2))), "second: expected None for spring"),
        (lambda: morpheus(np.zeros((9, 2)), "holonomic_pendulum"), "lengths: expected the string lengths"),
        (lambda: morpheus(np.zeros((9, 2)), "spring", lengths=np.zeros(9)), "lengths: expected None for spring"),
        (
            lambda: morpheus(np.zeros((9, 2)), "holonomic_pendulum", lengths=np.zeros(8)),
            "lengths: expected shape \\(9, 1\\)",
        ),
        (lambda: morpheus(np.zeros((9, 2)), "projectile", compat=1), "compat: expected one of False, True"),
        (lambda: morpheus_dynamical(np.zeros(3), np.zeros(4)), "fitted: expected the shape of observed"),
        (lambda: morpheus_dynamical(np.zeros(1), np.zeros(1)), "observed: expected at least 2 frames"),
        (lambda: morpheus_dynamical(np.zeros(3), np.full(3, np.nan)), "fitted: expected finite numbers"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_errors_of_the_double_pendulum() -> None:
    p, lengths, angles = np.zeros((9, 2)), np.ones((9, 2)), np.zeros((9, 2))
    with pytest.raises(ValueError, match="angles: expected the angles"):
        morpheus(p, "double_pendulum", second=p, lengths=lengths)
    with pytest.raises(ValueError, match="angles: expected shape"):
        morpheus(p, "double_pendulum", second=p, lengths=lengths, angles=angles[:8])
    late = p.copy()
    late[0] = np.nan
    with pytest.raises(ValueError, match="positions: expected a double pendulum tracked from its first frame"):
        morpheus(late, "double_pendulum", second=late, lengths=lengths, angles=angles)
