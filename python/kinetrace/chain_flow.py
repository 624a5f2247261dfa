"""Points carried from frame to frame by optical flow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinetrace._arrays import Array, any_torch, is_torch
from kinetrace._dispatch import backend_for


class Tracks(NamedTuple):
    """Result of `chain_flow`, in the library and on the device of `flow`; of a batch, B comes before the axes named."""

    positions: Array
    """(T + 1, N, 2), dtype of flow, pixels: x, y at every frame. NaN before the start frame and after the last frame
    that was computed; the place where a point was lost is kept."""
    visible: Array
    """(T + 1, N) bool: the point is inside the image and has not been lost."""
    cycle_error: Array | None
    """(T + 1, N), dtype of flow, pixels: distance between a point and where its next position leads back to; 0 at the
    start frame, NaN where there is no position inside the image. None without backward_flow."""


def chain_flow(
    flow: Array,
    points: Array,
    *,
    backward_flow: Array | None = None,
    start: int | Array = 0,
    max_cycle_error: float | None = None,
    num_threads: int | None = None,
) -> Tracks:
    """Follows points through optical flow: p[t + 1] = p[t] + flow[t] sampled bilinearly at p[t].

    A point is inside the image iff 0 <= x <= W - 1 and 0 <= y <= H - 1 (NaN is not). At the first frame at which it is
    outside, or fails the cycle test, it is invisible and its position is kept as computed; from the next frame on it is
    NaN and invisible. Chaining and the forward-backward test are common practice; these border rules are kinetrace's
    choice. There is no gradient.

    Args:
        flow (array, (T, 2, H, W) | (B, T, 2, H, W), float32 | float64): pixels per frame, channel 0 to the right,
            channel 1 down. Read in place whatever its strides: a channels-last field goes in as a transposed view.
        points (array, (N, 2) | (B, N, 2), dtype of flow): x, y in pixels, pixel centres at whole numbers.
        backward_flow (array, shape and dtype of flow): backward_flow[t] leads from frame t + 1 back to frame t.
        start (int | array, (N,) | (B, N), int32 | int64): frame at which a point is given, 0 to T.
        max_cycle_error: pixels, >= 0; a point whose cycle error is larger, or NaN, is lost. Needs backward_flow.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        Tracks: positions, visibility and, with backward_flow, the cycle error.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument is not an array, or start not an integer.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Notes:
        On CUDA, start frames in an array are not checked (that would wait for the device): a point whose start is out
        of range is absent from every frame. Positions are computed in the dtype of flow, with the same bits on every
        back end: per axis (1 - f) a + f b as fma(f, b, fma(-f, a, a)), along x on both rows, then along y.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> flow = np.zeros((3, 2, 8, 16))
        >>> flow[:, 0] = 2.5
        >>> tracks = kt.chain_flow(flow, np.array([[4.0, 3.0], [11.0, 3.0]]))
        >>> tracks.positions[:, 0].tolist()
        [[4.0, 3.0], [6.5, 3.0], [9.0, 3.0], [11.5, 3.0]]
        >>> tracks.visible[:, 1].tolist()  # 11, 13.5, then 16 > 15
        [True, True, False, False]
    """
    # Anything without a shape goes on as a frame number: the native layer names the argument when it refuses it.
    start_each = None if isinstance(start, np.integer) or not hasattr(start, "shape") else start
    start_all = start if start_each is None else 0
    arguments = (points, backward_flow, start_each, start_all, max_cycle_error, num_threads)
    if any_torch(flow, points, backward_flow):
        from kinetrace import _torch
        from kinetrace._torch import chain_flow as torch_op

        _torch.refuse_grad("chain_flow", flow=flow, points=points, backward_flow=backward_flow)
        if is_torch(flow) and _torch.through_operator(flow, points, backward_flow, start_each):
            return Tracks(*torch_op.operator(flow, *arguments))
    return Tracks(*backend_for(flow, "flow").chain_flow(flow, *arguments))
