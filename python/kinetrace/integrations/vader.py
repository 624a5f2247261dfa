"""VADER: a differentiable loss of generated frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.integrations._frames import reward_from


class Loss:
    """`loss_fn(im_pix_un (f, c, h, w) in [-1, 1], prompts) -> (loss, rewards)`, with gradients into the frames.

    The frames are one video; under autocast the reward computes in float32.

    Args:
        reward: callable (video, prompts) that returns rewards (B,) or (loss, rewards), or "module:attribute"; see
            `_frames.FrameReward`.
        arguments: of the reward's class.
        **options: layout, values and loss of `FrameReward`.
    """

    def __init__(self, reward: Any, arguments: Mapping[str, Any] | None = None, **options: Any) -> None:
        self.frames = reward_from(reward, arguments, options)
        self.__name__ = self.frames.__name__

    def __call__(self, im_pix_un: Any, prompts: Sequence[str] | None = None) -> tuple[Any, Any]:
        """Loss () and rewards (1,)."""
        import torch

        with torch.autocast(im_pix_un.device.type, enabled=False):
            return self.frames.losses_and_rewards(im_pix_un.float(), prompts, layout="TCHW", values="signed")
