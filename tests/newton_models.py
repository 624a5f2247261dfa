"""Small frozen models for tests of rewards: differentiable flow and features of a few weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class PairModule(nn.Module):
    """Called as torchvision's RAFT: frames (N, 3, H, W) to a list of flows (N, 2, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.conv = nn.Conv2d(6, 2, 3, padding=1)
            self.drop = nn.Dropout(0.5)  # so that training mode would show
        self.calls: list[tuple[int, ...]] = []

    def forward(self, first: Tensor, second: Tensor, num_flow_updates: int = 12) -> list[Tensor]:
        self.calls.append((*first.shape, num_flow_updates))
        flow = torch.tanh(self.conv(self.drop(torch.cat([first, second], 1))))
        return [0 * flow, flow]


class SmoothFlow(nn.Module):
    """A `FlowModel` that is a torch module itself."""

    frame_range, differentiable = "[0,1]", True

    def __init__(self) -> None:
        super().__init__()
        self.pairs = PairModule()
        self.seen: list[Any] = []

    def forward(self, frames: Tensor) -> Tensor:
        self.seen.append(frames)
        b, t = frames.shape[:2]
        flow = self.pairs(frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1))[-1]
        return flow.unflatten(0, (b, t - 1))


class SmoothFeatures(nn.Module):
    """A `FeatureModel` that is a torch module itself."""

    frame_range, differentiable = "[0,1]", True

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(4)
            self.conv = nn.Conv3d(3, 5, (2, 3, 3), padding=(0, 1, 1))

    def forward(self, frames: Tensor) -> Tensor:
        return torch.tanh(self.conv(frames.transpose(1, 2))).flatten(2).transpose(1, 2)


def random_frames(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Frames in [0, 1]."""
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def save_tiny_vjepa2(folder: Any, **options: Any) -> str:
    """A V-JEPA 2 of the real class with random weights, saved to disk; its folder."""
    from transformers import VJEPA2Config, VJEPA2Model

    settings = {
        "crop_size": 32,
        "frames_per_clip": 4,
        "hidden_size": 24,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "num_pooler_layers": 1,
        "pred_hidden_size": 24,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
        "pred_num_mask_tokens": 1,
    }
    with torch.random.fork_rng():
        torch.manual_seed(5)
        VJEPA2Model(VJEPA2Config(**settings, **options)).save_pretrained(folder)
    return str(folder)
