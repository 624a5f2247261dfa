"""PISA's object reward optimisation (ORO): losses of generated clips against masks, flow and depth of the true ones."""

from __future__ import annotations

from typing import Any

from kinetrace._arrays import is_torch
from kinetrace.rewards._clips import checked


def oro_segmentation_loss(
    logits: Any, masks: Any, *, from_logits: bool = True, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """1 - soft intersection over union of predicted and true masks, per frame and object.

    Published code (vision-x-nyu/pisa-experiments, `oro_seg.py`): p = sigmoid(logits) of SAM 2 prompted with the true masks
    of the first frame, IoU = sum(p g) / (sum p + sum g - sum(p g) + eps), mean over clips, frames and objects. A frame
    without the object in either has IoU 0, loss 1, as there.

    Args:
        logits (tensor, (..., H, W), float): of the predicted masks; axes before the last two are clips, frames, objects.
            float16 and bfloat16 are computed in float32. Differentiable.
        masks (tensor, the same shape, bool | uint8 | float): the true masks, in [0, 1]; constants.
        from_logits: False: `logits` are probabilities already.
        eps: added to the union (1e-6 as published).
        reduction: "mean": a 0-d tensor; "none": (...), without the last two axes.

    Returns:
        tensor, float32 or float64.

    Raises:
        ValueError: shapes differ, masks that require grad, an unknown reduction.
        TypeError: no torch tensors.

    Example:
        >>> import torch
        >>> from kinetrace.rewards import oro_segmentation_loss
        >>> half = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]], dtype=torch.float64)
        >>> round(oro_segmentation_loss(half, torch.ones(1, 2, 2), from_logits=False).item(), 6)
        0.5
    """
    p, g = _pair(logits, masks, "logits", "masks", axes=2)
    if from_logits:
        p = p.sigmoid()
    both = (p * g).sum((-2, -1))
    loss = 1 - both / (p.sum((-2, -1)) + g.sum((-2, -1)) - both + eps)
    return _reduced(loss, reduction)


def oro_flow_loss(flow: Any, reference: Any, *, reduction: str = "mean") -> Any:
    """Mean absolute difference of the flow of generated and true clips.

    Published code (`oro_flow.py`): RAFT, 20 updates, consecutive frames, mean |flow(generated) - flow(true)|. There, frames
    of a batch are flattened before they are paired, so that with more than one clip pairs reach across clips (they train
    with one); flow of kinetrace's models never does.

    Args:
        flow (tensor, (B, T, 2, H, W) or any shape, float): of the generated clips, px. Differentiable.
        reference (tensor, the same shape): of the true clips; a constant.
        reduction: "mean": a 0-d tensor; "none": (B,), the mean of each clip.

    Returns:
        tensor, float32 or float64.

    Raises:
        ValueError: shapes differ, a reference that requires grad, an unknown reduction.
        TypeError: no torch tensors.

    Example:
        >>> import torch
        >>> from kinetrace.rewards import oro_flow_loss
        >>> oro_flow_loss(torch.full((1, 3, 2, 4, 4), 1.5), torch.ones(1, 3, 2, 4, 4)).item()
        0.5
    """
    x, y = _pair(flow, reference, "flow", "reference", axes=1)
    return _reduced((x - y).abs().flatten(1).mean(1) if reduction == "none" else (x - y).abs(), reduction)


def oro_depth_loss(
    depth: Any, reference: Any, *, size: tuple[int, int] | None = None, eps: float = 0.0, reduction: str = "mean"
) -> Any:
    """Mean square difference of depth maps, each stretched to 0 .. 255 by its own smallest and largest value.

    Published code (`oro_depth.py`): Depth Anything V2 on frames resized to 518 x 518 and normalised, its answer resized
    bilinearly to the frames' size, stretched per frame, compared with that of the true clip. A constant map divides by zero
    there (NaN here too); `eps` is kinetrace's way around.

    Args:
        depth (tensor, (..., h, w), float): of the generated frames. Differentiable, through smallest and largest value too.
        reference (tensor, the same shape): of the true frames; a constant.
        size: (H, W) of the frames; None: maps have it already.
        eps: added to the difference of largest and smallest value (0 as published).
        reduction: "mean": a 0-d tensor; "none": (...), without the last two axes.

    Returns:
        tensor, float32 or float64.

    Raises:
        ValueError: shapes differ, a reference that requires grad, an unknown reduction.
        TypeError: no torch tensors.

    Example:
        >>> import torch
        >>> from kinetrace.rewards import oro_depth_loss
        >>> near = torch.tensor([[[1.0, 2.0], [3.0, 5.0]]])
        >>> oro_depth_loss(3 * near + 7, near).item()  # scale and shift do not count
        0.0
    """
    x, y = (_stretched(d, size, eps) for d in _pair(depth, reference, "depth", "reference", axes=2))
    difference = (x - y).square()
    return _reduced(difference.mean((-2, -1)) if reduction == "none" else difference, reduction)


def _stretched(depth: Any, size: tuple[int, int] | None, eps: float) -> Any:
    if size is not None and tuple(depth.shape[-2:]) != tuple(size):
        from torch.nn.functional import interpolate

        flat = interpolate(depth.flatten(0, -3)[:, None], tuple(size), mode="bilinear", align_corners=False)
        depth = flat[:, 0].reshape(*depth.shape[:-2], *size)
    low, high = depth.amin((-2, -1), keepdim=True), depth.amax((-2, -1), keepdim=True)
    return (depth - low) / (high - low + eps) * 255


def _pair(x: Any, y: Any, name: str, other: str, *, axes: int) -> tuple[Any, Any]:
    """Both as floats of at least 32 bits, the second a constant."""
    for label, tensor in ((name, x), (other, y)):
        if not is_torch(tensor):
            raise TypeError(f"{label}: expected a torch tensor, got {type(tensor).__name__}")
    if len(x.shape) <= axes or not x.is_floating_point():
        raise ValueError(f"{name}: expected floats of more than {axes} axes, got {x.dtype} {tuple(x.shape)}")
    if x.shape != y.shape:
        raise ValueError(f"{other}: expected shape {tuple(x.shape)}, got {tuple(y.shape)}")
    from kinetrace._torch import refuse_grad

    refuse_grad("an ORO loss", **{other: y})
    wide = x.float() if x.dtype.itemsize < 4 else x
    return wide, y.to(wide.dtype)


def _reduced(loss: Any, reduction: str) -> Any:
    return loss.mean() if checked(reduction, "reduction", ("mean", "none")) == "mean" else loss
