"""pisa: the L2, Chamfer and IoU scores by which PISA compares the masks of a dropped object."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kinetrace._arrays import Array, device_type, is_torch
from kinetrace.masks import mask_centroids, mask_chamfer, mask_iou

Floats = npt.NDArray[np.float64]

_LARGEST_SIDE = 32767


def pisa(
    predicted: Array,
    true: Array,
    *,
    compat: bool = True,
    reduction: Literal["mean", "none"] = "mean",
    num_threads: int | None = None,
) -> dict[str, Any]:
    """L2 and Chamfer distance as shares of the image's diagonal, and IoU, of one object's masks in B videos.

    Per video, with c and c' the centroids, M and M' the masks of a frame and s = 1 / (sqrt(2) H):
    l2 = s mean_t of half |dx| + |dy| (compat) or of |c - c'| (not compat), chamfer = s mean_t of
    `kinetrace.mask_chamfer`, iou = mean_t of `kinetrace.mask_iou`. Frames in which either mask is empty are skipped in l2
    and chamfer; in iou they count, as 0 or, both empty, as 1.

    Args:
        predicted (array, (B, T, H, W) | (T, H, W), bool | uint8): masks of the generated videos. Read in place, on the CPU
            or a CUDA device.
        true (array, shape of predicted, bool | uint8): masks of the reference, on the same device. Clips of other frame
            rates: `pisa_frames` says which frames belong together.
        compat: as the published code computes, quirks included: in l2 the square root is taken of each squared
            coordinate difference, so that it is mean(|dx|, |dy|), not a distance; and a pixel is set only where it
            equals 1, so masks of 0 and 255 are empty. False: Euclidean l2, and a pixel is set unless it is 0.
        reduction: "mean": one float each, the mean over the videos that have a value; "none": float64 (B,), NaN for
            those that have none, a float each without B.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors.

    Returns:
        dict: "l2", "chamfer", "iou". NaN where no frame has both masks.

    Raises:
        ValueError: shape, dtype or device of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.

    Notes:
        Published: arXiv 2503.09595 and its code (eval.py, utils/metrics.py), which this equals, up to rounding, for
        compat=True; there the scale is the mask's height H also where the image is not square. Both forms of chamfer add
        the two directions' means. The dataset score is the mean over videos without those that are NaN: empty
        predictions shrink what l2 and chamfer look at and only iou falls, so report `pisa_coverage` with them. An
        empty batch gives NaN.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> true = np.zeros((1, 2, 256, 256), dtype=bool)
        >>> true[:, :, 100:110, 100:110] = True
        >>> moved = np.roll(true, (4, 3), axis=(2, 3))  # 4 down, 3 to the right
        >>> scores = kt.metrics.pisa(moved, true)
        >>> round(scores["l2"], 6), round(kt.metrics.pisa(moved, true, compat=False)["l2"], 6)
        (0.009667, 0.013811)
        >>> round(scores["iou"], 4)  # 42 pixels of 158
        0.2658
    """
    a, b = _masks(predicted, "predicted"), _masks(true, "true")
    _check_pair(a, b, compat, reduction)
    if compat:
        a, b = _ones(a), _ones(b)
    scale = 1 / (math.sqrt(2) * max(int(a.shape[-2]), 1))
    difference = np.abs(_centroids(a, num_threads) - _centroids(b, num_threads))
    per_frame = difference.mean(axis=-1) if compat else np.linalg.norm(difference, axis=-1)
    scores = {
        "l2": scale * _known_mean(per_frame),
        "chamfer": scale * _known_mean(_on_host(mask_chamfer(a, b, num_threads=num_threads))),
        "iou": _known_mean(_on_host(mask_iou(a, b, num_threads=num_threads))),
    }
    if reduction == "mean":
        return {name: float(_known_mean(values)) for name, values in scores.items()}
    return {name: values if values.ndim else float(values) for name, values in scores.items()}


def pisa_coverage(
    predicted: Array, true: Array, *, compat: bool = True, num_threads: int | None = None
) -> dict[str, float]:
    """How much of the data l2 and chamfer of `pisa` have seen.

    Args:
        predicted (array, (B, T, H, W) | (T, H, W), bool | uint8): as for `pisa`.
        true (array, shape of predicted, bool | uint8): as for `pisa`.
        compat: as for `pisa`: whether a pixel is set only where it equals 1.
        num_threads: as for `pisa`.

    Returns:
        dict: "frames": share of frames with both masks; "videos": share of videos with at least one such frame. NaN
        without frames, or videos.

    Raises:
        ValueError: shape, dtype or device of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.

    Notes:
        kinetrace's addition: the published code reports no such number.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> true = np.ones((2, 4, 8, 8), dtype=bool)
        >>> predicted = true.copy()
        >>> predicted[0, 1:] = False
        >>> kt.metrics.pisa_coverage(predicted, true)
        {'frames': 0.625, 'videos': 1.0}
    """
    a, b = _masks(predicted, "predicted"), _masks(true, "true")
    _check_pair(a, b, compat, "mean")
    if compat:
        a, b = _ones(a), _ones(b)
    seen = ~np.isnan(_centroids(a, num_threads) + _centroids(b, num_threads)).any(axis=-1)
    videos = seen.any(axis=-1)
    return {name: float(x.mean()) if x.size else math.nan for name, x in (("frames", seen), ("videos", videos))}


def pisa_frames(predicted_frames: int, true_frames: int, *, predicted_fps: float, true_fps: float) -> list[int]:
    """Frame of the reference that PISA compares with each frame of a prediction.

    Args:
        predicted_frames: number of frames of the prediction.
        true_frames: number of frames of the reference.
        predicted_fps: frames per second, > 0; PISA's generated clips: 16.
        true_fps: frames per second, > 0; PISA's real clips: 120, its simulated ones: 16.

    Returns:
        list[int]: for predicted frame k the index int(k (true_fps / predicted_fps)), as long as there is such a frame;
        predicted frames beyond the list are left out. The ratio is rounded first, as in the published code.

    Raises:
        ValueError: a negative number of frames, or a rate that is not a finite number > 0.
        TypeError: a number of frames that is not an integer, or a rate that is not a number.

    Example:
        >>> import kinetrace as kt
        >>> kt.metrics.pisa_frames(32, 40, predicted_fps=16, true_fps=120)
        [0, 7, 15, 22, 30, 37]
    """
    counts = [_count(predicted_frames, "predicted_frames"), _count(true_frames, "true_frames")]
    ratio = _rate(true_fps, "true_fps") / _rate(predicted_fps, "predicted_fps")
    return [index for index in (int(k * ratio) for k in range(counts[0])) if index < counts[1]]


def _masks(x: Array, name: str) -> Any:
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        raise TypeError(f"{name}: expected an array, got {type(x).__name__}")
    if getattr(x, "requires_grad", False):
        raise ValueError(f"{name}: expected a tensor without requires_grad (pisa has no gradient), got one with it")
    kind = str(x.dtype).removeprefix("torch.")
    if kind not in ("bool", "uint8"):
        raise ValueError(f"{name}: expected bool or uint8, got {kind}")
    if len(x.shape) not in (3, 4):
        raise ValueError(f"{name}: expected shape (B, T, H, W) or (T, H, W), got {tuple(x.shape)}")
    if max(x.shape[-2:]) > _LARGEST_SIDE:
        raise ValueError(f"{name}: expected at most {_LARGEST_SIDE} pixels a side, got {tuple(x.shape)}")
    return x


def _check_pair(a: Any, b: Any, compat: Any, reduction: Any) -> None:
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(f"true: expected the shape of predicted {tuple(a.shape)}, got {tuple(b.shape)}")
    if device_type(a) != device_type(b):
        raise ValueError(f"true: expected an array on {device_type(a)} like predicted, got one on {device_type(b)}")
    if not isinstance(compat, bool):
        raise TypeError(f"compat: expected True or False, got {type(compat).__name__}")
    if reduction not in ("mean", "none"):
        raise ValueError(f"reduction: expected 'mean' or 'none', got {reduction!r:.60}")


def _ones(masks: Any) -> Any:
    """The pixels that the published code takes: those that equal 1."""
    return masks if str(masks.dtype).removeprefix("torch.") == "bool" else masks == 1


def _centroids(masks: Any, num_threads: int | None) -> Floats:
    return _on_host(mask_centroids(masks, num_threads=num_threads))


def _on_host(x: Any) -> Floats:
    """A small result, whose value is asked for, as NumPy: on CUDA this waits for the device."""
    if is_torch(x):
        return np.asarray(x.cpu().numpy())
    return np.asarray(x.get() if hasattr(x, "get") else x)


def _known_mean(values: Any) -> Floats:
    """Mean over the last axis of what is not NaN; NaN where nothing is left. A 0-d array stays as it is."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim == 0:
        return x
    known = ~np.isnan(x)
    count = np.count_nonzero(known, axis=-1)
    total = np.where(known, x, 0.0).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    if int(value) < 0:
        raise ValueError(f"{name}: expected an integer >= 0, got {int(value)}")
    return int(value)


def _rate(value: Any, name: str) -> float:
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: expected a finite number > 0, got {value!r}")
    return float(value)
