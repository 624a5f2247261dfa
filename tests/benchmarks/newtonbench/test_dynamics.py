"""MuJoCo's own dynamics against the law: the acceleration over a clip to 0.1 %."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import kinetrace as kt
from kinetrace.benchmarks.newtonbench import RenderingError, draw_clip, simulate, simulate_dynamics
from kinetrace.primitives import PRIMITIVES


@pytest.mark.parametrize("primitive", PRIMITIVES)
@pytest.mark.parametrize("split", ["id", "ood"])
def test_acceleration_over_the_clip(primitive: str, split: str) -> None:
    pytest.importorskip("mujoco", reason="MuJoCo's dynamics need: pip install 'kinetrace[simulate]'")
    spec = draw_clip(primitive, split, 1)
    motion = simulate(spec)
    path = simulate_dynamics(spec)
    size = np.linalg.norm(motion.acceleration)
    fit = kt.fit_kinematics(path[None], dt=1 / spec.fps)
    assert np.linalg.norm(fit.coefficients[0, 2] - motion.acceleration) < 1e-3 * size
    # The contact settles within a few millimetres; free flight has no contact and is exact.
    assert np.abs(path - motion.positions_m).max() < (5e-3 if primitive.startswith("ramp") else 1e-6)
    steps = np.diff(path, n=2, axis=0) * spec.fps**2
    worst = np.linalg.norm(steps - motion.acceleration, axis=1).max() / size
    assert worst < (0.1 if primitive.startswith("ramp") else 1e-4)


def test_unlawful_clips_have_no_dynamics() -> None:
    with pytest.raises(ValueError, match=r"^driver: expected a lawful clip"):
        simulate_dynamics(draw_clip("free_fall", "id", 0).with_variant("teleport"))


def test_without_mujoco_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(RenderingError, match=r"mujoco is not installed.*pip install 'kinetrace\[simulate\]'"):
        simulate_dynamics(draw_clip("free_fall", "id", 0))
