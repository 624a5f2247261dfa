"""soft_dtw beside what one writes under numba or in torch: 64 pairs of 128 x 128 samples of 8 coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt
from kinetrace import _reference
from measure import Case, Comparison, Contender
from soft_peers import numba_soft_dtw, torch_soft_dtw

GAMMA = 1.0


@dataclass
class Pairs:
    """One round's sequences."""

    x: Tensor  # (B, N, D)
    y: Tensor  # (B, M, D)
    x_lengths: Tensor
    y_lengths: Tensor


def make_pairs(seed: int, count: int, length: int, dims: int) -> Pairs:
    """Independent normal samples; lengths from half of the extent on."""
    rng = np.random.default_rng(seed)
    x, y = (torch.from_numpy(rng.standard_normal((count, length, dims), dtype=np.float32)) for _ in "xy")
    lengths = torch.from_numpy(rng.integers(length // 2, length + 1, size=(2, count)))
    return Pairs(x, y, lengths[0], lengths[1])


def value(dtype: torch.dtype = torch.float32, **options: Any) -> Callable[[Pairs], Any]:
    return lambda p: kt.soft_dtw(p.x.to(dtype), p.y.to(dtype), gamma=GAMMA, **{"num_threads": 1, **options})


def with_gradient(function: Callable[[Tensor, Tensor], Tensor], both: bool = False, dtype: Any = torch.float32) -> Any:
    def run(p: Pairs) -> tuple[Tensor, Tensor]:
        x, y = p.x.to(dtype).detach().requires_grad_(), p.y.to(dtype).detach().requires_grad_(both)
        result = function(x, y)
        result.sum().backward()
        assert x.grad is not None
        return result.detach(), x.grad

    return run


def ours(x: Tensor, y: Tensor, num_threads: int = 1) -> Tensor:
    return kt.soft_dtw(x, y, gamma=GAMMA, num_threads=num_threads)


def two_threads(x: Tensor, y: Tensor) -> Tensor:
    return ours(x, y, 2)


def numba_loop(count: int, gradient: bool) -> Contender:
    """Loops under numba on the first pairs, scaled: float64, as such libraries compute."""

    def run(p: Pairs) -> tuple[Tensor, Tensor] | Tensor:
        x, y = (a[: len(a) // count].numpy().astype(np.float64) for a in (p.x, p.y))
        slopes = np.empty(x.shape if gradient else (0, 0, 0))
        values = torch.from_numpy(numba_soft_dtw(x, y, GAMMA, slopes))
        return (values, torch.from_numpy(slopes)) if gradient else values

    return Contender(run, scale=count)


def check(name: str, pairs: Pairs, answer: Any) -> None:
    """The first pair against the definition; gradients relative to the largest."""
    values, gradient = answer if isinstance(answer, tuple) else (answer, None)
    x, y = pairs.x[:1].numpy(), pairs.y[:1].numpy()
    options: dict[str, Any] = {"gamma": GAMMA}
    if "ragged" in name:
        options |= {"x_lengths": pairs.x_lengths[:1].numpy(), "y_lengths": pairs.y_lengths[:1].numpy()}
    np.testing.assert_allclose(values[:1].numpy(), _reference.soft_dtw(x, y, **options), rtol=1e-4, err_msg=name)
    if gradient is not None:
        slope = _reference.soft_dtw_backward(x, np.ones(1), y, **options).x
        np.testing.assert_allclose(gradient[:1].numpy(), slope, rtol=0, atol=1e-3 * np.abs(slope).max(), err_msg=name)


def _case(name: str, contenders: dict[str, Any], quick: bool, **options: Any) -> Case:
    """Bound by arithmetic: the caches are left as they are."""
    count, length, dims = (8, 10, 8) if quick else (64, 128, 8)
    return Case(
        f"soft_dtw/{name}", contenders, lambda seed: make_pairs(seed, count, length, dims), check,
        problems=count, cold=False, **options,
    )  # fmt: skip


def case_value(quick: bool = False) -> Case:
    contenders = {
        "kinetrace": value(),
        "kinetrace float64": value(torch.float64),
        "kinetrace ragged": lambda p: value(x_lengths=p.x_lengths, y_lengths=p.y_lengths)(p),
        "numba": numba_loop(8, False),
        "torch": lambda p: torch_soft_dtw(p.x, p.y, GAMMA),
    }
    return _case("value", contenders, quick)


def case_gradient(quick: bool = False) -> Case:
    contenders = {
        "kinetrace": with_gradient(ours),
        "kinetrace both": with_gradient(ours, both=True),
        "kinetrace float64": with_gradient(ours, dtype=torch.float64),
        "numba": numba_loop(8, True),
        "torch": with_gradient(lambda x, y: torch_soft_dtw(x, y, GAMMA)),
    }
    return _case("gradient", contenders, quick)


def case_threads(quick: bool = False) -> Case:
    contenders = {"kinetrace 1 thread": with_gradient(ours), "kinetrace 2 threads": with_gradient(two_threads)}
    return _case("threads", contenders, quick, clock="wall", threads=2)


CASES = {"value": case_value, "gradient": case_gradient, "threads": case_threads}


@pytest.mark.parametrize("name", list(CASES))
def test_soft_dtw(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=8)
