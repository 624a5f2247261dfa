"""fit_kinematics in torch: the operator, torch.compile, and gradients that are refused rather than dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt


def tracks(seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    positions = torch.from_numpy(rng.normal(size=(5, 12, 2)) * 30).to(dtype)
    weights = torch.from_numpy(rng.uniform(0.1, 1, size=(5, 12))).to(dtype)
    return positions, weights, torch.from_numpy(rng.uniform(size=(5, 12)) < 0.9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_has_the_bits_of_numpy(dtype: torch.dtype) -> None:
    positions, weights, visible = tracks(1, dtype)
    ours = kt.fit_kinematics(positions, weights=weights, visible=visible, dt=0.25, order=3)
    same = kt.fit_kinematics(positions.numpy(), weights=weights.numpy(), visible=visible.numpy(), dt=0.25, order=3)
    for name, got, want in zip(ours._fields, ours, same, strict=True):
        assert isinstance(got, torch.Tensor), name
        np.testing.assert_array_equal(got.numpy(), want, err_msg=name)


@pytest.mark.parametrize("robust", [None, "tukey"])
@pytest.mark.parametrize("given", [True, False])
def test_opcheck(given: bool, robust: str | None) -> None:
    import kinetrace._torch.fit_kinematics as op

    positions, weights, visible = tracks(2)
    times = torch.arange(12, dtype=torch.float32)
    optional: tuple[Any, ...] = (times, weights, visible) if given else (None, None, None)
    results = torch.library.opcheck(op.operator, (positions, *optional, 1.0, 2, robust, None, 3, None))
    assert set(results.values()) == {"SUCCESS"}, results


def test_compiles_as_one_graph_with_the_bits_of_eager() -> None:
    def acceleration(p: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        fit = kt.fit_kinematics(p * 2, weights=w, dt=0.5)
        return fit.coefficients[:, 2] + fit.residual_rms[:, None]

    positions, weights, _ = tracks(3)
    compiled = torch.compile(acceleration, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(positions, weights), acceleration(positions, weights), rtol=0, atol=0)


def test_a_gradient_is_refused_unless_the_caller_turned_gradients_off() -> None:
    positions, weights, _ = tracks(4)
    expected = kt.fit_kinematics(positions, weights=weights).coefficients
    for name in ("positions", "weights"):
        arguments = {"positions": positions.clone(), "weights": weights.clone()}
        arguments[name].requires_grad_()
        with pytest.raises(ValueError, match=rf"^{name}: expected a tensor without requires_grad .*, got one with it"):
            kt.fit_kinematics(arguments["positions"], weights=arguments["weights"])
        with torch.no_grad():
            got = kt.fit_kinematics(arguments["positions"], weights=arguments["weights"]).coefficients
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
