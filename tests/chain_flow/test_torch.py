"""chain_flow in torch: the operator, torch.compile, and gradients that are refused rather than dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt


def _inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(5)
    flow = torch.from_numpy(rng.normal(size=(4, 2, 9, 12))).to(dtype)
    points = torch.from_numpy(rng.uniform([0, 0], [11, 8], size=(20, 2))).to(dtype)
    back = -flow + 0.1
    return flow, points, back, torch.from_numpy(rng.integers(0, 5, 20))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_has_the_bits_of_numpy(dtype: torch.dtype) -> None:
    flow, points, back, start = _inputs(dtype)
    ours = kt.chain_flow(flow, points, backward_flow=back, start=start)
    same = kt.chain_flow(flow.numpy(), points.numpy(), backward_flow=back.numpy(), start=start.numpy())
    assert ours.visible.dtype == torch.bool
    for name, got, want in zip(ours._fields, ours, same, strict=True):
        assert isinstance(got, Tensor), name
        np.testing.assert_array_equal(got.numpy(), want, err_msg=name)
    assert kt.chain_flow(flow, points).cycle_error is None


def test_channels_last_memory_is_read_in_place() -> None:
    flow, points, _, _ = _inputs()
    interleaved = flow.to(memory_format=torch.channels_last)
    assert interleaved.stride(1) == 1
    torch.testing.assert_close(
        kt.chain_flow(interleaved, points).positions,
        kt.chain_flow(flow, points).positions,
        rtol=0,
        atol=0,
        equal_nan=True,
    )


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_opcheck(given: bool, batched: bool) -> None:
    import kinetrace._torch.chain_flow as op

    flow, points, back, start = _inputs()
    # opcheck compares without regard for NaN: nothing may be lost, nor start late.
    flow, back, points, start = flow * 0.01, back * 0.01, points * 0.5 + 2, torch.zeros_like(start)
    if batched:
        flow, points, back = torch.stack([flow, back]), torch.stack([points, points]), torch.stack([back, flow])
    arguments: tuple[Any, ...] = (
        (flow, points, back, start, 0, 2.0, 1) if given else (flow, points, None, None, 0, None, None)
    )
    results = torch.library.opcheck(op.operator, arguments)
    assert set(results.values()) == {"SUCCESS"}, results


@pytest.mark.parametrize("given", [True, False])
def test_compiles_as_one_graph_with_the_bits_of_eager(given: bool) -> None:
    flow, points, back, start = _inputs()

    def spread(f: Tensor, p: Tensor, b: Tensor, s: Tensor) -> Tensor:
        if given:
            tracks = kt.chain_flow(f * 0.5, p, backward_flow=b, start=s, max_cycle_error=3.0)
            return torch.where(tracks.visible, tracks.cycle_error, 0).sum() + tracks.positions.nansum()
        return kt.chain_flow(f * 0.5, p, start=1).positions[1:].nansum()

    compiled = torch.compile(spread, fullgraph=True, backend="aot_eager")
    eager = spread(flow, points, back, start)
    assert torch.isfinite(eager)
    torch.testing.assert_close(compiled(flow, points, back, start), eager, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["flow", "points", "backward_flow"])
def test_a_gradient_is_refused_unless_the_caller_turned_gradients_off(name: str) -> None:
    flow, points, back, _ = _inputs()
    arguments = {"flow": flow, "points": points, "backward_flow": back}
    expected = kt.chain_flow(**arguments).positions
    arguments[name].requires_grad_()
    with pytest.raises(
        ValueError,
        match=rf"^{name}: expected a tensor without requires_grad \(chain_flow has no gradient\), got one with it",
    ):
        kt.chain_flow(**arguments)
    with torch.no_grad():
        got = kt.chain_flow(**arguments).positions
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)
