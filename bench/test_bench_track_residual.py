"""track_residual beside torch: 16 clips of 4,096 tracks and 81 frames, forward and gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt
from kinetrace import _reference
from measure import OURS, Case, Comparison

DT = 0.5


@dataclass
class Tracks:
    """One round's tracks."""

    positions: Tensor  # (B, T, N, 2)
    visible: Tensor  # (B, T, N)


def make_tracks(seed: int, problems: int, frames: int, count: int) -> Tracks:
    """Parabolas of some hundred pixels with 0.3 px noise; a tenth of the points is hidden."""
    rng = np.random.default_rng(seed)
    u = np.linspace(-1, 1, frames, dtype=np.float32)[:, None, None]
    c = rng.standard_normal((3, problems, 1, count, 2), dtype=np.float32)
    positions = 400 + 150 * c[0] + 80 * c[1] * u + 30 * c[2] * u * u
    positions += np.float32(0.3) * rng.standard_normal(positions.shape, dtype=np.float32)
    visible = rng.random((problems, frames, count), dtype=np.float32) > 0.1
    return Tracks(torch.from_numpy(positions), torch.from_numpy(visible))


def torch_residual(positions: Tensor, visible: Tensor) -> Tensor:
    """What one writes in torch: differences of slices."""
    r = (positions[:, 3:] - 3 * positions[:, 2:-1] + 3 * positions[:, 1:-2] - positions[:, :-3]) / DT
    counts = visible[:, 3:] & visible[:, 2:-1] & visible[:, 1:-2] & visible[:, :-3]
    squares = torch.where(counts, r.square().sum(-1), 0)
    return squares.sum((1, 2)) / counts.sum((1, 2)).clamp(min=1)


@cache
def compiled() -> Callable[[Tensor, Tensor], Tensor]:
    return torch.compile(torch_residual)


def ours(positions: Tensor, visible: Tensor, num_threads: int = 1) -> Tensor:
    return kt.track_residual(positions, visible, dt=DT, num_threads=num_threads)


def value(function: Callable[[], Callable[[Tensor, Tensor], Tensor]]) -> Callable[[Tracks], Any]:
    return lambda tracks: function()(tracks.positions, tracks.visible)


def with_gradient(function: Callable[[], Callable[[Tensor, Tensor], Tensor]]) -> Callable[[Tracks], Any]:
    def run(tracks: Tracks) -> tuple[Tensor, Tensor]:
        positions = tracks.positions.detach().requires_grad_()
        result = function()(positions, tracks.visible)
        result.sum().backward()
        assert positions.grad is not None
        return result.detach(), positions.grad

    return run


def check(name: str, tracks: Tracks, answer: Any) -> None:
    """The first problem against the definition, relative to the largest: kinetrace 1e-6, float32 in torch 1e-3."""
    limit = 1e-6 if name.startswith(OURS) else 1e-3
    values, gradient = answer if isinstance(answer, tuple) else (answer, None)
    positions, visible = tracks.positions[:1].numpy(), tracks.visible[:1].numpy()
    want = _reference.track_residual(positions, visible, dt=DT)
    np.testing.assert_allclose(values[:1].numpy(), want, rtol=limit, err_msg=name)
    if gradient is not None:
        slope = _reference.track_residual_backward(positions, np.ones(1), visible, dt=DT)
        np.testing.assert_allclose(gradient[:1].numpy(), slope, rtol=0, atol=limit * np.abs(slope).max(), err_msg=name)


def _case(name: str, contenders: dict[str, Any], quick: bool, **options: Any) -> Case:
    problems, frames, count = (2, 9, 50) if quick else (16, 81, 4096)
    nbytes = problems * frames * count * 9
    return Case(
        f"track_residual/{name}", contenders, lambda seed: make_tracks(seed, problems, frames, count), check,
        bytes_read=nbytes, problems=problems, **options,
    )  # fmt: skip


def case_forward(quick: bool = False) -> Case:
    contenders = {
        "kinetrace": value(lambda: ours),
        "torch compile": value(compiled),
        "torch eager": value(lambda: torch_residual),
    }
    return _case("forward", contenders, quick)


def case_gradient(quick: bool = False) -> Case:
    contenders = {
        "kinetrace": with_gradient(lambda: ours),
        "torch compile": with_gradient(compiled),
        "torch eager": with_gradient(lambda: torch_residual),
    }
    return _case("gradient", contenders, quick)


def case_threads(quick: bool = False) -> Case:
    contenders = {
        "kinetrace 1 thread": value(lambda: ours),
        "kinetrace 2 threads": value(lambda: lambda p, v: ours(p, v, 2)),
    }
    return _case("threads", contenders, quick, clock="wall", threads=2)


CASES = {"forward": case_forward, "gradient": case_gradient, "threads": case_threads}


@pytest.mark.filterwarnings("default")  # torch.compile warns about its own internals
@pytest.mark.parametrize("name", list(CASES))
def test_track_residual(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=8)
