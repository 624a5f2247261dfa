"""The definition of track_residual against numpy.diff, torch autograd and known motion."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from compare import assert_within
from kinetrace._reference import track_residual, track_residual_backward

NORMS = ("squared", "abs", "signed")
REDUCTIONS = ("mean", "mean_elements", "sum", "none")


def _torch_residual(p: Any, seen: Any, norm: str, reduction: str, dt: float) -> Any:
    """One problem in torch operations: third difference by repeated torch.diff."""
    r = torch.diff(p, n=3, dim=0) / dt
    count = torch.stack([seen[k : len(seen) - 3 + k] for k in range(4)]).all(dim=0)
    r = torch.where(count[..., None], r, torch.zeros_like(r))
    field = r if norm == "signed" else (r**2 if norm == "squared" else r.abs()).sum(dim=2)
    if reduction == "none":
        return field
    total = field.sum(dim=(0, 1))
    return total / {"sum": 1.0, "mean": count.sum(), "mean_elements": p.shape[2] * count.sum()}[reduction]


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
@pytest.mark.parametrize(("norm", "reduction"), list(product(NORMS, REDUCTIONS)))
def test_value_and_gradient_agree_with_torch(dimensions: int, norm: str, reduction: str) -> None:
    rng = np.random.default_rng(dimensions)
    array = rng.normal(size=(2, 9, 5, dimensions)) * 3
    seen = rng.uniform(size=(2, 9, 5)) > 0.15
    options: dict[str, Any] = {"norm": norm, "reduction": reduction, "dt": 0.5}
    value = track_residual(array, seen, **options)
    upstream = rng.normal(size=value.shape)
    gradient = track_residual_backward(array, upstream, seen.astype(np.uint8), **options)
    for b in range(2):
        p = torch.tensor(array[b], requires_grad=True)
        expected = _torch_residual(p, torch.tensor(seen[b]), norm, reduction, 0.5)
        np.testing.assert_allclose(value[b], expected.detach().numpy(), rtol=1e-12, atol=1e-11)
        np.testing.assert_array_equal(track_residual(array[b], seen[b], **options), value[b])
        expected.backward(torch.tensor(upstream[b]))
        assert p.grad is not None
        assert_within(gradient[b], p.grad.numpy(), 1e-11)
        alone = track_residual_backward(array[b], upstream[b], seen[b], **options)
        np.testing.assert_array_equal(alone, gradient[b])


def test_constant_acceleration_is_zero_and_jerk_is_itself() -> None:
    t = np.arange(10.0)[:, None, None]
    p = 3 + 2 * t - 0.5 * t**2 * np.ones((1, 4, 2))
    assert_within(track_residual(p), 0.0, 1e-20)
    jerk = t**3 / 6 * np.ones((1, 4, 2))
    assert_within(track_residual(jerk, dt=0.5, norm="signed"), [2.0, 2.0], 1e-12)


def test_what_is_not_visible_does_not_matter() -> None:
    rng = np.random.default_rng(9)
    p = rng.normal(size=(8, 3, 2))
    seen = np.ones((8, 3), dtype=bool)
    seen[4, 1] = False
    plain = track_residual(p, seen)
    p[4, 1] = np.nan, np.inf
    assert track_residual(p, seen) == plain
    assert (track_residual_backward(p, 1.0, seen)[4, 1] == 0).all()
    assert np.isnan(track_residual(p))
    field = track_residual(p, seen, reduction="none")
    assert (field[1:5, 1] == 0).all()
    for reduction in REDUCTIONS:
        assert (track_residual(p, np.zeros((8, 3), dtype=bool), reduction=reduction) == 0).all()


@pytest.mark.parametrize("shape", [(0, 5, 3, 2), (2, 4, 0, 2), (1, 4, 1, 1)])
def test_shapes(shape: tuple[int, ...]) -> None:
    b_count, t_count, n_count, d_count = shape
    for norm in NORMS:
        last = (d_count,) if norm == "signed" else ()
        value = track_residual(np.zeros(shape), norm=norm)
        assert value.shape == (b_count, *last)
        assert (value == 0).all()
        field = track_residual(np.zeros(shape), norm=norm, reduction="none")
        assert field.shape == (b_count, t_count - 3, n_count, *last)
        assert track_residual_backward(np.zeros(shape), field, norm=norm, reduction="none").shape == shape
