"""energy_drift, momentum_drift and jerk: definitions in loops, lawful motion, invariances, missing frames."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from kinetrace.metrics import energy_drift, jerk, momentum_drift


def restated(p: np.ndarray, dt: float, g: np.ndarray, m: np.ndarray, energy: bool) -> dict[str, float]:
    """The docstrings' definitions, one frame and body at a time."""
    rows, sizes, times = [], [], []
    for t in range(1, len(p) - 1):
        v = [(p[t + 1][i] - p[t - 1][i]) / (2 * dt) for i in range(len(m))]
        if energy:
            row = [sum(m[i] * (v[i] @ v[i] / 2 - g @ p[t][i]) for i in range(len(m)))]
            size = sum(m[i] * (v[i] @ v[i]) / 2 for i in range(len(m)))
        else:
            row = list(sum(m[i] * (v[i] - g * t * dt) for i in range(len(m))))
            size = sum(m[i] * math.sqrt(v[i] @ v[i]) for i in range(len(m)))
        if not any(math.isnan(value) for value in row):
            rows, sizes, times = [*rows, row], [*sizes, size], [*times, t * dt]
    mean = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    slopes = [np.polyfit(times, column, 1)[0] * (times[-1] - times[0]) for column in zip(*rows, strict=True)]
    return {
        "rms": math.sqrt(statistics.fmean(math.dist(row, mean) ** 2 for row in rows)) / max(sizes),
        "max": max(math.dist(a, b) for a, b in itertools.product(rows, rows)) / max(sizes),
        "slope": (slopes[0] if energy else math.hypot(*slopes)) / max(sizes),
        "coverage": len(rows) / (len(p) - 2),
    }


def test_drifts_equal_their_definitions() -> None:
    rng = np.random.default_rng(71)
    for _ in range(200):
        frames, bodies, dims = int(rng.integers(6, 20)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
        p = rng.normal(size=(frames, bodies, dims)).cumsum(axis=0)
        p[4:][rng.random((frames - 4, bodies)) < rng.choice([0, 0.1])] = np.nan
        g, m, dt = rng.normal(size=dims), rng.uniform(0.1, 5, bodies), float(rng.uniform(0.05, 2))
        for function, energy in ((energy_drift, True), (momentum_drift, False)):
            want = restated(p, dt, g, m, energy)
            assert function(p, dt=dt, gravity=g, masses=m) == pytest.approx(want, rel=1e-7, abs=1e-9)


@given(st.sampled_from(["free_fall", "horizontal_throw", "parabolic_throw"]), st.floats(1, 20), st.floats(-9, 9))
def test_lawful_motion_does_not_drift(kind: Any, gravity: float, shift: float) -> None:
    p = kt.simulate_primitive(kind, gravity=gravity, y_axis="down") + shift
    options = {"dt": 1 / 16, "gravity": np.array([0, gravity])}
    assert energy_drift(p, **options)["max"] < 1e-10
    assert momentum_drift(p, **options)["max"] < 1e-10
    assert jerk(p, dt=1 / 16)["max"] < 1e-7


def test_wrong_gravity_and_friction_drift() -> None:
    p = kt.simulate_primitive("free_fall", gravity=9.81, y_axis="down")
    assert energy_drift(p, dt=1 / 16, gravity=np.array([0, 5.0]))["slope"] > 0.3
    slide = kt.simulate_primitive("ramp_down", friction=0.3, y_axis="down")
    assert energy_drift(slide, dt=1 / 16, gravity=np.array([0, 9.81]))["slope"] < -0.3


def test_a_collision_keeps_the_momentum_and_loses_the_energy() -> None:
    t = np.arange(40.0) - 20.3
    one, two = np.where(t < 0, 2 * t, 0.5 * t), np.where(t < 0, 0 * t, 0.5 * t)
    p, masses = np.stack([one, two], axis=1)[:, :, None], np.array([1.0, 3.0])
    assert momentum_drift(p, masses=masses)["max"] < 1e-12
    assert momentum_drift(p)["max"] > 0.3
    assert energy_drift(p, masses=masses)["slope"] < -0.5
    passed = np.random.default_rng(0).permutation(2)
    swapped = momentum_drift(p[:, passed], masses=masses[passed])
    assert swapped["max"] < 1e-12


@given(st.integers(0, 2**32 - 1), st.floats(-50, 50), st.floats(0.1, 9))
def test_place_units_and_duplicates_do_not_matter(seed: int, shift: float, factor: float) -> None:
    p = np.random.default_rng(seed).normal(size=(9, 2, 2)).cumsum(axis=0)
    g = np.array([0.0, 0.7])
    for function in (energy_drift, momentum_drift):
        base = function(p, gravity=g)
        assert function(factor * (p + shift), gravity=factor * g) == pytest.approx(base, rel=1e-6, abs=1e-8)
        assert function(np.repeat(p, 3, axis=1), gravity=g) == pytest.approx(base, rel=1e-9, abs=1e-12)
        assert function(p, dt=1 / 16, gravity=256 * g) == pytest.approx(base, rel=1e-9, abs=1e-12)


def test_at_rest_and_out_of_sight() -> None:
    rest = {"rms": 0.0, "max": 0.0, "slope": 0.0, "coverage": 1.0}
    assert energy_drift(np.ones((6, 2)), gravity=np.array([0, 9.81])) == rest
    assert momentum_drift(np.ones((6, 2))) == rest
    flicker = np.ones((6, 2)) * (-1.0) ** np.arange(6)[:, None]  # no central velocity, yet not at rest
    assert energy_drift(flicker, gravity=np.array([0, 9.81]))["max"] == math.inf
    holes = np.full((6, 2), np.nan)
    holes[:3] = 1
    for scores in (energy_drift(holes), momentum_drift(holes)):
        assert scores["coverage"] == pytest.approx(1 / 4)
        assert math.isnan(scores["rms"])


def test_jerk_equals_the_track_residual() -> None:
    rng = np.random.default_rng(72)
    for _ in range(50):
        p = rng.normal(size=(int(rng.integers(5, 20)), 6, int(rng.integers(1, 4))))
        visible = rng.random(p.shape[:2]) > 0.05
        dt = float(rng.uniform(0.1, 2))
        got = jerk(np.where(visible[..., None], p, np.nan), dt=dt)
        assert got["rms"] ** 2 * dt**4 == pytest.approx(float(kt.track_residual(p, visible, dt=dt)), rel=1e-9)


def test_jerk_on_random_tracks() -> None:
    rng = np.random.default_rng(73)
    for _ in range(200):
        p, dt, scale = rng.normal(size=(int(rng.integers(4, 30)), 2)), *map(float, rng.uniform(0.1, 2, 2))
        j = [scale / dt**3 * math.hypot(*(p[t + 3] - 3 * p[t + 2] + 3 * p[t + 1] - p[t])) for t in range(len(p) - 3)]
        want = {"rms": math.sqrt(statistics.fmean(x * x for x in j)), "mean": statistics.fmean(j), "max": max(j)}
        assert jerk(p, dt=dt, scale=scale) == pytest.approx(want | {"coverage": 1})


def test_jerk_of_parabolas_and_holes() -> None:
    t = np.arange(12.0)[:, None]
    assert jerk(3 * t**2 + t - 5)["max"] < 1e-10
    assert jerk(t**3, dt=0.5)["rms"] == pytest.approx(48)
    p = np.repeat(t**3, 2, axis=1)
    p[5] = np.nan
    got = jerk(p)
    assert got["coverage"] == pytest.approx(5 / 9)
    assert got["max"] == pytest.approx(6 * math.sqrt(2))
    p[2::3] = np.nan
    assert math.isnan(jerk(p)["rms"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy_drift(np.zeros((3, 2))), "positions: expected at least 4 frames, got 3"),
        (lambda: momentum_drift(np.zeros((5, 0, 2))), "positions: expected at least 1 body, got 0"),
        (lambda: energy_drift(np.zeros((5, 2)), gravity=np.zeros(3)), "gravity: expected shape \\(2,\\), got \\(3,\\)"),
        (lambda: energy_drift(np.zeros((5, 2)), masses=np.zeros(1)), "masses: expected 1 numbers > 0"),
        (lambda: energy_drift(np.zeros((5, 2)), dt=-1), "dt: expected a finite number > 0, got -1.0"),
        (lambda: jerk(np.zeros((3, 2))), "positions: expected at least 4 frames, got 3"),
        (lambda: jerk(np.zeros((5, 4))), "positions: expected 1 or 2 or 3 coordinates, got 4"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
