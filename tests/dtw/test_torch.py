"""Hard DTW in torch: the operator, compilation, and what a tensor may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt


def _inputs() -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(1)
    x, y = (torch.from_numpy(rng.normal(size=(4, n, 2))) for n in (7, 9))
    return x, y


@pytest.mark.parametrize("wanted", ["distance", "path", "curve", "rewards"])
@pytest.mark.parametrize("step", ["symmetric1", "sigma21", "asymmetric"])
def test_opcheck(step: str, wanted: str) -> None:
    import kinetrace._torch.dtw  # noqa: F401

    if wanted == "rewards" and step == "sigma21":
        step = "symmetric2"  # rows that a path skips are NaN, and opcheck compares without regard for NaN

    x, y = _inputs()
    steps = kt.StepPattern.named(step).steps
    moves, weights = [move for s in steps for move in s[:2]], [s.weight for s in steps]
    tail = (None, 0.9, "both", None, wanted, "zipped", 1 << 20, None)
    lengths = torch.tensor([7, 6, 7, 5])
    for arrays in ((x, y, None, lengths, None), (None, None, torch.rand(3, 5, 6), None, None)):
        arguments = (*arrays, "l1", moves, weights, *tail)
        results = torch.library.opcheck(torch.ops.kinetrace.dtw.default, arguments)
        assert set(results.values()) == {"SUCCESS"}, results


@pytest.mark.parametrize("window", [None, 2, 0.5])
@pytest.mark.parametrize("subsequence", [False, True, "start", "end"])
def test_compiles_as_one_graph_with_the_bits_of_eager(subsequence: Any, window: Any) -> None:
    x, y = _inputs()

    def rewards(a: Tensor, b: Tensor) -> Tensor:
        options: dict[str, Any] = {"subsequence": subsequence, "window": window}
        result = kt.dtw(a * 2, b, return_path=True, **options)
        curve = kt.dtw_curve(a, b, **options)
        total = result.distance + result.path_lengths + curve.nan_to_num(posinf=0.0).sum(dim=1)
        return total + kt.dtw_matrix(a, b).sum() + kt.dtw_rewards(a, b, metric="l1").sum(dim=1)

    eager = rewards(x, y)
    assert torch.isfinite(eager).all()
    torch.compiler.reset()  # one of many functions of this name: it would hit the limit of recompilations
    compiled = torch.compile(rewards, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, y), eager, rtol=0, atol=0)


def test_no_data_no_distance() -> None:
    x, y = _inputs()
    with torch._subclasses.FakeTensorMode() as mode:
        fake = kt.dtw(mode.from_tensor(x), mode.from_tensor(y), return_path=True)
    assert fake.distance.shape == (4,)
    assert fake.path.shape == (4, 15, 2)
    assert fake.status.dtype == torch.int32
