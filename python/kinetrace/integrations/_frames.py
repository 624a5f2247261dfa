"""Videos in the layouts and ranges of trainers, handed to a reward in its own: permuted views, never copied for that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kinetrace.integrations._rewards import fallback_of, name_of, reward_of
from kinetrace.rewards._video import INPUTS, VideoReward

#: Value ranges by name: lowest and highest.
RANGES: Mapping[str, tuple[float, float]] = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0), "uint8": (0.0, 255.0)}
#: What the library's rewards of clips call them.
_OWN_RANGES = {"[0,1]": "unit", "[-1,1]": "signed", "[0,255]": "uint8", "uint8": "uint8"}


class FrameReward:
    """A reward of videos and the form in which it wants them.

    Args:
        reward: callable `reward(video, prompts, **metadata)` that returns rewards (B,), or (loss, rewards) where the
            loss is what a trainer minimises; or the text "module:attribute" of one (a class is called with `arguments`).
            NewtonReward and MassReward are taken as they are.
        arguments: keyword arguments of the class.
        layout: order of the axes that the reward wants: B, T, C, H and W, each once. None: what NewtonReward or MassReward
            was made with, "BTCHW" for others.
        values: range that it wants: "unit" [0, 1], "signed" [-1, 1], or "uint8". None: likewise, or "unit".
        loss: how a loss is made of rewards where the reward gives none: "negative", or a number r for |r - reward|.

    Raises:
        ValueError: layout, values or loss is none of these.
    """

    def __init__(
        self,
        reward: Any,
        arguments: Mapping[str, Any] | None = None,
        *,
        layout: str | None = None,
        values: str | None = None,
        loss: str | float = "negative",
    ) -> None:
        self.reward: Callable[..., Any] = reward_of(reward, arguments)
        layout = getattr(self.reward, "layout", "BTCHW") if layout is None else layout
        if values is None:
            values = _OWN_RANGES.get(getattr(self.reward, "range", ""), "unit")
        if sorted(layout) != sorted("BTCHW"):
            raise ValueError(f"layout: expected B, T, C, H and W in some order, got {layout!r:.60}")
        if values not in RANGES:
            raise ValueError(f"values: expected one of {', '.join(map(repr, RANGES))}, got {values!r:.60}")
        if loss != "negative" and (isinstance(loss, str) or not math.isfinite(loss)):
            raise ValueError(f"loss: expected 'negative' or a finite number, got {loss!r:.60}")
        self.__name__ = name_of(self.reward)
        self.layout, self.values, self.loss = layout, values, loss

    def losses_and_rewards(
        self, video: Any, prompts: Any, *, layout: str, values: str | None = None, **metadata: Any
    ) -> tuple[Any, Any]:
        """Loss () and rewards (B,) of a video tensor, with its gradient.

        Args:
            video: torch tensor or NumPy array; axes as `layout` says, T left out for single images.
            prompts: texts, or None.
            layout: order of the axes of `video`.
            values: range of `video`; None: "uint8" for that dtype, else "unit".
            **metadata: handed to the reward.

        Raises:
            ValueError: axes that do not fit the layout, or another number of rewards than videos.
        """
        given = _tensor(video)
        if given.dim() != len(layout):
            raise ValueError(f"video: expected axes {layout}, got shape {tuple(given.shape)}")
        own = ranged(arranged(given, layout, self.layout), values or _values_of(given), self.values)
        count = int(own.shape[self.layout.index("B")])
        if isinstance(self.reward, VideoReward):  # its own call has the mean reward only
            inputs = {name: value for name, value in metadata.items() if name in INPUTS}
            found = self.reward.get_reward(own, prompts, **inputs)
        else:
            found = self.reward(own, prompts, **metadata)
        loss, rewards = found if isinstance(found, tuple) else (None, found)
        rewards = rewards if hasattr(rewards, "dim") else _tensor(list(rewards))
        if tuple(rewards.shape) != (count,):
            raise ValueError(f"reward: expected {count} values, one per video, got shape {tuple(rewards.shape)}")
        if loss is None:
            loss = (-rewards if self.loss == "negative" else (rewards - self.loss).abs()).mean()
        return loss, rewards

    def scores(self, video: Any, prompts: Any, *, layout: str, fallback: float | None = None, **options: Any) -> Any:
        """Rewards (B,), float32, without gradient; what is not finite becomes the fallback."""
        import torch

        with torch.no_grad():
            rewards = self.losses_and_rewards(video, prompts, layout=layout, **options)[1].detach().float()
        instead = fallback_of(self.reward, fallback)
        return torch.where(torch.isfinite(rewards), rewards, torch.full_like(rewards, instead))


def arranged(video: Any, layout: str, wanted: str) -> Any:
    """The tensor's axes in the wanted order, as a view; axes that it does not have get length 1."""
    missing = [axis for axis in wanted if axis not in layout]
    for _ in missing:
        video = video.unsqueeze(0)
    axes = "".join(missing) + layout
    return video.permute([axes.index(axis) for axis in wanted])


def ranged(video: Any, values: str, wanted: str) -> Any:
    """The tensor's values in the wanted range, in float unless they are as wanted."""
    if values == wanted:
        return video
    low, high = RANGES[values]
    to_low, to_high = RANGES[wanted]
    real = video if video.is_floating_point() else video.float()
    scaled = (real - low) * ((to_high - to_low) / (high - low)) + to_low
    return scaled.round().clamp(0, 255).byte() if wanted == "uint8" else scaled


def _tensor(video: Any) -> Any:
    import torch

    return video if isinstance(video, torch.Tensor) else torch.as_tensor(video)


def _values_of(video: Any) -> str:
    return "unit" if video.is_floating_point() else "uint8"


def reward_from(
    reward: Any, arguments: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None
) -> FrameReward:
    """A `FrameReward` as it is, or one made of what a configuration says."""
    return reward if isinstance(reward, FrameReward) else FrameReward(reward, arguments, **dict(options or {}))


def stacked(videos: Sequence[Any]) -> list[tuple[list[int], Any]]:
    """Videos of equal shape as one tensor each, with their places; lists of PIL images become (T, C, H, W) uint8."""
    import torch

    tensors = [_frames(video) for video in videos]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, tensor in enumerate(tensors):
        groups.setdefault((*tensor.shape, tensor.dtype, tensor.device), []).append(i)
    return [(places, torch.stack([tensors[i] for i in places])) for places in groups.values()]


def _frames(video: Any) -> Any:
    if hasattr(video, "shape"):
        return _tensor(video)
    import numpy as np
    import torch

    return torch.from_numpy(np.stack([np.array(image.convert("RGB")) for image in video])).permute(0, 3, 1, 2)
