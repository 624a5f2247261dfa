"""What masks say about an object: where it is, how much two masks overlap, how far apart they are."""

from __future__ import annotations

from typing import Any

from kinetrace._arrays import Array, any_torch, is_torch
from kinetrace._dispatch import backend_for


def mask_centroids(masks: Array, *, num_threads: int | None = None) -> Array:
    """Mean x and y of the set pixels of each mask.

    Args:
        masks (array, (B, T, H, W) | (T, H, W), bool | uint8): a pixel is set unless it is 0. At most 32767 pixels a side.
            Strided arrays are read in place. There is no gradient.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, (B, T, 2) or (T, 2), float64: x (to the right) and y (down) in pixels, pixel centres at whole numbers.
        NaN for an empty mask, and for nothing else: there is no separate status.

    Raises:
        ValueError: shape, dtype or device of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Notes:
        Sums of whole numbers and one division, rounded once: exact but for that. The first moments of the set pixels, as
        PISA's code takes them (published there).

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> masks = np.zeros((2, 4, 6), dtype=bool)
        >>> masks[0, 1:3, 2:5] = True
        >>> kt.mask_centroids(masks).tolist()
        [[3.0, 1.5], [nan, nan]]
    """
    if is_torch(masks):
        from kinetrace import _torch
        from kinetrace._torch import masks as torch_op

        _torch.refuse_grad("mask_centroids", masks=masks)
        if _torch.through_operator(masks):
            return torch_op.centroids(masks, num_threads)
    return backend_for(masks, "masks").mask_centroids(masks, num_threads)


def mask_iou(a: Array, b: Array, *, num_threads: int | None = None) -> Array:
    """Intersection over union of each pair of masks.

    Args:
        a (array, (B, T, H, W) | (T, H, W), bool | uint8): a pixel is set unless it is 0. At most 32767 pixels a side.
            Strided arrays are read in place. There is no gradient.
        b (array, shape of a, bool | uint8): the other masks.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, (B, T) or (T,), float64, 0 to 1: 1 for two empty masks, 0 when one is empty (PISA's rule, published).

    Raises:
        ValueError: shape, dtype or device of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> a, b = np.zeros((2, 1, 4, 4), dtype=np.uint8)
        >>> a[0, :2], b[0, 1:3] = 1, 1
        >>> kt.mask_iou(a, b).tolist()  # 4 pixels of 12
        [0.3333333333333333]
    """
    return _pair("mask_iou", a, b, num_threads)


def mask_chamfer(a: Array, b: Array, *, num_threads: int | None = None) -> Array:
    """Chamfer distance of each pair of masks: mean distance from a's pixels to b, plus that from b's pixels to a.

    Distances are exact and Euclidean, between pixel centres, from every set pixel (not the outline alone) to the nearest
    one of the other mask. The two means are added, not averaged, as in PISA's code (published); `kinetrace.metrics.pisa`
    divides by its scale.

    Args:
        a (array, (B, T, H, W) | (T, H, W), bool | uint8): a pixel is set unless it is 0. At most 32767 pixels a side.
            Strided arrays are read in place. There is no gradient.
        b (array, shape of a, bool | uint8): the other masks.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, (B, T) or (T,), float64, pixels. NaN where either mask is empty, and nowhere else: there is no separate
        status.

    Raises:
        ValueError: shape, dtype or device of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Notes:
        A separable distance transform in whole numbers: distances along columns, then along rows (Felzenszwalb and
        Huttenlocher, Theory of Computing 8, 2012), restricted to the rows and columns where there is something. The
        roots are added in a fixed order in float64: the same bits on every back end.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> a, b = np.zeros((2, 1, 8, 8), dtype=bool)
        >>> a[0, 1, 1] = b[0, 4, 5] = True  # 4 to the right, 3 down
        >>> kt.mask_chamfer(a, b).tolist()
        [10.0]
    """
    return _pair("mask_chamfer", a, b, num_threads)


def _pair(function: str, a: Array, b: Array, num_threads: int | None) -> Any:
    if any_torch(a, b):
        from kinetrace import _torch
        from kinetrace._torch import masks as torch_op

        _torch.refuse_grad(function, a=a, b=b)
        if is_torch(a) and _torch.through_operator(a, b):
            return torch_op.pairs[function](a, b, num_threads)
    return getattr(backend_for(a, "a"), function)(a, b, num_threads)
