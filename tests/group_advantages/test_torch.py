"""Advantages of torch tensors: library, device, gradients, torch.compile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import kinetrace as kt
from advantage_cases import MODES

R = torch.tensor([[1.0, 0.5], [0.0, 1.0], [2.0, 0.0], [0.0, 0.0]], dtype=torch.float32)
G = torch.tensor([0, 0, 7, 7])
S = torch.tensor([[0, 1, -1]] * 4)


@pytest.mark.parametrize("mode", MODES)
def test_torch_in_torch_out_with_numpys_bits(mode: str) -> None:
    lengths = torch.tensor([3, 4, 5, 6])
    value = kt.group_advantages(R, G, mode=mode, lengths=lengths)
    assert isinstance(value, torch.Tensor)
    assert value.dtype == R.dtype
    expected = kt.group_advantages(R.numpy(), G.numpy(), mode=mode, lengths=lengths.numpy())
    np.testing.assert_array_equal(value.numpy(), expected)


def test_segments_and_temporal_bonus_stay_in_torch() -> None:
    value = kt.segment_advantages(R, ["a", "a", "b", "b"], S.int())
    assert isinstance(value, torch.Tensor)
    np.testing.assert_array_equal(value.numpy(), kt.segment_advantages(R.numpy(), G.numpy(), S.numpy()))
    result = kt.temporal_bonus(R[:, 0], R[:2, 0], G, torch.tensor([0, 7]), lengths=torch.full((4,), 400))
    expected = kt.temporal_bonus(
        R[:, 0].numpy(), R[:2, 0].numpy(), G.numpy(), np.array([0, 7]), lengths=np.full(4, 400)
    )
    for part, other in zip(result, expected, strict=True):
        assert isinstance(part, torch.Tensor)
        np.testing.assert_array_equal(part.numpy(), other)


def test_process_supervision_and_masks() -> None:
    ends = torch.tensor([[1, 3]] * 4)
    value = kt.process_supervision_advantages(R, G, step_ends=ends, num_tokens=6)
    expected = kt.process_supervision_advantages(R.numpy(), G.numpy(), step_ends=ends.numpy(), num_tokens=6)
    np.testing.assert_array_equal(value.numpy(), expected)
    assert kt.dynamic_sampling_mask(R[:, 0], G).tolist() == [True, True, True, True]
    assert kt.overlong_penalty(torch.tensor([90, 200]), 100, 20).tolist() == [-0.5, -1.0]


@pytest.mark.parametrize("function", ["group_advantages", "segment_advantages", "temporal_bonus"])
def test_gradients_are_refused(function: str) -> None:
    rewards = R.clone().requires_grad_()
    calls: dict[str, Any] = {
        "group_advantages": lambda: kt.group_advantages(rewards, G),
        "segment_advantages": lambda: kt.segment_advantages(rewards, G, S),
        "temporal_bonus": lambda: kt.temporal_bonus(rewards[:, 0], R[:2, 0]),
    }
    with pytest.raises(ValueError, match=r"expected a tensor without requires_grad .* pass \.detach\(\)"):
        calls[function]()
    with torch.no_grad():
        calls[function]()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_and_not_converted(dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    for call in (lambda r: kt.group_advantages(r, G), lambda r: kt.segment_advantages(r, G, S)):
        with pytest.raises(ValueError, match=f"^rewards: expected float32 or float64, got {name}$"):
            call(R.to(dtype))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8])
def test_narrow_segments_as_they_lie(dtype: torch.dtype) -> None:
    segments = S.clamp(min=0) if dtype == torch.uint8 else S
    narrow = kt.segment_advantages(R, G, segments.to(dtype))
    np.testing.assert_array_equal(narrow.numpy(), kt.segment_advantages(R, G, segments).numpy())
    assert torch.library.opcheck(torch.ops.kinetrace.segment_advantages.default, (R, segments.to(dtype), 2, None))


def test_opcheck() -> None:
    from kinetrace._torch import group_advantages as group_op
    from kinetrace._torch import segment_advantages as segment_op

    options = (None, None, 1e-4, 1, 0.0, 1.0, "zero", "omit", True, None)
    for apart in (False, True):
        torch.library.opcheck(group_op.operator, (R, G, "grpo", apart, *options))
    torch.library.opcheck(segment_op.operator, (R, S, 2, None))


def test_compile() -> None:
    def step(rewards: torch.Tensor, groups: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
        return kt.segment_advantages(rewards, groups, segments) * 2

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    np.testing.assert_array_equal(compiled(R, G, S).numpy(), step(R, G, S).numpy())
