"""flow_grpo: a score function factory, to be added to `score_functions` of flow_grpo/rewards.py.

from kinetrace.integrations.flow_grpo import make_score
kinetrace_score = make_score(my_reward)          # then "kinetrace": kinetrace_score in score_functions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kinetrace.integrations._frames import FrameReward, reward_from


class Score:
    """`score(images, prompts, metadata) -> (scores, {})` as flow_grpo calls it from its threads.

    Args:
        frames: the reward.
        fallback: the score of what cannot be scored; None: the reward's own `undefined`, or 0.
    """

    def __init__(self, frames: FrameReward, *, fallback: float | None = None) -> None:
        self.__name__, self.frames, self.fallback = frames.__name__, frames, fallback

    def __call__(
        self, images: Any, prompts: Any, metadata: Any = None, **kwargs: Any
    ) -> tuple[list[float], dict[str, Any]]:
        """Scores of a batch.

        Args:
            images: video (B, F, C, H, W) or images (N, C, H, W), floats in [0, 1]; or uint8 images (N, H, W, C).
            prompts: texts.
            metadata: given to the reward as `metadata`.
            **kwargs: not used.
        """
        axes = len(images.shape)
        channels_last = axes == 4 and int(images.shape[-1]) == 3 and int(images.shape[1]) != 3
        layout = "BTCHW" if axes == 5 else "BHWC" if channels_last else "BCHW"
        scores = self.frames.scores(images, prompts, layout=layout, fallback=self.fallback, metadata=metadata)
        return [float(score) for score in scores.tolist()], {}


def make_score(
    reward: Any,
    arguments: Mapping[str, Any] | None = None,
    *,
    fallback: float | None = None,
    **options: Any,
) -> Callable[..., Score]:
    """A factory `f(device) -> score`; a plain function, for flow_grpo reads its `__code__`.

    Args:
        reward: callable (video, prompts, metadata=...) or "module:attribute", see `_frames.FrameReward`.
        arguments: of the reward's class.
        fallback: the score of what cannot be scored; None: the reward's own `undefined`, or 0.
        **options: layout, values and loss of `FrameReward`.
    """
    frames = reward_from(reward, arguments, options)

    def kinetrace_score(device: Any = None) -> Score:
        return Score(frames, fallback=fallback)

    return kinetrace_score
