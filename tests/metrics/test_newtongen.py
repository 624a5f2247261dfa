"""newtongen_features, newtongen_pis and invariance_score: the published file restated frame by frame, and repaired."""

from __future__ import annotations

import cmath
import itertools
import math
import statistics
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.metrics import invariance_score, newtongen_features, newtongen_pis
from kinetrace.metrics.newtongen import NEWTONGEN_TYPES


def region(mask: np.ndarray) -> dict[str, float]:
    """Polygon moments by the shoelace sums; sides of the rectangle in float32, as they come, so that squares tie alike."""
    contours = cv2.findContours(mask.astype(np.uint8) * 255, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    nothing = dict.fromkeys(("x", "y", "theta", "s", "l", "a"), 0.0)
    if not contours:
        return nothing
    best = contours[0]
    for other in contours[1:]:
        best = other if cv2.contourArea(other) > cv2.contourArea(best) else best
    points = [complex(*p) for p in best.reshape(-1, 2).tolist()]
    double = first = second = 0.0
    for p, q in zip(points, points[1:] + points[:1], strict=True):
        cross = p.real * q.imag - q.real * p.imag
        double, first, second = double + cross, first + cross * (p.real + q.real), second + cross * (p.imag + q.imag)
    x, y = (first / double / 3, second / double / 3) if double else (0.0, 0.0)
    corners = list(cv2.boxPoints(cv2.minAreaRect(best)).astype(np.float32))
    sides = [q - p for p, q in zip(corners, corners[1:] + corners[:1], strict=True)]
    lengths = [float(np.linalg.norm(side)) for side in sides]
    theta = cmath.phase(complex(*sides[lengths.index(max(lengths))]).conjugate())
    return {
        "x": x,
        "y": len(mask) - y,
        "theta": theta + math.pi if theta < 0 else theta,
        "s": min(lengths),
        "l": max(lengths),
        "a": abs(double) / 2,
    }


def unwound(angles: list[float]) -> list[float]:
    """NumPy's, as there: steps of half a turn, which are common on a pixel grid, hang on its last bit."""
    unwrapped: list[float] = np.unwrap(angles).tolist()
    return unwrapped


def central(x: list[float], step: float) -> list[float]:
    return [0.0 if t in (0, len(x) - 1) else (x[t + 1] - x[t - 1]) / (2 * step) for t in range(len(x))]


def restated(inside: np.ndarray, dt: float, unit: float, window: int) -> dict[str, list[float]]:
    """pandayuanyu/NewtonGen @e8961d2 evaluation_PIS/masked_physical_features_pis.py, compute_features and process_video."""
    frames = [region(mask) for mask in inside]
    height, width = inside.shape[1:]
    half = window // 2

    def smoothed(name: str) -> list[float]:
        near = [[frames[s][name] for s in range(len(frames)) if abs(s - t) <= half] for t in range(len(frames))]
        return [unit * math.fsum(values) / len(values) for values in near]

    x, y = smoothed("x"), smoothed("y")
    vx, vy = central(x, dt), central(y, dt)
    theta = [angle / 2 for angle in unwound([2 * frame["theta"] for frame in frames])]
    arms = [complex(a - width * unit / 2, b - height * unit / 2) for a, b in zip(x, y, strict=True)]
    short, long = ([unit * frame[name] for frame in frames] for name in "sl")
    return {
        "x": x, "y": y, "vx": vx, "vy": vy, "ax": central(vx, dt), "ay": central(vy, dt),
        "theta": theta, "omega": central(theta, dt), "s": short, "l": long,
        "ds": [q - p for p, q in itertools.pairwise(short)] + [0.0],
        "dl": [q - p for p, q in itertools.pairwise(long)] + [0.0],
        "a": [frame["a"] * unit**2 for frame in frames],
        "omega_center": central(unwound([cmath.phase(arm) % math.tau for arm in arms]), dt),
        "radius2": [abs(arm) ** 2 for arm in arms],
        "speed2": [a * a + b * b for a, b in zip(vx, vy, strict=True)],
    }  # fmt: skip


def restated_pis(f: dict[str, list[float]], kind: int) -> dict[str, float]:
    """main() of the same file: the table of quantities in its code, six central frames, float32 on the way."""
    table = {
        1: "y ax ay energy", 2: "y neg_ax ay energy", 3: "y vx energy", 4: "vx ay energy energy_x_only",
        5: "omega_center radius2 speed2", 6: "ax ay energy", 7: "omega energy", 8: "vx ay omega energy",
        9: "ax ay energy", 10: "dl", 11: "dl ds", 12: "ax ay energy", 13: "vx vy dl energy",
    }  # fmt: skip
    frames = list(range(len(f["x"])))
    middle = frames[3:-3] if len(frames) > 6 else frames
    if len(middle) >= 6:
        extra = len(middle) - 6
        six = middle[extra // 2 : extra // 2 + 6]
    else:
        six = [middle[round(i * (len(middle) - 1) / 5)] for i in range(6)]
    scores = {}
    for name in table[kind].split():
        values = []
        for t in six:
            made = {
                "neg_ax": lambda t=t: -f["ax"][t],
                "energy": lambda t=t: 0.5 * (f["vx"][t] ** 2 + f["vy"][t] ** 2) + 9.8 * f["y"][t],
                "energy_x_only": lambda t=t: 0.5 * f["vx"][t] ** 2 + 9.8 * f["y"][t],
            }
            values.append(float(np.float32(made[name]() if name in made else f[name][t])))
        scores[name] = 1 / (1 + statistics.pstdev(values) / (abs(statistics.fmean(values)) + 1e-8))
    return scores


def random_masks(rng: np.random.Generator) -> np.ndarray:
    """Ellipses, several or none in a frame, some a single pixel."""
    frames, (height, width) = int(rng.integers(1, 16)), map(int, rng.integers(20, 45, 2))
    inside = np.zeros((frames, height, width), np.uint8)
    for frame in inside:
        for _ in range(rng.integers(0, 4)):
            centre = int(rng.integers(width)), int(rng.integers(height))
            axes = int(rng.integers(0, 12)), int(rng.integers(0, 8))
            cv2.ellipse(frame, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return inside


def test_equals_the_published_features_and_scores() -> None:
    rng = np.random.default_rng(31)
    for case in range(220):
        inside, dt, unit = random_masks(rng), float(rng.uniform(0.02, 0.2)), float(rng.uniform(0.02, 1))
        window = int(rng.choice([1, 3, 5, 7]))
        got = newtongen_features(inside, dt=dt, metres_per_pixel=unit, smooth_window=window)
        want = restated(inside, dt, unit, window)
        assert sorted(got) == sorted(want)
        scale = unit * max(inside.shape) * max(1, 1 / dt**2)
        for name, series in want.items():
            np.testing.assert_allclose(got[name], series, rtol=1e-6, atol=1e-11 * scale**2, err_msg=name)
        kind = case % 13 + 1
        scores = newtongen_pis(got, kind)
        exact = restated_pis({name: x.tolist() for name, x in got.items()}, kind)
        assert list(scores) == list(exact)
        for name, value in exact.items():
            assert scores[name] == pytest.approx(value, rel=1e-6), name
            assert scores[name] == float(np.float32(scores[name]))


def disc_clip(frames: int = 20, missing: int | None = None) -> np.ndarray:
    inside = np.zeros((frames, 40, 80), np.uint8)
    for t in range(frames):
        if t != missing:
            cv2.circle(inside[t], (8 + 3 * t, 20), 5, 1, -1)
    return inside


def test_a_missing_frame_is_a_jump_to_the_corner_or_not_a_number() -> None:
    whole = newtongen_features(disc_clip(), dt=0.1)
    zero = newtongen_features(disc_clip(missing=10), dt=0.1)
    nan = newtongen_features(disc_clip(missing=10), dt=0.1, missing="nan")
    assert newtongen_pis(whole, 3)["vx"] > 0.99
    assert newtongen_pis(zero, 3)["vx"] < 0.7
    assert math.isnan(newtongen_pis(nan, 3)["vx"])
    assert np.isnan(nan["x"]).nonzero()[0].tolist() == [8, 9, 10, 11, 12]
    np.testing.assert_array_equal(nan["x"][:8], whole["x"][:8])
    np.testing.assert_array_equal(nan["theta"][11:], whole["theta"][11:])
    assert zero["a"][10] == 0


def test_a_single_pixel_has_no_centre() -> None:
    inside = np.zeros((1, 30, 30), bool)
    inside[0, 7, 9] = True
    zero = newtongen_features(inside, dt=1.0, metres_per_pixel=1.0)
    assert (zero["x"][0], zero["y"][0]) == (0, 30)
    assert np.isnan(newtongen_features(inside, dt=1.0, missing="nan")["x"][0])


def test_without_compat_nothing_goes_through_float32() -> None:
    f = newtongen_features(disc_clip(), dt=0.07)
    got = newtongen_pis(f, 8, compat=False)
    for name, value in got.items():
        series = 0.5 * (f["vx"] ** 2 + f["vy"] ** 2) + 9.8 * f["y"] if name == "energy" else f[name]
        assert value == invariance_score(series[7:13])


@pytest.mark.parametrize("kind", NEWTONGEN_TYPES)
def test_constant_quantities_score_one(kind: int) -> None:
    names = ("x", "y", "vx", "vy", "ax", "ay", "omega", "omega_center", "radius2", "speed2", "dl", "ds")
    scores = newtongen_pis({name: np.full(9, 2.0) for name in names}, kind)
    assert set(scores.values()) == {1.0}


def test_invariance_scores_on_random_series() -> None:
    """ "pis": as above. "morpheus": calculate_conservation_score_std of the scorer of Morpheus (arXiv 2504.02918)."""
    rng = np.random.default_rng(5)
    relative = 0
    for _ in range(300):
        series = rng.normal(rng.choice([0, 1, 20]), rng.uniform(0, 3), int(rng.integers(1, 30)))
        mean, spread = abs(statistics.fmean(series.tolist())), statistics.pstdev(series.tolist())
        assert invariance_score(series) == pytest.approx(1 / (1 + spread / (mean + 1e-8)), rel=1e-12)
        steady = mean >= 10 * spread or mean >= 10
        relative += steady
        want = 1 / (1 + spread / (mean + 1e-10)) if steady else 1 / (1 + spread)
        assert invariance_score(series, kind="morpheus") == pytest.approx(want, rel=1e-12)
    assert 50 < relative < 250


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.integers(2, 5))
def test_pis_does_not_see_scale_sign_order_or_duplication(seed: int, factor: float, times: int) -> None:
    x = np.random.default_rng(seed).normal(3, 1, 12)
    score = invariance_score(x, eps=1e-12)
    assert invariance_score(-factor * x, eps=1e-12) == pytest.approx(score)
    assert invariance_score(np.tile(x[::-1], times), eps=1e-12) == pytest.approx(score)
    batch = invariance_score(np.stack([x, np.full(12, 7.0)]), eps=1e-12)
    assert batch == pytest.approx([score, 1.0])
    assert 0 < score < 1


@pytest.mark.parametrize(
    ("mean", "spread", "score"),
    [(9.75, 2, 1 / 3), (10.0, 2, 1 / 1.2), (-10.0, 2, 1 / 1.2), (5, 0.5, 1 / 1.1), (4.75, 0.5, 1 / 1.5)],
)
def test_the_core_score_of_morpheus_changes_at_ten(mean: float, spread: float, score: float) -> None:
    assert invariance_score([mean - spread, mean + spread], kind="morpheus") == pytest.approx(score)


def test_nan_stays_nan() -> None:
    got = invariance_score(np.array([[1.0, np.nan], [1.0, 1.0]]), kind="morpheus")
    assert np.isnan(got[0])
    assert got[1] == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: newtongen_features(np.zeros((2, 4, 4)), dt=1.0), "inside: expected bool or uint8, got float64"),
        (lambda: newtongen_features(np.zeros((0, 4, 4), bool), dt=1.0), "inside: expected shape .* not empty"),
        (lambda: newtongen_features(np.zeros((2, 4, 4), bool), dt=0), "dt: expected a finite number > 0, got 0.0"),
        (
            lambda: newtongen_features(np.zeros((2, 4, 4), bool), dt=1, smooth_window=4),
            "smooth_window: expected an odd",
        ),
        (lambda: newtongen_features(np.zeros((2, 4, 4), bool), dt=1, missing="0"), "missing: expected one of"),
        (lambda: newtongen_pis({}, 14), "motion_type: expected 1 to 13, got 14"),
        (lambda: newtongen_pis({}, 1), "features: expected an array 'y'"),
        (lambda: newtongen_pis({"dl": np.zeros((0,))}, 10), "features: expected arrays \\(T,\\), T >= 1"),
        (lambda: invariance_score(np.zeros(0)), "series: expected at least 1 frame, got 0"),
        (lambda: invariance_score(np.zeros(3), kind="mean"), "kind: expected one of 'pis', 'morpheus'"),
        (lambda: invariance_score(np.zeros(3), eps=0), "eps: expected a finite number > 0"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
