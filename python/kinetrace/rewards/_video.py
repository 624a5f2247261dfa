"""What rewards of clips share: reading clips, and the call forms of trainers that make videos."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kinetrace._arrays import Array, is_torch
from kinetrace.rewards import _columns
from kinetrace.rewards._arguments import missing
from kinetrace.rewards._clips import LAYOUTS, RANGES, as_btchw, checked, in_range, read_frames, three_channels
from kinetrace.rewards._frozen import as_tensor, still_frozen, wants_gradient, without_gradient
from kinetrace.rewards._trainer import Float, TrainerReward

#: What a loss takes beside clips and prompts.
INPUTS = ("reference", "reference_features", "features", "flow", "mask")
#: Clips by prompt, or a function of a batch's prompts that returns their clips in the reward's layout.
References = Mapping[str, Any] | Callable[[Sequence[str]], Any]


class VideoReward(TrainerReward):
    """A reward of clips; subclasses say of what terms it is made.

    With an array, `reward(clips, prompts)` is a loss for reward back-propagation: `(loss, reward)`, two differentiable
    0-d tensors (VADER, VideoX-Fun). With columns it is a reward for policy gradients (TRL, ms-swift, verl, verl-omni), and
    `score`, `reward` and `get_reward` are flow_grpo's, DanceGRPO's and FastVideo's forms of it.
    """

    truth_column = "reference"

    def __init__(
        self,
        name: str,
        *,
        layout: str,
        range: str,
        references: References | None,
        columns: Mapping[str, str],
        undefined: float,
    ) -> None:
        super().__init__(name)
        self.layout, self.range = checked(layout, "layout", LAYOUTS), checked(range, "range", RANGES)
        if not math.isfinite(undefined):
            raise ValueError(f"undefined: expected a finite number, got {undefined}")
        self.references, self.columns, self.undefined = references, dict(columns), float(undefined)

    # -- what subclasses say ------------------------------------------------------------------------------------------

    def _terms(self, clips: Any, inputs: Mapping[str, Any], layout: str, range_: str) -> dict[str, Any]:
        """Penalties (B,) by name; `inputs` are the columns and keyword arguments that came with the clips."""
        raise NotImplementedError

    def _weights(self) -> dict[str, float]:
        """Weight of every term."""
        raise NotImplementedError

    def _needs_reference(self) -> bool:
        raise NotImplementedError

    def _least_frames(self) -> int:
        """Frames without which a clip has no reward."""
        return 1

    # -- reward back-propagation --------------------------------------------------------------------------------------

    def terms(self, clips: Array | None = None, prompts: Any = None, **inputs: Any) -> dict[str, Any]:
        """The penalties that the reward is made of, one number per clip each, before their weights.

        Args and errors are those of `loss`.
        """
        if inputs.keys() - set(INPUTS):
            raise TypeError(f"expected no argument but {', '.join(INPUTS)}, got {min(inputs.keys() - set(INPUTS))}")
        inputs = {name: value for name, value in inputs.items() if value is not None}
        if (
            self.references is not None
            and self._needs_reference()
            and not inputs.keys()
            & {
                "reference",
                "reference_features",
            }
        ):
            inputs["reference"] = self._referenced(prompts)
        return self._terms(clips, inputs, self.layout, self.range)

    def get_reward(self, clips: Array | None = None, prompts: Any = None, **inputs: Any) -> Any:
        """Rewards (B,) of a batch, minus the weighted penalties; differentiable (FastVideo, VideoX-Fun)."""
        return 0 - self._penalty(self.terms(clips, prompts, **inputs))  # 0 -: no penalty is 0, not -0

    def loss(self, clips: Array | None = None, prompts: Any = None, **inputs: Any) -> tuple[Any, Any]:
        """Loss and mean reward of a batch, two 0-d arrays, differentiable in torch; loss = -reward.

        Args:
            clips: (see the class) in the reward's layout and range.
            prompts: looked up in `references`; otherwise ignored.
            **inputs: reference, reference_features, mask, flow, features, as the class says.
        """
        rewards = self.get_reward(clips, prompts, **inputs)
        return -rewards.mean(), rewards.mean()

    def _penalty(self, terms: Mapping[str, Any]) -> Any:
        weights = self._weights()
        weighted = [weights[name] * value for name, value in terms.items()]
        return sum(weighted[1:], start=weighted[0])

    def _referenced(self, prompts: Any) -> Any:
        """References of the prompts, in the reward's layout."""
        if prompts is None:
            raise ValueError("prompts: expected the prompts that references are looked up by, got None")
        listed = [prompts] if isinstance(prompts, str) else list(prompts)
        if callable(self.references):
            return self.references(listed)
        assert self.references is not None
        clips = [self.references[prompt] for prompt in listed]
        if "B" not in self.layout:
            return clips[0]
        if is_torch(clips[0]):
            import torch

            return torch.stack(clips)
        return np.stack(clips)

    # -- policy gradients ---------------------------------------------------------------------------------------------

    def __call__(self, completions: Any = None, prompts: Any = None, **columns: Any) -> Any:
        """`(loss, reward)` when given an array of clips, otherwise rewards in the form of the trainer at hand.

        Args:
            completions: an array of clips; or what a trainer calls completions, which do not matter.
            prompts: one per clip.
            **columns: one entry per completion each (an array, the path of a video file, or None); or the further inputs of
                `loss`.

        Returns:
            (loss, reward); or list[float | None]; in verl's call forms dicts of finite numbers.
        """
        if hasattr(completions, "shape"):
            return self.loss(completions, prompts, **columns)
        if completions is None and ("solution_image" in columns or "solution_str" in columns):
            return self.compute_score(**columns)
        if prompts is not None:
            columns["prompts"] = prompts
        return super().__call__(completions, **columns)

    def score(
        self, images: Any, prompts: Any = None, metadata: Any = None, **inputs: Any
    ) -> tuple[list[float], dict[str, Any]]:
        """flow_grpo's form: clips in the reward's layout to finite scores and an empty dictionary.

        `metadata`, a list of dictionaries, may hold a reference for each clip.
        """
        name = self.columns["reference"]
        if self._needs_reference() and metadata and all(name in entry for entry in metadata):
            clips = [entry[name] for entry in metadata]
            rewards = [
                self._scalar({self.columns["clip"]: images[i], name: reference})["total"]
                for i, reference in enumerate(clips)
            ]
        else:
            with without_gradient(images):
                rewards = self.get_reward(images, prompts, **inputs).tolist()
        return [value if math.isfinite(value) else self.undefined for value in rewards], {}

    def reward(self, video_paths: Sequence[Any], prompts: Any = None, **options: Any) -> list[dict[str, float]]:
        """DanceGRPO's and VideoAlign's form: video files to motion quality "MQ" and "Overall"; "VQ" and "TA" are 0.

        Options such as fps, num_frames and use_norm do not matter.
        """
        rows = []
        for i, path in enumerate(video_paths):
            columns: dict[str, Any] = {self.columns["clip"]: path}
            if self.references is not None and self._needs_reference() and prompts is not None:
                columns["prompts"] = prompts[i]
            value = self._scalar(columns)["total"]
            value = value if math.isfinite(value) else self.undefined
            rows.append({"VQ": 0.0, "MQ": value, "TA": 0.0, "Overall": value})
        return rows

    def compute_score(
        self,
        data_source: Any = None,
        solution_str: Any = "",
        ground_truth: Any = None,
        extra_info: Any = None,
        **kwargs: Any,
    ) -> dict[str, float]:
        """One sample in verl's form, the clip in `extra_info`; or in verl-omni's, as `solution_image`."""
        image = kwargs.pop("solution_image", None)
        if image is not None:
            extra_info = {**(extra_info or {}), self.columns["clip"]: image}
        return super().compute_score(data_source, solution_str, ground_truth, extra_info, **kwargs)

    def _is_truth(self, truth: Any) -> bool:
        return self._needs_reference()

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, Float]:
        name = self.columns["clip"]
        count = len(columns[name]) if completions is None and columns.get(name) is not None else len(completions or ())
        wanted = {
            label: columns[label] for label in (*self.columns.values(), "prompts") if columns.get(label) is not None
        }
        wanted[name] = _columns.column(columns, name, count)
        for label, values in wanted.items():
            if len(values) != count:
                raise ValueError(f"{label}: expected {count} entries, one per completion, got {len(values)}")
        rows = [self._scalar({label: values[i] for label, values in wanted.items()}) for i in range(count)]
        names = (*self._weights(), "total")
        return {key: np.array([row[key] for row in rows], dtype=np.float64).reshape(count) for key in names}

    def _scalar(self, entries: Mapping[str, Any]) -> dict[str, float]:
        """Terms and reward of one clip of a column; NaN where there is none."""
        nothing = dict.fromkeys((*self._weights(), "total"), math.nan)
        clip = entries[self.columns["clip"]]
        if missing(clip):
            return nothing
        given = {role: entries.get(label) for role, label in self.columns.items() if role != "clip"}
        inputs = {role: value for role, value in given.items() if not missing(value)}
        if self._needs_reference() and "reference" not in inputs and self.references is not None:
            inputs["reference"] = self._one_reference(entries.get("prompts"))
        if self._needs_reference() and not inputs.keys() & {"reference", "reference_features"}:
            return nothing
        from kinetrace.video.errors import InputError

        try:
            clip, layout, range_ = self._loaded(clip)
            if len(clip.shape) == 4 and clip.shape[layout.index("T")] < self._least_frames():
                return nothing
            if "reference" in inputs:
                inputs["reference"] = self._like(inputs["reference"], layout, range_)
        except InputError:
            return nothing
        with without_gradient(clip, *inputs.values()):
            terms = self._terms(clip, inputs, layout, range_)
            row = {key: float(value.reshape(-1)[0]) for key, value in terms.items()}
        return {**row, "total": 0 - sum(weight * row[key] for key, weight in self._weights().items())}

    def _one_reference(self, prompt: Any) -> Any:
        """The reference of one prompt, one clip."""
        found = self._referenced([prompt] if prompt is not None else None)
        return found[0] if "B" in self.layout else found

    def _loaded(self, clip: Any) -> tuple[Any, str, str]:
        """One clip with its layout and range: a path, a list of images, or an array in the reward's layout without B."""
        if isinstance(clip, str) or hasattr(clip, "__fspath__"):
            return read_frames(clip), "THWC", "uint8"
        if isinstance(clip, list | tuple):
            return np.stack([np.asarray(image) for image in clip]), "THWC", "uint8"
        return clip, self.layout.removeprefix("B"), self.range

    def _like(self, reference: Any, layout: str, range_: str) -> Any:
        """A reference in the layout and range of the clip that it belongs to, a copy only where they differ."""
        other, its_layout, its_range = self._loaded(reference)
        if (its_layout, its_range) == (layout, range_) or len(getattr(other, "shape", ())) != 4:
            return other
        view = as_btchw(other, its_layout, "reference", (1, 3))[0]
        order = ["TCHW".index(axis) for axis in layout]
        view = view.permute(order) if is_torch(view) else view.transpose(order)
        if its_range == range_:
            return view
        if range_ == "uint8":
            return _rounded(in_range(view, its_range, "[0,255]", "reference"))
        return in_range(view, its_range, range_, "reference")


def run_frozen(model: Any, frames: Array, range_: str, name: str) -> Any:
    """What a frozen model says of frames (B, T, C, H, W)."""
    given = frames_for(still_frozen(model), frames, range_, name)
    return model(as_tensor(given, model) if hasattr(model, "parameters") else given)


def frames_for(model: Any, frames: Array, range_: str, name: str) -> Any:
    """Frames (B, T, C, H, W) as a frozen model wants them: the same memory if its range is theirs.

    Raises:
        ValueError: a gradient is wanted that the model does not have.
    """
    if not model.differentiable and wants_gradient(frames):
        raise ValueError(
            f"{name}: expected a tensor without requires_grad ({type(model).__name__} has no gradient), got one with it"
        )
    target = model.frame_range
    if target == "uint8" and range_ != "uint8":
        return three_channels(_rounded(in_range(frames, range_, "[0,255]", name)))
    return three_channels(in_range(frames, range_, target, name))


def _rounded(frames: Any) -> Any:
    """Floats of 0 .. 255 to the nearest uint8."""
    if is_torch(frames):
        import torch

        return frames.round().clamp(0, 255).to(torch.uint8)
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)
