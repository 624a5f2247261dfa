"""PISA's three ORO losses: formulas, golden masks, gradients, precision, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import golden_cases
from kinetrace.rewards import OpenCVFlow, oro_depth_loss, oro_flow_loss, oro_segmentation_loss
from newton_models import random_frames

MASKS = golden_cases.cases("masks", "pisa")
LOSSES: dict[str, Any] = {
    "segmentation": (oro_segmentation_loss, (2, 3, 2, 4, 5)),
    "flow": (oro_flow_loss, (2, 3, 2, 4, 5)),
    "depth": (oro_depth_loss, (2, 3, 4, 5)),
}


def golden_mask(frames: list[list[str]]) -> torch.Tensor:
    return torch.tensor([[[float(pixel) for pixel in row] for row in frame] for frame in frames], dtype=torch.float64)


@pytest.mark.parametrize("case", MASKS, ids=golden_cases.case_id)
def test_hard_masks_give_the_golden_iou(case: dict[str, Any]) -> None:
    true, predicted = golden_mask(case["gt"]), golden_mask(case["pred"])
    loss = oro_segmentation_loss(predicted, true, from_logits=False, eps=0, reduction="none")
    both_empty = (true.sum((1, 2)) == 0) & (predicted.sum((1, 2)) == 0)
    assert loss[both_empty].isnan().all()  # the metric counts such frames as 1, the loss has 0 / eps
    iou = torch.where(both_empty, 1.0, 1 - loss).mean().item()
    want = case["expected"]["iou"]
    assert abs(iou - want) <= golden_cases.allowed(want, np.float64, "pisa")
    published = oro_segmentation_loss(predicted, true, from_logits=False, reduction="none")
    assert (published[both_empty] == 1).all()
    torch.testing.assert_close(published[~both_empty], loss[~both_empty], rtol=0, atol=1e-6)


def test_segmentation_is_its_formula() -> None:
    logits, masks = 4 * random_frames(1, 2, 3, 2, 4, 5) - 2, random_frames(2, 2, 3, 2, 4, 5) < 0.4
    p, g = 1 / (1 + np.exp(-logits.numpy())), masks.numpy()
    both = (p * g).sum((-2, -1))
    want = (1 - both / (p.sum((-2, -1)) + g.sum((-2, -1)) - both + 1e-6)).mean()
    for given in (masks, masks.to(torch.uint8), masks.double()):
        np.testing.assert_allclose(oro_segmentation_loss(logits, given).item(), want, rtol=1e-12)


def test_flow_is_its_formula_and_never_pairs_across_clips() -> None:
    flow, true = random_frames(3, 2, 3, 2, 4, 5), random_frames(4, 2, 3, 2, 4, 5)
    difference = (flow - true).abs().numpy()
    np.testing.assert_allclose(oro_flow_loss(flow, true).item(), difference.mean(), rtol=1e-12)
    per_clip = oro_flow_loss(flow, true, reduction="none")
    np.testing.assert_allclose(per_clip.numpy(), difference.mean((1, 2, 3, 4)), rtol=1e-12)
    frames = np.random.default_rng(5).integers(0, 256, (2, 3, 3, 32, 32), np.uint8)
    pairs = OpenCVFlow()(frames)
    flattened = OpenCVFlow()(frames.reshape(1, 6, 3, 32, 32))[0]  # what the published code does
    np.testing.assert_array_equal(pairs.reshape(4, 2, 32, 32), flattened[[0, 1, 3, 4]])


def test_depth_is_its_formula() -> None:
    depth, true = random_frames(6, 2, 3, 4, 5), random_frames(7, 2, 3, 4, 5)
    a, b = (
        255 * (d - d.min((2, 3), keepdims=True)) / np.ptp(d, axis=(2, 3), keepdims=True)
        for d in (depth.numpy(), true.numpy())
    )
    np.testing.assert_allclose(oro_depth_loss(depth, true).item(), ((a - b) ** 2).mean(), rtol=1e-12)
    resized = oro_depth_loss(depth, true, size=(8, 10), reduction="none")
    by_hand = [
        torch.nn.functional.interpolate(d.flatten(0, 1)[:, None], (8, 10), mode="bilinear").reshape(2, 3, 8, 10)
        for d in (depth, true)
    ]
    torch.testing.assert_close(resized, oro_depth_loss(*by_hand, reduction="none"))


def test_a_constant_depth_map_divides_by_zero_as_published() -> None:
    flat, true = torch.ones(1, 1, 2, 2), torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    assert oro_depth_loss(flat, true).isnan()
    assert oro_depth_loss(flat, true, eps=1e-6).isfinite()


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", list(LOSSES))
def test_gradcheck(name: str, reduction: str) -> None:
    loss, shape = LOSSES[name]
    made, true = random_frames(8, *shape).requires_grad_(), random_frames(9, *shape)
    assert torch.autograd.gradcheck(lambda x: loss(x, true, reduction=reduction), (made,))
    if name == "segmentation":
        assert torch.autograd.gradcheck(lambda x: loss(x, true < 0.5, from_logits=False), (made,))
    if name == "depth":
        assert torch.autograd.gradcheck(lambda x: loss(x, true, size=(7, 6), eps=1e-3), (made,))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("name", list(LOSSES))
def test_half_precision_is_computed_in_float32_also_under_autocast(name: str, dtype: torch.dtype) -> None:
    loss, (*axes, _, _) = LOSSES[name]
    made, true = (random_frames(seed, *axes, 300, 300, dtype=torch.float32).to(dtype) for seed in (10, 11))
    want = loss(made.double(), true.double())
    made.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = loss(made, true)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-7)
    got.backward()
    assert made.grad is not None
    assert made.grad.dtype == dtype
    assert made.grad.isfinite().all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_what_is_refused(name: str) -> None:
    loss, shape = LOSSES[name]
    made, true = torch.rand(shape), torch.rand(shape)
    with pytest.raises(ValueError, match=r"^(masks|reference): expected shape"):
        loss(made, true[:1])
    with pytest.raises(ValueError, match=r"^(masks|reference): expected a tensor without requires_grad"):
        loss(made, true.requires_grad_())
    with pytest.raises(TypeError, match=r"^(logits|flow|depth): expected a torch tensor, got ndarray"):
        loss(made.numpy(), made)
    with pytest.raises(ValueError, match=r"^(logits|flow|depth): expected floats"):
        loss(made.to(torch.int64), made)
    with pytest.raises(ValueError, match=r"^reduction: expected one of 'mean', 'none', got 'sum'"):
        loss(made, made, reduction="sum")
