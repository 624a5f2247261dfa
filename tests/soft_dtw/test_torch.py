"""soft-DTW in torch: gradients, the operators, torch.compile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt
from dtw_cases import METRICS

OPS = torch.ops.kinetrace


def _inputs(dtype: torch.dtype = torch.float64, repeat: bool = False) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(3, 5, 2)), rng.normal(size=(1 if repeat else 3, 6, 2))
    return torch.from_numpy(x).to(dtype), torch.from_numpy(y).to(dtype)


def _lengths() -> dict[str, Tensor]:
    return {"x_lengths": torch.tensor([5, 3, 4]), "y_lengths": torch.tensor([4, 6, 1], dtype=torch.int32)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_has_the_bits_of_numpy(dtype: torch.dtype) -> None:
    x, y = _inputs(dtype)
    lengths = _lengths()
    plain = {name: length.numpy() for name, length in lengths.items()}
    for metric in METRICS:
        ours = kt.soft_dtw(x, y, metric=metric, gamma=0.2, **lengths)
        assert isinstance(ours, Tensor)
        assert ours.dtype == dtype
        same = kt.soft_dtw(x.numpy(), y.numpy(), metric=metric, gamma=0.2, **plain)
        np.testing.assert_array_equal(ours.numpy(), same)
        expected = kt.soft_dtw_alignment(x, y, metric=metric, **lengths)
        np.testing.assert_array_equal(expected, kt.soft_dtw_alignment(x.numpy(), y.numpy(), metric=metric, **plain))
    cost = torch.cdist(x, y)
    np.testing.assert_array_equal(kt.soft_dtw_from_cost(cost), kt.soft_dtw_from_cost(cost.numpy()))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("window", [None, 1, 0.4])
@pytest.mark.parametrize("repeat", [True, False])
def test_gradcheck(metric: str, window: Any, repeat: bool) -> None:
    x, y = _inputs(repeat=repeat)
    x.requires_grad_()
    y.requires_grad_()
    lengths = {} if repeat else _lengths()

    def value(p: Tensor, q: Tensor) -> Tensor:
        return kt.soft_dtw(p, q, gamma=0.3, metric=metric, window=window, **lengths)

    assert torch.autograd.gradcheck(value, (x, y), fast_mode=False)


def test_gradcheck_of_costs_and_flat_series() -> None:
    cost = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: kt.soft_dtw_from_cost(c, gamma=0.5, **_lengths_within(cost)), (cost,))
    x, y = (a[..., 0].requires_grad_() for a in _inputs())
    assert torch.autograd.gradcheck(lambda p, q: kt.soft_dtw(p, q, gamma=0.5, metric="euclidean"), (x, y))


def _lengths_within(cost: Tensor) -> dict[str, Tensor]:
    _, n, m = cost.shape
    return {"x_lengths": torch.tensor([n, 2, 3]), "y_lengths": torch.tensor([m - 1, m, 1])}


def test_the_gradient_of_costs_is_the_expected_alignment() -> None:
    cost = torch.cdist(*_inputs()).requires_grad_()
    kt.soft_dtw_from_cost(cost, gamma=0.3).sum().backward()
    assert torch.equal(cost.grad, kt.soft_dtw_alignment(cost=cost.detach(), gamma=0.3))  # type: ignore[arg-type]


def test_gradients_of_lists_and_halves() -> None:
    x, y = _inputs(torch.float32)
    whole = [x.clone().requires_grad_(), y.clone().requires_grad_()]
    kt.soft_dtw(*whole, **_lengths()).sum().backward()
    parts = [[a[b, :n].clone().requires_grad_() for b, n in enumerate(lengths)] for a, lengths in
             zip((x, y), _lengths().values(), strict=True)]  # fmt: skip
    kt.soft_dtw(*parts).sum().backward()
    for given, part in zip(whole, parts, strict=True):
        for b, own in enumerate(part):
            assert torch.equal(own.grad, given.grad[b, : len(own)])
    half = x.bfloat16().requires_grad_()
    kt.soft_dtw(half, y.bfloat16()).sum().backward()
    assert half.grad is not None
    assert half.grad.dtype == torch.bfloat16
    assert half.grad.any()


def test_a_masked_pair_contributes_nothing_whatever_it_holds() -> None:
    x, y = _inputs(repeat=True)
    x[1] = torch.nan
    leaves = x.requires_grad_(), y.requires_grad_()
    value = kt.soft_dtw(*leaves)
    assert torch.isnan(value[1])
    torch.where(value.isnan(), 0, value).sum().backward()
    other = y.detach().clone().requires_grad_()
    kt.soft_dtw(x.detach()[[0, 2]], other).sum().backward()
    assert torch.equal(y.grad, other.grad)  # type: ignore[arg-type]
    assert not x.grad[1].any()  # type: ignore[index]


def test_infeasible_and_empty_pairs_have_zero_gradients() -> None:
    cost = torch.zeros(3, 4, 4)
    cost[0, :, 2] = torch.inf
    cost.requires_grad_()
    value = kt.soft_dtw_from_cost(cost, x_lengths=torch.tensor([4, 0, 4]))
    assert value[0] == torch.inf
    assert torch.isnan(value[1])
    value.sum().backward()
    assert not cost.grad[:2].any()  # type: ignore[index]
    assert cost.grad[2].any()  # type: ignore[index]


@pytest.mark.parametrize("keep", [(True, True), (False, False), (True, False)])
@pytest.mark.parametrize("repeat", [True, False])
def test_opcheck(keep: tuple[bool, bool], repeat: bool) -> None:
    x, y = _inputs(torch.float32, repeat)
    lengths = (None, None) if repeat else _lengths().values()
    arguments = (x.requires_grad_(), y.requires_grad_(), *lengths, "l1", 0.4, 0.5, 1, *keep)
    results = torch.library.opcheck(OPS.soft_dtw.default, arguments)
    assert set(results.values()) == {"SUCCESS"}, results


@pytest.mark.parametrize("keep", [True, False])
def test_opcheck_of_costs_alignments_and_gradients(keep: bool) -> None:
    x, y = _inputs(torch.float32)
    cost = torch.cdist(x, y).requires_grad_()
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (OPS.soft_dtw_from_cost.default, (cost, None, None, 2, 0.5, 1, keep)),
        (OPS.soft_dtw_alignment.default, (x, y, None, None, "dot", None, 0.5, 1)),
        (OPS.soft_dtw_backward.default, (torch.ones(3), x, y)),
    ]
    for operator, arguments in calls:
        results = torch.library.opcheck(operator, arguments)
        assert set(results.values()) == {"SUCCESS"}, results


def test_an_operator_without_kept_slopes_has_the_same_gradient() -> None:
    x, y = _inputs(torch.float32, repeat=True)
    gradients = []
    for keep in ((True, True), (False, False)):
        leaves = x.clone().requires_grad_(), y.clone().requires_grad_()
        OPS.soft_dtw(*leaves, None, None, "euclidean", None, 0.5, 1, *keep)[0].sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


def test_compiles_as_one_graph_with_the_bits_of_eager() -> None:
    def loss(p: Tensor, q: Tensor) -> Tensor:
        direct = kt.soft_dtw(p * 2, q, gamma=1) + kt.soft_dtw_from_cost(torch.cdist(p, q), window=2)
        return direct.sum() + kt.soft_dtw_alignment(p.detach(), q.detach(), window=3).sum()

    x, y = _inputs(torch.float32, repeat=True)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    gradients = []
    for function in (loss, compiled):
        leaves = x.clone().requires_grad_(), y.clone().requires_grad_()
        value = function(*leaves)
        value.backward()
        gradients.append((value.detach(), *(leaf.grad for leaf in leaves)))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


def test_a_second_derivative_is_refused() -> None:
    x, y = (a.requires_grad_() for a in _inputs())
    cost = torch.cdist(x, y).detach().requires_grad_()
    for value, leaf in ((kt.soft_dtw(x, y), x), (kt.soft_dtw_from_cost(cost), cost)):
        (gradient,) = torch.autograd.grad(value.sum(), leaf, create_graph=True)
        with pytest.raises(RuntimeError, match=r"^soft_dtw: a second derivative was asked for"):
            torch.autograd.grad(gradient.sum(), leaf)


def test_no_graph_is_kept_without_need() -> None:
    x, y = _inputs()
    assert not kt.soft_dtw(x, y).requires_grad
    y.requires_grad_()
    with torch.no_grad():
        assert not kt.soft_dtw(x, y).requires_grad
    assert kt.soft_dtw(x, y).requires_grad
    with pytest.raises(ValueError, match=r"^y: expected a tensor without requires_grad \(soft_dtw_alignment"):
        kt.soft_dtw_alignment(x, y)


def test_samples_changed_between_forward_and_backward_are_noticed() -> None:
    x, y = _inputs()
    moved = x.requires_grad_() * 1
    value = kt.soft_dtw(moved, y).sum()
    moved.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_no_denormal_mode_is_left_behind() -> None:
    tiny = torch.tensor([1e-40])
    before = (tiny * 1).item()
    x, y = _inputs(torch.float32)
    kt.soft_dtw(x.requires_grad_(), y, gamma=0.01).sum().backward()
    assert (tiny * 1).item() == before > 0
