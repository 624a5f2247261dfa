"""MassReward: clips whose objects look as those of a reference, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinetrace.rewards._arguments import number
from kinetrace.rewards._clips import checked
from kinetrace.rewards._video import References, VideoReward
from kinetrace.rewards.feature_models import feature_model
from kinetrace.rewards.mass_distance import DISTANCES
from kinetrace.rewards.newton import mass_term


class MassReward(VideoReward):
    """Minus the mass term of NewtonRewards, weight * R_mass: `mass_distance` between features of clips and references.

    It is called as `NewtonReward` is. Without a feature model clips and references are features themselves, (B, ..., C),
    or (..., C) in columns.

    Args:
        features: a `FeatureModel`; a folder or hub name of a V-JEPA 2 model (as published); None: clips are features.
        weight: of R_mass, >= 0; kinetrace's choice.
        distance, reduction: of `mass_distance`.
        layout, range, references, clip_column, reference_column, undefined, device, dtype: as in `NewtonReward`.

    Raises:
        ValueError: an unknown choice, a weight below 0; when called: shapes, ranges, a missing reference.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> features = np.zeros((2, 5, 3))
        >>> features[1] = 2
        >>> reward = kt.rewards.MassReward()
        >>> reward.get_reward(features, reference=np.zeros((2, 5, 3))).tolist()
        [0.0, -4.0]
    """

    logged = ("mass",)

    def __init__(
        self,
        features: Any = None,
        *,
        weight: float = 1.0,
        distance: str = "mse",
        reduction: str = "mean",
        layout: str = "BTCHW",
        range: str = "[0,1]",
        references: References | None = None,
        clip_column: str = "video",
        reference_column: str = "reference",
        undefined: float = -1.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "mass_reward",
            layout=layout,
            range=range,
            references=references,
            columns={"clip": clip_column, "reference": reference_column},
            undefined=undefined,
        )
        self.features = feature_model(features, device=device, dtype=dtype)
        self.weight = number(weight, "weight")
        self.distance = checked(distance, "distance", DISTANCES)
        self.mass_reduction = checked(reduction, "reduction", ("mean", "sum"))

    def _needs_reference(self) -> bool:
        return True

    def _weights(self) -> dict[str, float]:
        return {"mass": self.weight}

    def _terms(self, clips: Any, inputs: Mapping[str, Any], layout: str, range_: str) -> dict[str, Any]:
        if self.features is None and clips is not None:
            one = "B" not in layout
            inputs = {**inputs, "features": clips[None] if one else clips}
            if one and "reference" in inputs:
                inputs["reference"] = inputs["reference"][None]
        return {"mass": mass_term(self, clips, inputs, layout, range_)}
