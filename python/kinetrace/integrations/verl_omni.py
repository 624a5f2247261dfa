"""verl-omni: `compute_score` of a generated image or video.

reward.reward_functions.kinetrace.path=$(python -m kinetrace plugin-path verl_omni)
reward.reward_functions.kinetrace.name=compute_score
+reward.reward_functions.kinetrace.reward_kwargs.reward=my_package.my_module:my_reward
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinetrace.integrations._frames import reward_from


def compute_score(
    data_source: str,
    solution_image: Any,
    ground_truth: str,
    extra_info: dict[str, Any],
    reward: Any = None,
    arguments: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    fallback: float | None = None,
    **kwargs: Any,
) -> dict[str, float]:
    """Score of one sample in verl-omni's form.

    Args:
        data_source: not used.
        solution_image: uint8 (C, H, W), or a video (T, C, H, W); floats count as [0, 1].
        ground_truth: given to the reward as its prompt.
        extra_info: given to the reward as `extra_info`.
        reward: `_frames.FrameReward`, a callable (video, prompts, extra_info=...), or "module:attribute".
        arguments: of the reward's class.
        options: layout, values and loss of `FrameReward`.
        fallback: the score of what cannot be scored; None: the reward's own `undefined`, or 0.
        **kwargs: not used.

    Returns:
        {"score": a finite float}.

    Raises:
        ValueError: no reward.
    """
    if reward is None:
        raise ValueError("reward: expected a callable or 'module:attribute', got None")
    layout = "TCHW" if len(solution_image.shape) == 4 else "CHW"
    frames = reward_from(reward, arguments, options)
    scores = frames.scores(solution_image, [ground_truth], layout=layout, fallback=fallback, extra_info=extra_info)
    return {"score": float(scores[0])}
