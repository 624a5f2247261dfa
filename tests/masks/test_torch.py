"""The mask functions in torch: values, the operators, torch.compile, and gradients refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kinetrace as kt
from mask_cases import draw_mask

PAIRS = {"mask_iou": kt.mask_iou, "mask_chamfer": kt.mask_chamfer}


def _inputs() -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(2)
    kinds = ["disc", "empty", "noise", "disc", "pixel", "outline"]
    a, b = (np.stack([draw_mask(rng, 20, 33, kind) for kind in kinds]).reshape(2, 3, 20, 33) for _ in range(2))
    return torch.from_numpy(a), torch.from_numpy(b.astype(np.uint8))


def test_torch_has_the_bits_of_numpy() -> None:
    a, b = _inputs()
    centroids = kt.mask_centroids(a)
    assert isinstance(centroids, Tensor)
    assert centroids.dtype == torch.float64
    np.testing.assert_array_equal(centroids.numpy(), kt.mask_centroids(a.numpy()))
    turned = a.transpose(2, 3).contiguous().transpose(2, 3)
    for function in PAIRS.values():
        ours = function(turned, b)
        assert isinstance(ours, Tensor)
        np.testing.assert_array_equal(ours.numpy(), function(a.numpy(), b.numpy()))
        np.testing.assert_array_equal(function(a.numpy(), b), ours.numpy())


def test_opcheck() -> None:
    import kinetrace._torch.masks as op

    a, b = (x.flatten(0, 1)[[0, 3, 5]][None] for x in _inputs())  # without empty masks: opcheck takes NaNs to differ
    for operator, arguments in ((op.centroids, (a, 1)), (op.pairs["mask_iou"], (a[0], b[0], None))):
        results = torch.library.opcheck(operator, arguments)
        assert set(results.values()) == {"SUCCESS"}, results
    results = torch.library.opcheck(op.pairs["mask_chamfer"], (a, b, 1))
    assert set(results.values()) == {"SUCCESS"}, results


def test_compiles_as_one_graph_with_the_bits_of_eager() -> None:
    def value(x: Tensor, y: Tensor) -> Tensor:
        return kt.mask_chamfer(x > 0, y) + 2 * kt.mask_iou(x > 0, y) + kt.mask_centroids(y).sum(-1)

    a, b = _inputs()
    compiled = torch.compile(value, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(a.float(), b), value(a.float(), b), rtol=0, atol=0, equal_nan=True)


def test_gradients_are_refused() -> None:
    a, b = _inputs()
    soft: Any = a.float().requires_grad_()
    with pytest.raises(ValueError, match=r"^masks: expected a tensor without requires_grad"):
        kt.mask_centroids(soft)
    for function in PAIRS.values():
        with pytest.raises(ValueError, match=r"^a: expected a tensor without requires_grad"):
            function(soft, b)
        with pytest.raises(ValueError, match=r"^b: expected a tensor without requires_grad"):
            function(a, soft)
    with pytest.raises(ValueError, match=r"^masks: expected bool or uint8, got float32"):
        kt.mask_centroids(soft.detach())
