"""How far tracks are from constant acceleration: their third difference, reduced to one penalty per problem."""

from __future__ import annotations

from kinetrace._arrays import Array, is_torch
from kinetrace._dispatch import backend_for


def track_residual(
    positions: Array,
    visible: Array | None = None,
    *,
    dt: float = 1.0,
    norm: str = "squared",
    reduction: str = "mean",
    num_threads: int | None = None,
) -> Array:
    """Third difference of positions, r_t = (p[t+3] - 3 p[t+2] + 3 p[t+1] - p[t]) / dt for t = 0 .. T-4.

    It vanishes iff the acceleration is constant. It is the residual of `kinematic_residual` followed along tracks, and,
    unlike it, 0 for perfect physics wherever an object moves. The form is kinetrace's choice, not a published one.

    Args:
        positions (array, (B, T, N, D) or (T, N, D), float32 | float64): N tracks of T >= 4 frames, D 1 to 4 coordinates
            of any unit. Strided arrays are read in place. Differentiable in torch.
        visible (array, (B, T, N) or (T, N), bool | uint8): a residual counts iff the track is visible in its four
            frames; positions that are not visible do not matter. Without B for all problems alike. None: all visible.
        dt: time between frames, in any unit; the residual is divided by it.
        norm: "squared": sum of r^2 over D; "abs": sum of |r|; "signed": r itself, coordinates kept.
        reduction: over the frames and tracks that count: "mean": divided by their number; "mean_elements": by D times
            it; "sum"; "none": the field, 0 where it does not count. Nothing counts: 0.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, dtype of positions: (B,), for "signed" (B, D); with reduction "none" (B, T-3, N) or (B, T-3, N, D).
        Without B when positions have none: a 0-d array for a single problem.

    Raises:
        ValueError: shape, dtype, device or value of an argument.
        TypeError: an argument is not an array, or not a string where one is meant.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error; in torch, a second derivative.

    Notes:
        All arithmetic is float64, in a fixed order; the result is rounded once to the dtype of positions. The
        derivative of |r| at 0 is 0. The gradient recomputes the residuals; only their number is kept between forward
        and backward.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> t = np.arange(8.0)[:, None, None]
        >>> thrown = np.concatenate([20 + 3 * t, 40 - 6 * t + t**2], axis=2)  # one track, constant acceleration
        >>> float(kt.track_residual(thrown))
        0.0
        >>> thrown[5:, :, 0] += 2  # a teleport touches three of the five residuals: 2, -4, 2
        >>> float(kt.track_residual(thrown, reduction="sum"))
        24.0
    """
    options = (dt, norm, reduction, num_threads)
    if is_torch(positions):
        from kinetrace._torch import track_residual as torch_op

        return torch_op.call(positions, visible, *options)
    return backend_for(positions, "positions").track_residual(positions, visible, *options)[0]
