"""vamp, perceptible_amplitude and dynamic_degree: restated from formulas and published code, repaired forms, edges."""

from __future__ import annotations

import itertools
import math
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.metrics import dynamic_degree, dynamic_degree_frames, perceptible_amplitude, vamp


def restated_vamp(c: list[list[float]], scale: float) -> tuple[float, float]:
    """VAMP (arXiv 2411.13609) as third parties give its formulas; no code was found."""
    speeds = [scale * math.dist(p, q) for p, q in itertools.pairwise(c)]
    changes = [b - a for a, b in itertools.pairwise(speeds)]
    return (
        math.exp(-statistics.pstdev(speeds) / statistics.fmean(speeds)),
        math.exp(-statistics.pvariance(changes)),
    )


def test_vamp_equals_its_formulas() -> None:
    rng = np.random.default_rng(51)
    for _ in range(200):
        c, scale = rng.normal(size=(int(rng.integers(3, 40)), int(rng.integers(1, 4)))), float(rng.uniform(0.01, 3))
        velocity, acceleration = restated_vamp(c.tolist(), scale)
        assert vamp(c, scale=scale) == pytest.approx(
            {"velocity": velocity, "acceleration": acceleration, "coverage": 1}
        )


def test_vamp_without_motion_and_with_holes() -> None:
    still = vamp(np.ones((5, 2)))
    assert math.isnan(still["velocity"])
    assert still["acceleration"] == 1
    c = np.random.default_rng(0).normal(size=(9, 2))
    c[4] = np.nan
    got = vamp(c)
    parts = [np.linalg.norm(np.diff(part, axis=0), axis=1) for part in (c[:4], c[5:])]
    speed, change = np.concatenate(parts), np.concatenate([np.diff(part) for part in parts])
    assert got["velocity"] == pytest.approx(math.exp(-speed.std() / speed.mean()))
    assert got["acceleration"] == pytest.approx(math.exp(-change.var()))
    assert got["coverage"] == pytest.approx(8 / 9)
    nothing = vamp(np.full((4, 2), np.nan))
    assert [math.isnan(nothing[name]) for name in ("velocity", "acceleration")] == [True, True]


@given(st.integers(0, 2**32 - 1), st.floats(0, 6.3), st.floats(-50, 50), st.floats(0.1, 9))
def test_vamp_does_not_see_place_direction_or_scale(seed: int, angle: float, shift: float, factor: float) -> None:
    c = np.random.default_rng(seed).normal(size=(8, 2))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert vamp(factor * c @ turn + shift, scale=1 / factor) == pytest.approx(vamp(c))
    glide = np.arange(9.0)[:, None] * [math.cos(angle), math.sin(angle)]
    assert vamp(glide) == pytest.approx({"velocity": 1, "acceleration": 1, "coverage": 1})


def restated_amplitude(p: np.ndarray, width: int, height: int) -> float:
    """GD-AIGC/VMBench @0250859 perceptible_amplitude_score.py, calculate_motion_degree, in torch's float32."""
    t = torch.from_numpy(p.astype(np.float32))
    steps = (t[1:] - t[:-1]).pow(2).sum(-1).sqrt() / math.hypot(width, height)
    return float(steps.sum(0).mean()) if t.shape[1] else math.nan


def restated_pas(subject: float, background: float) -> float:
    """The same file's main block."""
    left = subject - background if subject > background else subject
    return background if math.isnan(left) else left


def test_perceptible_amplitude_equals_the_published_code() -> None:
    rng = np.random.default_rng(52)
    under = 0
    for case in range(220):
        frames, size = int(rng.integers(2, 30)), [int(v) for v in rng.integers(16, 900, 2)]
        count = 0 if case % 20 == 0 else int(rng.integers(1, 60))
        subject, background = (rng.normal(size=(frames, n, 2), scale=9.0 ** rng.uniform(0, 2)) for n in (count, 30))
        parts = [restated_amplitude(p, *size) for p in (subject, background)]
        got = perceptible_amplitude(subject, background, width=size[0], height=size[1])
        assert got["score"] == pytest.approx(restated_pas(*parts), rel=1e-4)
        assert [got["subject"], got["background"]] == pytest.approx(parts, rel=1e-5, nan_ok=True)
        under += parts[0] <= parts[1]
    assert under > 40


def steady(speed: float, points: int = 4) -> np.ndarray:
    return np.zeros((5, points, 2)) + np.arange(5.0)[:, None, None] * [speed, 0]


def test_a_subject_just_slower_than_the_camera() -> None:
    size = {"width": 30, "height": 40}
    assert perceptible_amplitude(steady(9), steady(10), **size)["score"] == pytest.approx(36 / 50)
    assert perceptible_amplitude(steady(9), steady(10), **size, compat=False)["score"] == 0
    assert perceptible_amplitude(steady(12), steady(10), **size, compat=False)["score"] == pytest.approx(8 / 50)
    assert perceptible_amplitude(None, steady(10), **size)["score"] == pytest.approx(40 / 50)
    for compat in (False, True):
        alone = perceptible_amplitude(steady(5), np.zeros((5, 0, 2)), **size, compat=compat)
        assert alone["score"] == pytest.approx(20 / 50)
    assert math.isnan(perceptible_amplitude(None, np.zeros((5, 0, 2)), **size)["score"])


@given(st.integers(0, 2**32 - 1), st.floats(-99, 99), st.integers(2, 4))
def test_amplitude_does_not_see_place_or_duplicates(seed: int, shift: float, times: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 6, 5, 2))
    base = perceptible_amplitude(a, b, width=8, height=6)
    moved = perceptible_amplitude(np.repeat(a, times, axis=1) + shift, b - shift, width=8, height=6)
    assert moved == pytest.approx(base)
    doubled = perceptible_amplitude(2 * a, 2 * b, width=16, height=12)
    assert doubled == pytest.approx(base)


def restated_dynamic(flow: np.ndarray, side: int) -> tuple[bool, list[float]]:
    """Vchitect/VBench @45e79ec vbench/dynamic_degree.py: get_score, set_params and check_move, by a heap of magnitudes."""
    magnitudes = []
    for u, v in flow:
        sizes = sorted((np.sqrt(u * u + v * v)).ravel().tolist(), reverse=True)
        top = sizes[: int(len(sizes) * 0.05)]
        magnitudes.append(math.fsum(top) / len(top))
    frames, moving, verdict = len(flow) + 1, 0, False
    half = Fraction(4 * frames, 16)
    needed = half.numerator // half.denominator
    rest = half - needed
    needed += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and needed % 2 == 1)
    for size in magnitudes:
        moving += size > 6 * side / 256
        verdict = verdict or moving >= needed
    return verdict, magnitudes


def test_dynamic_degree_equals_the_published_code() -> None:
    rng = np.random.default_rng(53)
    dynamic = 0
    for _ in range(240):
        pairs, (height, width) = int(rng.integers(0, 24)), map(int, rng.integers(5, 40, 2))
        flow = (rng.normal(size=(pairs, 2, height, width)) * rng.uniform(0.05, 0.6) * 0.03 * height).astype(np.float32)
        verdict, magnitudes = restated_dynamic(flow, min(height, width))
        got = dynamic_degree(flow)
        assert got["dynamic"] == float(verdict)
        if pairs:
            assert got["strongest"] == pytest.approx(statistics.fmean(magnitudes), rel=1e-5)
        dynamic += verdict
    assert 40 < dynamic < 200


def test_two_frames_are_always_dynamic_in_the_published_code() -> None:
    still = np.zeros((1, 2, 8, 8))
    assert dynamic_degree(still)["dynamic"] == 1
    assert dynamic_degree(still)["required_pairs"] == 0
    assert dynamic_degree(still, compat=False)["dynamic"] == 0
    assert dynamic_degree(still + 9, compat=False)["dynamic"] == 1
    for compat in (False, True):
        single = dynamic_degree(np.zeros((0, 2, 8, 8)), compat=compat)
        assert single["dynamic"] == 0
        assert math.isnan(single["strongest"])


def test_halves_round_to_even() -> None:
    assert [dynamic_degree(np.zeros((n - 1, 2, 8, 8)))["required_pairs"] for n in (6, 10, 14, 16)] == [2, 2, 4, 4]
    assert dynamic_degree_frames(9, 20.0) == [0, 2, 4, 6, 8]
    assert dynamic_degree_frames(9, 28.0) == [0, 4, 8]
    assert dynamic_degree_frames(3, 2.0) == [0, 1, 2]
    assert dynamic_degree_frames(0, 8.0) == []


def test_the_threshold_follows_the_frame_and_only_the_strongest_count() -> None:
    flow = np.zeros((15, 2, 64, 64))
    flow[:, 0, :4, :51] = 100.0  # 204 of 4096 pixels: int(204.8)
    assert dynamic_degree(flow)["strongest"] == 100
    assert dynamic_degree(flow, frame_size=(512, 640))["threshold"] == 12
    at = np.zeros_like(flow)
    at[:, 0] = 1.5  # the threshold of 64 pixels, not above it
    assert dynamic_degree(at)["dynamic"] == 0
    assert dynamic_degree(np.nextafter(at, 2))["dynamic"] == 1
    assert dynamic_degree(np.full_like(flow, 8.0), frame_size=(512, 640))["dynamic"] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vamp(np.zeros((2, 2))), "centroids: expected at least 3 frames, got 2"),
        (lambda: vamp(np.zeros((4, 2)), scale=0), "scale: expected a finite number > 0"),
        (lambda: vamp(np.full((4, 2), np.inf)), "centroids: expected finite numbers or NaN"),
        (
            lambda: perceptible_amplitude(np.zeros((3, 2)), np.zeros((3, 2, 2)), width=4, height=4),
            "subject: expected shape",
        ),
        (lambda: perceptible_amplitude(None, np.zeros((3, 2, 3)), width=4, height=4), "background: expected shape"),
        (
            lambda: perceptible_amplitude(None, np.zeros((1, 2, 2)), width=4, height=4),
            "background: expected at least 2",
        ),
        (
            lambda: perceptible_amplitude(None, np.zeros((3, 2, 2)), width=0, height=4),
            "width: expected a finite number",
        ),
        (lambda: dynamic_degree(np.zeros((3, 3, 8, 8))), "flow: expected shape \\(T, 2, H, W\\)"),
        (lambda: dynamic_degree(np.zeros((3, 2, 4, 4))), "flow: expected at least 20 pixels, got 16"),
        (lambda: dynamic_degree(np.full((3, 2, 8, 8), np.nan)), "flow: expected finite numbers, got NaN or inf"),
        (lambda: dynamic_degree(np.zeros((3, 2, 8, 8)), frame_size=8), "frame_size: expected \\(height, width\\)"),
        (lambda: dynamic_degree_frames(-1, 8.0), "num_frames: expected an integer >= 0"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
