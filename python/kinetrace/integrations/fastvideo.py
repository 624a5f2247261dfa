"""FastVideo: a `RewardScorer`, for `MultiRewardScorer(weights, scorers={"kinetrace": scorer})`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.integrations._frames import reward_from


class Scorer:
    """`scorer(media (B, C, T, H, W), prompts) -> (B,)` float32.

    Args:
        reward: callable (video, prompts) or "module:attribute", see `_frames.FrameReward`.
        arguments: of the reward's class.
        media_values: range of FastVideo's media.
        fallback: the score of what cannot be scored; None: the reward's own `undefined`, or 0.
        **options: layout, values and loss of `FrameReward`.
    """

    def __init__(
        self,
        reward: Any,
        arguments: Mapping[str, Any] | None = None,
        *,
        media_values: str = "unit",
        fallback: float | None = None,
        **options: Any,
    ) -> None:
        self.frames = reward_from(reward, arguments, options)
        self.__name__, self.media_values, self.fallback = self.frames.__name__, media_values, fallback

    def __call__(self, media: Any, prompts: Sequence[str]) -> Any:
        """Scores of a batch; images (B, C, H, W) are videos of one frame."""
        layout = "BCTHW" if len(media.shape) == 5 else "BCHW"
        return self.frames.scores(media, prompts, layout=layout, values=self.media_values, fallback=self.fallback)
