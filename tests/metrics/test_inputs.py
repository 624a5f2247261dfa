"""What all metrics share: names, plain floats out, arrays that are accepted and refused, a light import."""

from __future__ import annotations

import builtins
import inspect
import math
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt
from kinetrace import metrics

RNG = np.random.default_rng(0)
TRACK = RNG.normal(size=(12, 2)).cumsum(axis=0)
GRID = RNG.normal(size=(3, 8, 25, 2))
#: A call of each metric that takes one kind of floating array.
CALLS: dict[str, Any] = {
    "newtonbench": lambda a: metrics.newtonbench(a(TRACK), a(TRACK + 1)),
    "kinematic_rmse": lambda a: {"": metrics.kinematic_rmse(a(TRACK), a(TRACK + 1), order=1)},
    "invariance_score": lambda a: {"": metrics.invariance_score(a(TRACK[:, 0]))},
    "morpheus": lambda a: metrics.morpheus(a(TRACK), "projectile"),
    "morpheus_dynamical": lambda a: {"": metrics.morpheus_dynamical(a(TRACK), a(TRACK + 0.1))},
    "gravity_eval": lambda a: metrics.gravity_eval(a(TRACK), a(TRACK), ground_y=0.0, fps=8),
    "vamp": lambda a: metrics.vamp(a(TRACK)),
    "perceptible_amplitude": lambda a: metrics.perceptible_amplitude(a(GRID[0]), a(GRID[1]), width=9, height=9),
    "dynamic_degree": lambda a: metrics.dynamic_degree(a(RNG.normal(size=(3, 2, 6, 6)))),
    "fvmd": lambda a: metrics.fvmd(a(GRID), a(GRID[::-1])),
    "frechet_distance": lambda a: {"": metrics.frechet_distance(a(GRID[:, :, 0, 0]), a(GRID[:, :, 1, 0]))},
    "energy_drift": lambda a: metrics.energy_drift(a(TRACK)),
    "momentum_drift": lambda a: metrics.momentum_drift(a(TRACK)),
    "jerk": lambda a: metrics.jerk(a(TRACK)),
}


def test_every_metric_has_an_example_and_says_where_it_comes_from() -> None:
    for name in metrics.__all__:
        member = getattr(metrics, name)
        if inspect.isfunction(member):
            text = inspect.getdoc(member) or ""
            assert ">>>" in text, name
            assert re.search("published|kinetrace's choice|secondary", text.lower()), name
    assert set(CALLS) <= set(metrics.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_torch_and_numpy_give_the_same_floats(name: str) -> None:
    from_numpy, from_torch = CALLS[name](np.ascontiguousarray), CALLS[name](lambda x: torch.from_numpy(x.copy()))
    if name == "dynamic_degree":  # draws its array
        from_numpy, from_torch = from_numpy.keys(), from_torch.keys()
    else:
        assert all(type(value) is float for value in from_numpy.values())
    assert str(from_numpy) == str(from_torch)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_real_array_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"^\w+: expected float32 or float64, got int64"):
        CALLS[name](lambda x: x.astype(np.int64))
    with pytest.raises(TypeError, match=r"^\w+: expected an array, got str"):
        CALLS[name](lambda x: "tracks")
    with pytest.raises(ValueError, match=r"^\w+: expected a tensor without gradient"):
        CALLS[name](lambda x: torch.from_numpy(x.copy()).requires_grad_())
    with pytest.raises(ValueError, match=r"^\w+: expected an array on the CPU, got one on meta"):
        CALLS[name](lambda x: torch.from_numpy(x.copy()).to("meta"))
    with pytest.raises(ValueError, match=r"^\w+: expected (at least|shape|\d)"):
        CALLS[name](lambda x: x[..., None, None])


@pytest.mark.parametrize("name", CALLS)
def test_infinities_are_refused(name: str) -> None:
    def spoiled(x: np.ndarray) -> np.ndarray:
        x = x.copy()
        x.flat[3] = np.inf
        return x

    with pytest.raises(ValueError, match=r"^\w+: expected finite numbers"):
        CALLS[name](spoiled)


def test_half_precision_is_computed_wider() -> None:
    half = torch.from_numpy(TRACK).to(torch.bfloat16)
    assert metrics.vamp(half) == metrics.vamp(half.float())
    assert metrics.vamp(TRACK.astype(np.float16)) == metrics.vamp(TRACK.astype(np.float16).astype(np.float32))


def test_inputs_are_left_as_they_are() -> None:
    before = TRACK.copy(), GRID.copy()
    for call in CALLS.values():
        call(lambda x: x)
    np.testing.assert_array_equal(TRACK, before[0])
    np.testing.assert_array_equal(GRID, before[1])


def test_ragged_lists() -> None:
    with pytest.raises(ValueError, match="centroids: expected a rectangular array"):
        metrics.vamp([[0.0, 1.0], [2.0]])
    assert metrics.vamp([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])["velocity"] == 1


def test_options_are_checked() -> None:
    with pytest.raises(TypeError, match="dt: expected a number, got str"):
        metrics.jerk(TRACK, dt="1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="order: expected an integer, got float"):
        metrics.kinematic_rmse(TRACK, TRACK, order=1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dt: expected a finite number > 0, got inf"):
        metrics.jerk(TRACK, dt=math.inf)
    with pytest.raises(ValueError, match="norm: expected one of 'vector', 'component'"):
        metrics.newtonbench(TRACK, TRACK, norm="max")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="true: expected the shape of predicted"):
        metrics.newtonbench(TRACK, TRACK[:-1])
    with pytest.raises(TypeError, match="iou: expected a callable, got float"):
        metrics.newtonbench(np.ones((3, 4, 4), bool), np.ones((3, 4, 4), bool), iou=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="iou: expected a callable that returns"):
        metrics.newtonbench(np.ones((3, 4, 4), bool), np.ones((3, 4, 4), bool), iou=lambda a, b: 0.5)


def test_without_opencv_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "cv2":
            raise ImportError("No module named 'cv2'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"physics_iq_masks needs OpenCV .* pip install 'kinetrace\[video\]'"):
        metrics.physics_iq_masks(np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(ImportError, match="newtongen_features needs OpenCV"):
        metrics.newtongen_features(np.zeros((2, 8, 8), bool), dt=1.0)


def test_kinetrace_does_not_import_them_until_named() -> None:
    code = (
        "import sys, kinetrace as kt\n"
        "before = 'kinetrace.metrics' in sys.modules\n"
        "kt.metrics.vamp, kt.metrics.newtonbench\n"
        "kt.metrics.newtonbench([[0.0], [1.0], [3.0]], [[0.0], [1.0], [3.0]])\n"
        "print(before, [name for name in ('cv2', 'scipy', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "False []"
    assert callable(kt.metrics.jerk)
