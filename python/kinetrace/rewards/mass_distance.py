"""The mass term of NewtonRewards: how far features of generated clips are from those of their references."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinetrace._arrays import Array, is_torch, library_of, widened
from kinetrace.rewards._clips import checked

DISTANCES = ("mse", "l1", "cosine")


def mass_distance(features: Array, reference: Array, *, distance: str = "mse", reduction: str = "mean") -> Array:
    """Distance of features from those of a reference, one number per clip: 0 where they agree.

    NewtonRewards (arXiv 2512.00425) compares V-JEPA 2 features of the generated clip with those of the ground-truth clip,
    gradients flowing through the generated one alone (published). The squared difference averaged over tokens and channels
    is derived from its figure; the other distances and the sum are kinetrace's choice, since the paper is silent.

    Args:
        features (array, (B, ..., C), float): channels last; float16 and bfloat16 are widened to float32. Differentiable in
            torch.
        reference (array, the same shape, library and device): counts as a constant.
        distance: "mse": squares of differences; "l1": their magnitudes; "cosine": 1 minus the cosine of the angle between
            channel vectors, one per token (1 where a vector is shorter than 1e-8).
        reduction: "mean": over tokens and channels ("cosine": tokens); "sum".

    Returns:
        array (B,), float32 or float64.

    Raises:
        ValueError: shapes differ, fewer than two axes, an unknown distance or reduction, a reference that requires grad.
        TypeError: no arrays of one library.

    Example:
        >>> import numpy as np
        >>> from kinetrace.rewards import mass_distance
        >>> mass_distance(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 0.0]]])).tolist()
        [2.0]
    """
    checked(distance, "distance", DISTANCES)
    checked(reduction, "reduction", ("mean", "sum"))
    for name, x in (("features", features), ("reference", reference)):
        if library_of(x) == "other":
            raise TypeError(f"{name}: expected a NumPy, Torch or CuPy array, got {type(x).__name__}")
    if library_of(features) != library_of(reference):
        raise TypeError(f"reference: expected a {library_of(features)} array, got {library_of(reference)}")
    if len(features.shape) < 2 or tuple(features.shape) != tuple(reference.shape):
        wanted = "at least two axes (B, ..., C)" if len(features.shape) < 2 else f"shape {tuple(features.shape)}"
        raise ValueError(f"reference: expected {wanted}, got {tuple(reference.shape)}")
    if is_torch(reference):
        from kinetrace._torch import refuse_grad

        refuse_grad("mass_distance", reference=reference)
    x, y = widened(features), widened(reference)
    field = {"mse": _squared, "l1": _absolute, "cosine": _turned}[distance](x, y)
    rows = field.reshape(len(field), -1)
    return rows.mean(1) if reduction == "mean" else rows.sum(1)


def _squared(x: Any, y: Any) -> Any:
    return (x - y) ** 2


def _absolute(x: Any, y: Any) -> Any:
    return abs(x - y)


def _turned(x: Any, y: Any) -> Any:
    """1 - cosine over the last axis, which is 0 where a vector is too short to have a direction."""
    short = 1e-8
    if is_torch(x):
        from torch.nn.functional import cosine_similarity

        return 1 - cosine_similarity(x, y, dim=-1, eps=short)
    length = np.maximum((x * x).sum(-1) ** 0.5, short) * np.maximum((y * y).sum(-1) ** 0.5, short)
    return 1 - (x * y).sum(-1) / length
