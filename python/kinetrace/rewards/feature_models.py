"""Features for rewards: V-JEPA 2 through transformers, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinetrace._arrays import Array
from kinetrace.rewards._clips import checked
from kinetrace.rewards._frozen import FrozenModule, adopted, as_tensor


class VJepa2Features(FrozenModule):
    """Features of V-JEPA 2's encoder, a frozen `FeatureModel` through which gradients reach the frames.

    NewtonRewards takes features of V-JEPA 2 as its proxy of mass (published). Which size of the model, which layer, and
    how clips are resized is not published: all are arguments, their defaults kinetrace's choice.

    Args:
        model: a folder or a name on the Hugging Face hub (`transformers.AutoModel`), loaded when first called; or a
            module called as `module(pixel_values_videos=..., skip_predictor=True)` whose answer has `last_hidden_state`.
        layer: None: the encoder's output; an index into its hidden states instead (0: the embedded patches).
        resize: "whole": the whole frame is resized to the model's square; "crop": its middle, as the model's own
            processor takes it (the shorter side becomes 256/224 of the square, of which the middle is kept); None: frames
            already have the model's size.
        size: side of the square in pixels; None: `crop_size` of the model's configuration.
        mean, std: of each channel, subtracted and divided by (the model's own processor: ImageNet's).
        local_files_only: load from disk or not at all.
        device, dtype: where the model goes and in what precision; None: that of the first frames, and its own.

    Raises:
        ValueError: an unknown `resize`.
        ImportError: when first called, transformers is missing.
        OSError, ValueError: when first called, there is no such model.
    """

    frame_range = "[0,1]"

    def __init__(
        self,
        model: Any = "facebook/vjepa2-vitl-fpc64-256",
        *,
        layer: int | None = None,
        resize: str | None = "whole",
        size: int | None = None,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        local_files_only: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(model, device=device, dtype=dtype)
        self.resize = resize if resize is None else checked(resize, "resize", ("whole", "crop"))
        self.layer, self.size, self.local_files_only = layer, size, local_files_only
        self.mean, self.std = tuple(map(float, mean)), tuple(map(float, std))

    def _build(self) -> Any:
        from transformers import AutoModel

        return AutoModel.from_pretrained(str(self._given), local_files_only=self.local_files_only)

    def __call__(self, frames: Array, /) -> Any:
        """Features (B, tokens, C) of frames (B, T, 3, H, W) in [0, 1]; an odd last frame does not count."""
        module = self.module(frames)
        tensor = as_tensor(frames, module)
        pixels = self._pixels(tensor, self.size or int(module.config.crop_size))
        dtype = self._numbers(module)
        answer = module(
            pixel_values_videos=pixels if dtype is None else pixels.to(dtype),
            skip_predictor=True,
            **({} if self.layer is None else {"output_hidden_states": True}),
        )
        return answer.last_hidden_state if self.layer is None else answer.hidden_states[self.layer]

    def _pixels(self, tensor: Any, side: int) -> Any:
        """What the model takes: resized, in units of its training data's spread."""
        from torch.nn.functional import interpolate

        b, t, c, h, w = tensor.shape
        wide = tensor.float() if tensor.dtype.itemsize < 4 else tensor
        flat = wide.reshape(b * t, c, h, w)
        if self.resize == "whole" and (h, w) != (side, side):
            flat = interpolate(flat, (side, side), mode="bilinear", antialias=True)
        elif self.resize == "crop":
            short = int(side * 256 / 224)
            new = (short, max(short, short * w // h)) if h <= w else (max(short, short * h // w), short)
            flat = interpolate(flat, new, mode="bilinear", antialias=True)
            top, left = (new[0] - side) // 2, (new[1] - side) // 2
            flat = flat[..., top : top + side, left : left + side]
        mean, std = (wide.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return ((flat - mean) / std).unflatten(0, (b, t))


def feature_model(features: Any, *, device: Any = None, dtype: Any = None) -> Any:
    """The feature model that a reward's argument `features` means: a name or folder, an object, or None."""
    if features is None:
        return None
    if isinstance(features, str) or hasattr(features, "__fspath__"):
        return VJepa2Features(features, device=device, dtype=dtype)
    return adopted(features, "features")
