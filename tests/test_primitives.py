"""simulate_primitive: the closed forms, their stops, batches and errors."""

from __future__ import annotations

import numpy as np
import pytest

import kinetrace as kt
from kinetrace.primitives import PRIMITIVES


def second_difference(p: np.ndarray, fps: float) -> np.ndarray:
    return (p[2:] - 2 * p[1:-1] + p[:-2]) * fps * fps


@pytest.mark.parametrize(
    ("kind", "velocity", "acceleration"),
    [
        ("free_fall", (0, 0), (0, -9.81)),
        ("horizontal_throw", (2, 0), (0, -9.81)),
        ("parabolic_throw", (2 * np.cos(0.6), 2 * np.sin(0.6)), (0, -9.81)),
        (
            "ramp_down",
            (2 * np.cos(0.6), -2 * np.sin(0.6)),
            9.81 * (np.sin(0.6) - 0.2 * np.cos(0.6)) * np.array([np.cos(0.6), -np.sin(0.6)]),
        ),
        (
            "ramp_up",
            (2 * np.cos(0.6), 2 * np.sin(0.6)),
            -9.81 * (np.sin(0.6) + 0.2 * np.cos(0.6)) * np.array([np.cos(0.6), np.sin(0.6)]),
        ),
    ],
)
def test_initial_velocity_and_acceleration(kind: str, velocity: tuple, acceleration: tuple) -> None:
    speed = 0.0 if kind == "free_fall" else 2.0
    fps = 100.0
    p = kt.simulate_primitive(kind, num_frames=10, fps=fps, speed=speed, angle=0.6, friction=0.2, position=(1, 2))
    assert p.shape == (10, 2)
    assert p.dtype == np.float64
    assert np.allclose(p[0], (1, 2))
    a = second_difference(p, fps)
    assert np.allclose(a, acceleration, atol=1e-8)
    assert np.allclose((p[1] - p[0]) * fps, np.asarray(velocity) + np.asarray(acceleration) / (2 * fps), atol=1e-9)


def test_y_axis_down_mirrors() -> None:
    up = kt.simulate_primitive("parabolic_throw")
    down = kt.simulate_primitive("parabolic_throw", y_axis="down")
    assert np.allclose(up * (1, -1), down)


def test_ramp_up_slides_back_or_stays() -> None:
    slide = kt.simulate_primitive("ramp_up", speed=2.0, angle=0.6, friction=0.1, num_frames=64)
    stay = kt.simulate_primitive("ramp_up", speed=2.0, angle=0.3, friction=0.5, num_frames=64)
    top = slide[:, 1].argmax()
    assert 0 < top < 63
    assert slide[-1, 1] < slide[top, 1]
    back = second_difference(slide[top + 2 :], 16.0)
    pull = 9.81 * (np.sin(0.6) - 0.1 * np.cos(0.6))
    assert np.allclose(back, pull * np.array([-np.cos(0.6), -np.sin(0.6)]))
    height = (2.0**2 / (2 * 9.81 * (np.sin(0.3) + 0.5 * np.cos(0.3)))) * np.sin(0.3)
    assert np.allclose(stay[-20:, 1], height)


def test_ramp_down_is_held_by_friction() -> None:
    rest = kt.simulate_primitive("ramp_down", angle=0.2, friction=0.5)
    assert np.all(rest == 0)


def test_batches() -> None:
    p = kt.simulate_primitive("horizontal_throw", speed=[1.0, 2.0, 3.0], num_frames=5)
    assert p.shape == (3, 5, 2)
    one = kt.simulate_primitive("horizontal_throw", speed=2.0, num_frames=5)
    assert np.array_equal(p[1], one)
    q = kt.simulate_primitive("free_fall", position=np.zeros((4, 2)), num_frames=5)
    assert q.shape == (4, 5, 2)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"kind": "levitation"}, "kind"),
        ({"kind": "free_fall", "y_axis": "left"}, "y_axis"),
        ({"kind": "free_fall", "num_frames": 0}, "num_frames"),
        ({"kind": "free_fall", "fps": 0.0}, "fps"),
        ({"kind": "free_fall", "position": (0, 0, 0)}, "position"),
        ({"kind": "ramp_up", "friction": -0.1}, "friction"),
        ({"kind": "ramp_up", "speed": np.nan}, "speed"),
        ({"kind": "ramp_up", "angle": np.zeros((2, 2))}, "angle"),
    ],
)
def test_bad_arguments_are_named(options: dict, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        kt.simulate_primitive(**options)


def test_all_kinds_have_defaults() -> None:
    for kind in PRIMITIVES:
        assert np.all(np.isfinite(kt.simulate_primitive(kind)))
