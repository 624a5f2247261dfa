"""fit_segments in torch: the operator, torch.compile, and gradients that are refused rather than dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt


def bounces(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    rng = np.random.default_rng(3)
    t = np.arange(20.0)[None, :, None]
    contact = rng.uniform(6, 13, (5, 1, 1))
    p = 40 + 3 * t + np.maximum(t - contact, 0) * [2.0, -9.0] + 0.1 * rng.normal(size=(5, 20, 2))
    return torch.from_numpy(p).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_has_the_bits_of_numpy(dtype: torch.dtype) -> None:
    p = bounces(dtype)
    ours, same = kt.fit_segments(p, dt=0.5, max_segments=4), kt.fit_segments(p.numpy(), dt=0.5, max_segments=4)
    assert (same.n_segments == 2).all()
    for name, got, want in zip(ours._fields, ours, same, strict=True):
        assert isinstance(got, torch.Tensor), name
        np.testing.assert_array_equal(got.numpy(), want, err_msg=name)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(("most", "noise"), [(1, None), (3, 0.1)])
def test_opcheck(given: bool, most: int, noise: float | None) -> None:
    import kinetrace._torch.fit_segments as op

    p = bounces()
    optional: tuple[Any, ...] = (None, None, None)
    if given:
        optional = (torch.arange(20, dtype=torch.float32), torch.ones(5, 20), torch.ones(5, 20, dtype=torch.bool))
    # As many segments as asked for: opcheck takes NaN, the filler, for unequal to itself.
    results = torch.library.opcheck(op.operator, (p, *optional, 1.0, 2, most, None, "fixed", noise, None))
    assert set(results.values()) == {"SUCCESS"}, results


def test_compiles_as_one_graph_with_the_bits_of_eager() -> None:
    def contacts(p: torch.Tensor) -> torch.Tensor:
        fit = kt.fit_segments(p * 2, max_segments=2, min_points=5)
        return fit.contact_times[:, 0] + fit.n_segments

    p = bounces()
    compiled = torch.compile(contacts, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(p), contacts(p), rtol=0, atol=0)
    assert torch.isfinite(contacts(p)).all()


def test_a_gradient_is_refused_unless_the_caller_turned_gradients_off() -> None:
    p, weights, times = bounces(), torch.ones(5, 20), torch.arange(20, dtype=torch.float32)
    expected = kt.fit_segments(p, weights=weights, times=times).coefficients
    for name in ("positions", "weights", "times"):
        arguments = {"positions": p.clone(), "weights": weights.clone(), "times": times.clone()}
        arguments[name].requires_grad_()
        with pytest.raises(ValueError, match=rf"^{name}: expected a tensor without requires_grad .*, got one with it"):
            kt.fit_segments(**arguments)
        with torch.no_grad():
            torch.testing.assert_close(
                kt.fit_segments(**arguments).coefficients, expected, rtol=0, atol=0, equal_nan=True
            )
