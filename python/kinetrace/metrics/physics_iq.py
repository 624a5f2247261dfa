"""physics_iq: the four scores of Physics-IQ and its total, relative to how much two real takes differ."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Bools, Floats, choice, masks, on_host, same_shape
from kinetrace.metrics.physics_iq_clip import PhysicsIQClip

Clips = PhysicsIQClip | tuple[Array, Array] | Sequence[PhysicsIQClip | tuple[Array, Array]]
_FOUR = ("spatial_iou", "spatiotemporal_iou", "weighted_spatial_iou", "mse")
_DIGITS = {"spatial_iou": 5, "spatiotemporal_iou": 4, "weighted_spatial_iou": 4, "mse": 4}


def physics_iq(predicted: Clips, take1: Clips, take2: Clips | None = None, *, compat: bool = True) -> dict[str, float]:
    """Physics-IQ of generated clips against a real take, normalised by a second take of the same events.

    spatial_iou: IoU of the pixels that move at any time. spatiotemporal_iou: mean over frames of the IoU of that frame
    (both empty: 1), not an IoU of volumes. weighted_spatial_iou: sum min(W, W') / sum max(W, W') with W the share of
    frames in which a pixel moves (nothing moves in either: 1). mse: mean over frames of the mean squared difference of
    pixels in [0, 1]. With v the same quantity between the two takes,

        score = 100 clip((st / st_v + s / s_v + ws / ws_v) / 3 - (mse - mse_v), 0, 1).

    Args:
        predicted: a `PhysicsIQClip`, any (frames, masks), or a sequence of them: one for each view of each scenario.
            frames (T, H, W, C) | (T, H, W), uint8, or float32 | float64 in [0, 1]; masks (T, H, W) bool | uint8.
        take1: the real clips, as many, of the same shapes.
        take2: the second real take of each; None gives the four scores alone.
        compat: as published: per-frame values rounded to 4 decimals, each variance to 4 (spatial: 5), the score to 2,
            float32 differences of pixels, and 100 where a variance is 0. False: nothing rounded, float64, NaN there.

    Returns:
        dict of float: the four means over clips, and with take2 "variance_<name>" of each and "score" in [0, 100].

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument, or different numbers of clips, frames or pixels.

    Notes:
        Published code: google-deepmind/physics-IQ-benchmark @e457754 code/calculate_and_write_metrics_to_csv.py and
        calculate_iq_score.py. Every clip has the same weight: the published order of averages over views, scenarios and
        frames gives that when all clips have the same number of frames, as the benchmark's 5 seconds have.

    Example:
        >>> import numpy as np
        >>> frames, moving = np.zeros((4, 8, 8, 3), np.uint8), np.zeros((4, 8, 8), bool)
        >>> moving[:, 2:5, 2:5] = True
        >>> clip = PhysicsIQClip(frames, moving)
        >>> physics_iq(clip, clip, clip)["score"]
        100.0
    """
    choice(compat, "compat", (False, True))
    generated, first = _checked(predicted, "predicted"), _checked(take1, "take1")
    result = _means(generated, first, "take1", compat)
    if take2 is not None:
        second = _checked(take2, "take2")
        variance = _means(first, second, "take2", compat)
        if compat:
            variance = {name: round(value, _DIGITS[name]) for name, value in variance.items()}
        result |= {f"variance_{name}": value for name, value in variance.items()}
        result["score"] = _total(result, variance, compat)
    return result


def _checked(clips: Any, name: str) -> list[tuple[Any, Bools]]:
    single = isinstance(clips, tuple) and len(clips) == 2 and hasattr(clips[0], "shape")
    listed = [clips] if single else list(clips) if isinstance(clips, list | tuple) else None
    if not listed:
        raise TypeError(f"{name}: expected (frames, masks) or a sequence of them, got {type(clips).__name__}")
    checked = []
    for clip in listed:
        if not isinstance(clip, tuple | list) or len(clip) != 2:
            raise TypeError(f"{name}: expected (frames, masks), got {type(clip).__name__}")
        frames, moving = on_host(clip[0], name), masks(clip[1], f"{name} masks", "(T, H, W)", (3,))
        if frames.ndim not in (3, 4) or frames.shape[:3] != moving.shape or moving.size == 0 or frames.size == 0:
            raise ValueError(f"{name}: expected frames (T, H, W[, C]) for masks {moving.shape}, got {frames.shape}")
        if frames.dtype != np.uint8:
            if frames.dtype.kind != "f":
                raise TypeError(f"{name}: expected uint8 or floating frames, got {frames.dtype}")
            if not bool(((frames >= 0) & (frames <= 1)).all()):
                raise ValueError(f"{name}: expected floating frames in [0, 1], got values outside, or NaN")
        checked.append((frames, moving))
    return checked


def _means(a: list[Any], b: list[Any], b_name: str, compat: bool) -> dict[str, float]:
    if len(a) != len(b):
        raise ValueError(f"{b_name}: expected {len(a)} clips, got {len(b)}")
    rows = [_compare(one, two, b_name, compat) for one, two in zip(a, b, strict=True)]
    return {name: float(np.mean([row[name] for row in rows])) for name in _FOUR}


def _compare(one: tuple[Any, Bools], two: tuple[Any, Bools], name: str, compat: bool) -> dict[str, float]:
    """The four scores of one pair of clips."""
    (frames, moving), (frames_b, moving_b) = one, two
    same_shape(frames_b, name, frames, "the other clip")
    counts = _frames_moving(moving), _frames_moving(moving_b)
    per_frame = _iou(_pixels(moving & moving_b), _pixels(moving | moving_b))
    ever = counts[0] > 0, counts[1] > 0
    squares = _squared_differences(frames, frames_b, compat)
    if compat:
        per_frame, squares = _rounded(per_frame), _rounded(squares)
    return {
        "spatial_iou": float(_iou(np.count_nonzero(ever[0] & ever[1]), np.count_nonzero(ever[0] | ever[1]))),
        "spatiotemporal_iou": float(per_frame.mean()),
        "weighted_spatial_iou": float(_iou(np.minimum(*counts).sum(), np.maximum(*counts).sum())),
        "mse": float(squares.mean()),
    }


def _iou(intersection: Any, union: Any) -> Floats:
    union = np.asarray(union, dtype=np.float64)
    return np.where(union == 0, 1.0, intersection / np.where(union == 0, 1.0, union))


def _pixels(moving: Bools) -> Floats:
    """Pixels of each frame; a frame at a time, since NumPy counts along axes by adding integers."""
    return np.array([np.count_nonzero(frame) for frame in moving], dtype=np.float64)


def _frames_moving(moving: Bools) -> npt.NDArray[np.int64]:
    """(H, W): in how many frames each pixel moves, added up in bytes as far as these reach."""
    total = np.zeros(moving.shape[1:], dtype=np.int64)
    for start in range(0, len(moving), 255):
        total += np.add.reduce(moving[start : start + 255].view(np.uint8), axis=0, dtype=np.uint8)
    return total


def _squared_differences(a: Any, b: Any, compat: bool) -> Floats:
    """Mean squared difference of each frame, pixels in [0, 1]; compat: in float32, as published."""
    precise = np.float32 if compat else np.float64
    values = np.empty(len(a), dtype=np.float64)
    for t in range(len(a)):
        if a.dtype == b.dtype == np.uint8:
            squares = _square_of_bytes(precise)[(a[t].astype(np.uint16) << 8) | b[t]]
        else:
            squares = (_unit(a[t], precise) - _unit(b[t], precise)) ** 2
        values[t] = squares.mean()
    return values


@functools.cache
def _square_of_bytes(precise: Any) -> npt.NDArray[Any]:
    """(256 * 256,) squared differences of two bytes / 255: looked up, the bits of computing each, and quicker."""
    unit = _unit(np.arange(256, dtype=np.uint8), precise)
    squares: npt.NDArray[Any] = ((unit[:, None] - unit) ** 2).ravel()
    return squares


def _unit(frame: Any, precise: Any) -> Any:
    """One frame in [0, 1]."""
    return (frame / 255.0 if frame.dtype == np.uint8 else frame).astype(precise)


def _rounded(values: Floats) -> Floats:
    """To 4 decimals as Python rounds, which is not what NumPy's scaled rounding gives near ties."""
    return np.array([round(value, 4) for value in values.tolist()])


def _total(scores: dict[str, float], variance: dict[str, float], compat: bool) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [np.float64(scores[name]) / np.float64(variance[name]) for name in _FOUR[:3]]
    total = float(sum(ratios)) / 3 - (scores["mse"] - variance["mse"])
    if not np.isfinite(total):
        return float(min(total, 100.0)) if compat else float("nan")
    clipped = max(min(100 * total, 100.0), 0.0)
    return round(clipped, 2) if compat else clipped
