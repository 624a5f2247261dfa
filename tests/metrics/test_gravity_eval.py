"""gravity_eval: the published search and ratios restated, and the law itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.metrics import gravity_eval


def restated(ys: list[float | None], ground: float, fps: float) -> tuple[float | None, float | None, int | None]:
    """gravity-eval/gravity-eval-bench @9b67cba eval_gravity.py, one ball: height, time, impact frame; None undefined."""
    previous: float | None = ys[0]
    for i, y in enumerate(ys[1:], start=1):
        if y is None or previous is None:
            return None, None, None
        if y > ground and y - previous < 1:
            return previous - ys[0], (i - 1) / fps, i - 1  # type: ignore[operator]
        previous = y
    return None, None, None


def ratio(a: float | None, b: float | None) -> float:
    return a / b if a is not None and b is not None and a > 0 and b > 0 else math.nan


def plain(value: float | None) -> float:
    return math.nan if value is None else float(value)


def test_equals_the_published_results() -> None:
    rng = np.random.default_rng(41)
    defined = holes = 0
    for _ in range(400):
        balls: list[list[float | None]] = []
        for _ in range(2):
            frames = int(rng.integers(2, 40))
            t = np.arange(frames)
            fall = np.minimum(rng.uniform(-30, 80) + rng.uniform(0.2, 3) * t**2 / 2, 100) + rng.normal(0, 0.4, frames)
            ball: list[float | None] = fall.tolist()
            if rng.random() < 0.3:
                ball[int(rng.integers(frames))] = None
                holes += 1
            balls.append(ball)
        ground, fps = float(rng.uniform(60, 99)), float(rng.choice([8, 16, 24]))
        arrays = [np.array([math.nan if y is None else y for y in ball]) for ball in balls]
        got = gravity_eval(*arrays, ground_y=ground, fps=fps)
        one, two = (restated(ball, ground, fps) for ball in balls)
        want = {
            "height_ratio": ratio(one[0], two[0]),
            "time_ratio_squared": ratio(one[1], two[1]) ** 2,
            **{f"{name}_{k}": plain(ball[at]) for k, ball in ((1, one), (2, two))
               for at, name in enumerate(("height", "time", "impact"))},
        }  # fmt: skip
        for name, value in want.items():
            assert got[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name
        defined += got["height_ratio"] == got["height_ratio"]
    assert defined > 100
    assert holes > 100


def fall(height: float, g: float, fps: float, scale: float = 200) -> np.ndarray:
    t = np.arange(int(3 * fps)) / fps
    y = scale * np.minimum(5 - height + g * t**2 / 2, 5.0)
    return np.stack([np.full_like(y, 30.0), y], axis=1)


@given(st.floats(1.5, 4.5), st.floats(1.5, 4.5), st.floats(5, 15), st.floats(-50, 50))
def test_the_law_holds_for_any_gravity_scale_and_place(h1: float, h2: float, g: float, shift: float) -> None:
    fps = 960.0
    a, b = fall(h1, g, fps) + shift, fall(h2, g, fps) + shift
    got = gravity_eval(a, b, ground_y=990 + shift, fps=fps, threshold=1e-9, metres_per_pixel=1 / 200)
    assert got["law_ratio"] == pytest.approx(1, abs=0.01)
    assert got["gravity_1"] == pytest.approx(g, rel=0.01)
    swapped = gravity_eval(b, a, ground_y=990 + shift, fps=fps, threshold=1e-9)
    assert swapped["height_ratio"] == pytest.approx(1 / got["height_ratio"])
    assert math.isnan(swapped["gravity_1"])


def test_undefined_is_nan() -> None:
    floats = np.linspace(0, 50, 20)  # never reaches the ground
    got = gravity_eval(floats, floats, ground_y=90, fps=10, metres_per_pixel=1)
    assert all(math.isnan(value) for value in got.values())
    still = np.full(20, 95.0)  # lands in the first frame: height and time 0
    both = gravity_eval(still, still, ground_y=90, fps=10, metres_per_pixel=1)
    assert (both["height_1"], both["time_1"], both["impact_1"]) == (0, 0, 0)
    assert all(math.isnan(both[name]) for name in ("height_ratio", "time_ratio_squared", "law_ratio", "gravity_1"))


def test_both_tests_of_an_impact_are_strict() -> None:
    y = np.array([0.0, 40.0, 90.0, 90.5, 95.0, 96.0, 96.5])  # 90.5: slow and below 90; 96: slower than 1 is 96.5 alone
    got = gravity_eval(y, y, ground_y=90.0, fps=1.0)
    assert got["impact_1"] == 2
    assert gravity_eval(y, y, ground_y=90.5, fps=1.0)["impact_1"] == 5
    assert gravity_eval(y, y, ground_y=90.5, fps=1.0, threshold=1.5)["impact_1"] == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: gravity_eval(y, y[:1], ground_y=1, fps=1), "second: expected at least 2 frames, got 1"),
        (
            lambda y: gravity_eval(np.zeros((3, 3)), y, ground_y=1, fps=1),
            "first: expected shape \\(T,\\) or \\(T, 2\\)",
        ),
        (lambda y: gravity_eval(y, y, ground_y=1, fps=0), "fps: expected a finite number > 0"),
        (lambda y: gravity_eval(y, y, ground_y=math.nan, fps=1), "ground_y: expected a finite number"),
        (lambda y: gravity_eval(y, y, ground_y=1, fps=1, metres_per_pixel=-1), "metres_per_pixel: expected a finite"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.zeros(5))
