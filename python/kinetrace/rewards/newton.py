"""NewtonReward: clips whose optical flow has constant acceleration, and whose objects stay what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinetrace._arrays import widened
from kinetrace.kinematic_residual import kinematic_residual
from kinetrace.rewards._arguments import number
from kinetrace.rewards._clips import as_btchw, checked
from kinetrace.rewards._frozen import without_gradient
from kinetrace.rewards._video import References, VideoReward, run_frozen
from kinetrace.rewards.feature_models import feature_model
from kinetrace.rewards.flow_models import flow_model
from kinetrace.rewards.mass_distance import DISTANCES, mass_distance


class NewtonReward(VideoReward):
    """Minus the penalty of NewtonRewards: kinematic_weight * R_kinematic + mass_weight * R_mass.

    R_kinematic is `kinetrace.kinematic_residual` of the clip's flow, R_mass is `mass_distance` between features of the clip
    and of its reference clip (arXiv 2512.00425: both terms, frozen flow model and V-JEPA 2, gradients through both into the
    generator, all published; the weights, the flow model, the reductions and the distance are not). The kinematic term
    alone is smallest for a clip that does not move: a generator trained with it stops moving (published), which is what
    the mass term is for. docs/newton-rewards.md shows it.

        reward(clips, prompts, reference=...)      (loss, reward): VADER, VideoX-Fun; also .loss(...)
        reward(completions=..., video=[...])       list[float | None]: TRL, ms-swift; verl's forms too
        reward.score(images, prompts, metadata)    flow_grpo
        reward.reward(video_paths, prompts)        DanceGRPO
        reward.get_reward(clips, prompts)          (B,): FastVideo

    Clips are frames when a flow model is given and flow (2 channels, px per frame) otherwise. Half precision is computed in
    float32 from the flow and the features on; the frozen models run as the caller's autocast says.

    Args:
        mass_weight: weight of R_mass, >= 0; required with `features`, no value is published. None: no mass term.
        kinematic_weight: weight of R_kinematic, >= 0.
        flow: a `FlowModel`; "dis" (OpenCV, for scoring); "raft_small" or "raft_large" (torchvision, with `flow_weights`);
            None: clips are flow.
        features: a `FeatureModel`; or a folder or hub name of a V-JEPA 2 model; None: features are handed over.
        layout: order of the axes of clips: "TCHW", "CTHW", "THWC", with B in front for batches. Read in place.
        range: of frames: "[0,1]", "[-1,1]", "[0,255]" or "uint8"; converted only where a model wants another.
        mode, norm, reduction, dt, mask_rule, iterations: of `kinematic_residual`; norm "squared" or "abs", reduction
            "mean", "mean_elements" or "sum".
        distance, mass_reduction: of `mass_distance`.
        references: reference clips by prompt (a mapping, or a function of the prompts), for trainers that hand over
            nothing but clips and prompts.
        clip_column, reference_column, mask_column: names of columns.
        undefined: what trainers that need a number get for a clip without one (missing, unreadable, fewer than 4 frames,
            not finite): choose one below your worst clips, since every penalty is below 0 (-1 is DanceGRPO's value for a
            failure).
        flow_weights, device, dtype: of models given by name (VideoX-Fun passes device and dtype).
        num_threads: of `kinematic_residual`.

    `loss`, `get_reward` and `terms` further take `reference` (clips), `reference_features` and `features` (B, ..., C),
    `flow` (in the layout, 2 channels) in place of what the models would compute, and `mask` (B, T-1, H, W) of
    `kinematic_residual`.

    Raises:
        ValueError: an unknown choice, a weight below 0, features without mass_weight; when called: shapes, ranges, a
            missing reference, a gradient through a model that has none.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> falling = np.zeros((2, 6, 2, 4, 4))
        >>> falling[:, :, 1] = np.arange(6.0)[:, None, None]  # constant acceleration
        >>> falling[1, 3:, 1] += 1  # a jump in speed
        >>> reward = kt.rewards.NewtonReward()
        >>> loss, mean = reward(falling)
        >>> float(loss), float(mean)
        (0.25, -0.25)
        >>> reward(completions=["", ""], video=list(falling))
        [0.0, -0.5]
    """

    def __init__(
        self,
        *,
        mass_weight: float | None = None,
        kinematic_weight: float = 1.0,
        flow: Any = None,
        features: Any = None,
        layout: str = "BTCHW",
        range: str = "[0,1]",
        mode: str = "eulerian",
        norm: str = "squared",
        reduction: str = "mean",
        dt: float = 1.0,
        mask_rule: str = "center",
        iterations: int = 0,
        distance: str = "mse",
        mass_reduction: str = "mean",
        references: References | None = None,
        clip_column: str = "video",
        reference_column: str = "reference",
        mask_column: str = "mask",
        undefined: float = -1.0,
        flow_weights: Any = None,
        device: Any = None,
        dtype: Any = None,
        num_threads: int | None = None,
    ) -> None:
        super().__init__(
            "newton_reward",
            layout=layout,
            range=range,
            references=references,
            columns={"clip": clip_column, "reference": reference_column, "mask": mask_column},
            undefined=undefined,
        )
        if mass_weight is None and features is not None:
            raise ValueError("mass_weight: expected a number >= 0 with features (none is published), got None")
        self.mass_weight = None if mass_weight is None else number(mass_weight, "mass_weight")
        self.kinematic_weight = number(kinematic_weight, "kinematic_weight")
        self.logged = tuple(self._weights())
        self.flow = flow_model(flow, weights=flow_weights, device=device, dtype=dtype)
        self.features = feature_model(features, device=device, dtype=dtype)
        self.distance = checked(distance, "distance", DISTANCES)
        self.mass_reduction = checked(mass_reduction, "mass_reduction", ("mean", "sum"))
        self.residual: dict[str, Any] = {
            "mode": mode,
            "norm": checked(norm, "norm", ("squared", "abs")),
            "reduction": checked(reduction, "reduction", ("mean", "mean_elements", "sum")),
            "dt": dt,
            "mask_rule": mask_rule,
            "iterations": iterations,
            "num_threads": num_threads,
        }

    def _least_frames(self) -> int:
        return 3 if self.flow is None else 4

    def _needs_reference(self) -> bool:
        return self.mass_weight is not None

    def _weights(self) -> dict[str, float]:
        mass = {} if self.mass_weight is None else {"mass": self.mass_weight}
        return {"kinematic": self.kinematic_weight, **mass}

    def _terms(self, clips: Any, inputs: Mapping[str, Any], layout: str, range_: str) -> dict[str, Any]:
        flow = inputs.get("flow")
        if flow is None and clips is None:
            raise ValueError("clips: expected clips, or flow=, got neither")
        if flow is not None:
            flow = as_btchw(flow, layout, "flow", (2,))
        elif self.flow is None:
            flow = as_btchw(clips, layout, "clips", (2,))
        else:
            frames = as_btchw(clips, layout, "clips", (1, 3))
            flow = run_frozen(self.flow, frames, range_, "clips")
        mask = inputs.get("mask")
        if mask is not None and "B" not in layout:
            mask = mask[None]
        terms = {"kinematic": kinematic_residual(widened(flow), mask=mask, **self.residual)}
        if self.mass_weight is not None:
            terms["mass"] = mass_term(self, clips, inputs, layout, range_)
        return terms


def mass_term(reward: Any, clips: Any, inputs: Mapping[str, Any], layout: str, range_: str) -> Any:
    """R_mass (B,) of a reward with `features`, `distance` and `mass_reduction`; gradients flow through the clips only."""
    features, reference = inputs.get("features"), inputs.get("reference_features")
    if reference is None:
        reference = inputs.get("reference")
        if reference is None:
            raise ValueError("reference: expected the clips that generated ones are compared with, got None")
        if reward.features is not None:
            frames = as_btchw(reference, layout, "reference", (1, 3))
            with without_gradient(frames):
                reference = run_frozen(reward.features, frames, range_, "reference")
    if features is None:
        if reward.features is None or clips is None:
            raise ValueError("features: expected features of the clips, or a feature model and clips, got neither")
        frames = as_btchw(clips, layout, "clips", (1, 3))
        features = run_frozen(reward.features, frames, range_, "clips")
    return mass_distance(features, reference, distance=reward.distance, reduction=reward.mass_reduction)
