"""VideoX-Fun: a reward class for its reward back-propagation.

from kinetrace.integrations import videox_fun
videox_fun.register()        # then --reward_fn=KinetraceReward --reward_fn_kwargs='{"reward": "module:attribute"}'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.integrations._frames import reward_from


class KinetraceReward:
    """`(batch_frames (B, C, T, H, W) in [0, 1], batch_prompt) -> (loss, reward)`, means over the batch, differentiable.

    Args:
        device, dtype: as VideoX-Fun gives them: where frames are moved and what they are cast to; None: as they are.
            The reward always gets float32 or better.
        reward: callable (video, prompts) that returns rewards (B,) or (loss, rewards), or "module:attribute"; see
            `_frames.FrameReward`.
        arguments: of the reward's class.
        **options: layout, values and loss of `FrameReward`.

    Raises:
        ValueError: no reward.
    """

    def __init__(
        self,
        device: Any = None,
        dtype: Any = None,
        *,
        reward: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if reward is None:
            raise ValueError("reward: expected a callable or 'module:attribute', got None")
        self.device, self.dtype = device, dtype
        self.frames = reward_from(reward, arguments, options)
        self.__name__ = self.frames.__name__

    def __call__(self, batch_frames: Any, batch_prompt: Sequence[str] | None = None) -> tuple[Any, Any]:
        """Mean loss and mean reward."""
        loss, rewards = self._both(batch_frames, batch_prompt)
        return loss.mean(), rewards.mean()

    def get_reward(self, batch_frames: Any, batch_prompt: Sequence[str] | None = None) -> Any:
        """Rewards (B,)."""
        return self._both(batch_frames, batch_prompt)[1]

    def _both(self, batch_frames: Any, batch_prompt: Sequence[str] | None) -> tuple[Any, Any]:
        import torch

        own = batch_frames if self.device is None else batch_frames.to(self.device)
        own = own.float() if own.dtype in (torch.float16, torch.bfloat16) else own
        with torch.autocast(own.device.type, enabled=False):
            return self.frames.losses_and_rewards(own, batch_prompt, layout="BCTHW", values="unit")


def register() -> None:
    """Puts the class where VideoX-Fun looks for it by name."""
    from videox_fun.reward import reward_fn

    reward_fn.KinetraceReward = KinetraceReward
