"""Flow-Factory: reward models by dotted path, of single samples and of whole groups.

    rewards:
      - name: kinetrace
        reward_model: kinetrace.integrations.flow_factory.PointwiseReward
        extra_kwargs: {reward: "my_package.my_module:my_reward"}

The classes are made when they are first named: that imports flow_factory.
"""

from __future__ import annotations

from typing import Any

from kinetrace.integrations._frames import reward_from, stacked
from kinetrace.integrations._rewards import fallback_of


def scores_of(
    frames: Any, prompt: Any, video: Any, image: Any, fallback: float, metadata: dict[str, Any]
) -> list[float]:
    """Rewards of a list of videos (or of images): tensors (T, C, H, W), (C, H, W), or PIL images."""
    single = video is None
    media = [[entry] if single and not hasattr(entry, "shape") else entry for entry in (image if single else video)]
    result = [fallback] * len(media)
    for places, batch in stacked(media):
        layout = "BCHW" if batch.dim() == 4 else "BTCHW"
        texts = [prompt[i] for i in places]
        own = {key: [value[i] for i in places] for key, value in metadata.items()}
        for place, score in zip(
            places, frames.scores(batch, texts, layout=layout, fallback=fallback, **own).tolist(), strict=True
        ):
            result[place] = float(score)
    return result


class RewardCall:
    """What both classes share: the configuration's `reward`, `arguments`, `options` and `fallback`."""

    required_fields = ("prompt", "video")
    use_tensor_inputs = True

    def __init__(self, config: Any, accelerator: Any) -> None:
        super().__init__(config, accelerator)  # type: ignore[call-arg]
        extra = dict(getattr(config, "extra_kwargs", None) or {})
        own = {
            key: extra.get(key, getattr(config, key, None)) for key in ("reward", "arguments", "options", "fallback")
        }
        if own["reward"] is None:
            raise ValueError("reward: expected a callable or 'module:attribute' in the configuration, got None")
        self.frames = reward_from(own["reward"], own["arguments"], own["options"])
        self.fallback = fallback_of(self.frames.reward, own["fallback"])

    def __call__(self, prompt: Any, image: Any = None, video: Any = None, **kwargs: Any) -> Any:
        """RewardModelOutput with one reward per sample."""
        from flow_factory.rewards.abc import RewardModelOutput

        rewards = scores_of(self.frames, prompt, video, image, self.fallback, {})
        return RewardModelOutput(rewards=rewards, extra_info={})


def __getattr__(name: str) -> Any:
    """`PointwiseReward` and `GroupwiseReward`: imports flow_factory."""
    if name not in ("PointwiseReward", "GroupwiseReward"):
        raise AttributeError(f"module 'kinetrace.integrations.flow_factory' has no attribute {name!r}")
    from flow_factory.rewards import abc

    base = getattr(abc, name + "Model")
    made = type(name, (RewardCall, base), {"__module__": __name__, "__doc__": f"A kinetrace reward as {name}Model."})
    globals()[name] = made
    return made
