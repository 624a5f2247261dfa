"""The array layer is the same code in every extension module: tested on the CPU module and on the emulated one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import kinetrace
from kinetrace import _testing

BEST = f"cpu-{kinetrace._cpu.best_simd_level()}"
HOST_BACKENDS = [name for name in _testing.backends() if name in (BEST, "cuda_emu")]

Fit = Callable[..., kinetrace.KinematicFit]


@pytest.fixture(params=HOST_BACKENDS)
def fit(request: pytest.FixtureRequest) -> Iterator[Fit]:
    """fit_kinematics on one back end: the function through which the array layer is tested."""
    with _testing.use_backend(request.param):
        yield kinetrace.fit_kinematics


@pytest.fixture(params=["float32", "float64"])
def tracks(request: pytest.FixtureRequest) -> npt.NDArray[Any]:
    """(4, 11, 2) random tracks, C order."""
    return np.random.default_rng(7).normal(size=(4, 11, 2)).astype(request.param)
