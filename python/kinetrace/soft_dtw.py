"""Soft dynamic time warping of batches: values with gradients, and expected alignments."""

from __future__ import annotations

from typing import Any

from kinetrace._alignment import Sequences, refuse_grad, sequences
from kinetrace._arrays import Array, any_torch, is_torch
from kinetrace._dispatch import backend_for

#: Host memory that the softmin weights of one group of pairs may take per thread; beyond, rows are computed twice.
KEPT_BYTES = 16 << 20


def soft_dtw(
    x: Array,
    y: Array,
    *,
    gamma: float = 1.0,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    metric: str = "sqeuclidean",
    window: int | float | None = None,
    num_threads: int | None = None,
) -> Array:
    """Soft-DTW of each x with its y: DTW with the minimum replaced by -gamma log sum exp(-./gamma), so differentiable.

    R[i, j] = C[i, j] + softmin(R[i-1, j-1], R[i-1, j], R[i, j-1]) from R[0, 0] = C[0, 0]; the value is R[n-1, m-1]. It
    is the soft minimum over all paths of their costs: at most the DTW distance, below it by at most gamma times the
    logarithm of the number of paths, and it may be negative. Cuturi and Blondel 2017; window, lengths and statuses as
    in `dtw` are kinetrace's choice.

    Args:
        x (array, (B, N) | (B, N, D) | (1, N[, D]), float16 | bfloat16 | float32 | float64): sequences of samples, or a
            list of arrays (n,) or (n, D). Half precision is computed in float32. Differentiable in torch.
        y (array, (B, M) | (B, M, D) | (1, M[, D]), dtype of x): what they are aligned with; a batch of one repeats.
            Differentiable in torch.
        gamma: softness, in units of the cost, 1e-30 to 1e30. Towards 0 the value becomes that of `dtw`.
        x_lengths (array, (B,), int32 | int64): samples that count, 0 to N; padding beyond is never read. None: all.
        y_lengths (array, (B,), int32 | int64): the same of y.
        metric: cost of two samples: "sqeuclidean", "euclidean", "l1", "cosine" (1 - cos, 1 where a norm is 0), "dot"
            (-x.y).
        window: None, a Sakoe-Chiba radius in samples (int), or a fraction of the shorter sequence (float 0 to 1), as in
            `dtw`.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array (B,), dtype of x (float32 for halves): NaN where a sequence is empty or a used value is not finite, +inf
        where no path has a finite cost.

    Raises:
        ValueError: shape, dtype, device or range of an argument.
        TypeError: an argument of another type; a compiled callback (see `soft_dtw_from_cost`).
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error; in torch, a second derivative.

    Notes:
        All arithmetic is in the dtype of x. Kept are not the values but exp(-R/gamma) as mantissas with exponents of
        their own: errors grow neither with the costs nor with 1/gamma, float32 gradients are right to some 1e-6 of
        the largest. A cost of 4e29 gamma or more counts as infinite in float32, of 3e270 gamma in float64; one as far
        below 0 makes the value NaN.

        Where a gradient is wanted it is computed together with the value (two thirds of the time go there), from the
        softmin weights, of which each thread keeps up to 16 MiB; longer pairs are computed in pieces of rows, once
        more. Without one, memory is linear in N + M. The derivative of |x - y| at 0 is 0. Gradients are 0 beyond the
        lengths and for pairs without a path or without samples, NaN for those with a value that is not finite; a pair
        whose upstream gradient is 0 contributes 0 whatever it holds, so masking a pair's value is enough.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> x, y = np.array([[0.0, 1.0, 5.0]]), np.array([[0.0, 2.0, 2.0, 5.0]])
        >>> [kt.soft_dtw(x, y, gamma=gamma).round(3).tolist() for gamma in (1.0, 0.1, 1e-6)]
        [[1.637], [2.0], [2.0]]
    """
    _refuse_callback(metric)
    given = sequences("soft_dtw", x, y, None, x_lengths, y_lengths)
    if any_torch(given.x, given.y):
        _require_one_library(given.x, given.y)
        from kinetrace._torch import soft_dtw as torch_op

        return torch_op.call(given.x, given.y, given.x_lengths, given.y_lengths, metric, window, gamma, num_threads)
    return native(given, metric, window, gamma, num_threads)[0]


def soft_dtw_from_cost(
    cost: Array,
    *,
    gamma: float = 1.0,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    window: int | float | None = None,
    num_threads: int | None = None,
) -> Array:
    """`soft_dtw` on given local costs; its gradient with respect to them is the expected alignment.

    Args:
        cost (array, (B, N, M), float16 | bfloat16 | float32 | float64): may be negative; +inf forbids a cell. Or a list
            of arrays (n, m). Read in place whatever its strides. Differentiable in torch.
        gamma: as in `soft_dtw`.
        x_lengths (array, (B,), int32 | int64): rows that count; None: all.
        y_lengths (array, (B,), int32 | int64): columns that count.
        window: as in `soft_dtw`; costs outside are not looked at.
        num_threads: as in `soft_dtw`.

    Returns:
        array (B,), dtype of cost, as `soft_dtw`. NaN or -inf in a cell inside the window makes the value NaN.

    Raises:
        ValueError: shape, dtype, device or range of an argument.
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error; in torch, a second derivative.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> cost = np.array([[[0.0, 9.0], [9.0, 0.0]]])
        >>> (kt.soft_dtw_from_cost(cost, gamma=1.0) * 1e4).round(4)  # three paths: -log(1 + 2 exp(-9))
        array([-2.4679])
    """
    given = sequences("soft_dtw_from_cost", None, None, cost, x_lengths, y_lengths)
    if is_torch(given.cost):
        from kinetrace._torch import soft_dtw as torch_op

        return torch_op.call_from_cost(given.cost, given.x_lengths, given.y_lengths, window, gamma, num_threads)
    return native(given, "sqeuclidean", window, gamma, num_threads)[0]


def soft_dtw_alignment(
    x: Array | None = None,
    y: Array | None = None,
    *,
    cost: Array | None = None,
    gamma: float = 1.0,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    metric: str = "sqeuclidean",
    window: int | float | None = None,
    num_threads: int | None = None,
) -> Array:
    """Expected alignment E[i, j] = d soft_dtw / d C[i, j]: the probability that a path goes through cell (i, j).

    Paths are drawn with probability proportional to exp(-cost / gamma) (Cuturi and Blondel 2017).

    Args:
        x (array, (B, N) | (B, N, D)): as in `soft_dtw`; None with cost.
        y (array, (B, M) | (B, M, D) | (1, M[, D])): as in `soft_dtw`; None with cost.
        cost (array, (B, N, M)): as in `soft_dtw_from_cost`, in place of x and y.
        gamma: as in `soft_dtw`.
        x_lengths (array, (B,), int32 | int64): as in `soft_dtw`.
        y_lengths (array, (B,), int32 | int64): as in `soft_dtw`.
        metric: as in `soft_dtw`.
        window: as in `soft_dtw`.
        num_threads: as in `soft_dtw`.

    Returns:
        array (B, N, M), dtype of x: 0 beyond the lengths, outside the window, and all over where there is no path; NaN
        within the lengths where a used value is not finite. Entries below 1e-18 (float32) or 3e-154 count as 0.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> kt.soft_dtw_alignment(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0, 1.0]]), gamma=0.01).round(3)[0]
        array([[1., 0., 0.],
               [0., 1., 1.]])
    """
    _refuse_callback(metric)
    given = sequences("soft_dtw_alignment", x, y, cost, x_lengths, y_lengths)
    refuse_grad("soft_dtw_alignment", given)
    if any_torch(given.x, given.y, given.cost):
        from kinetrace._torch import soft_dtw as torch_op

        if given.cost is None:
            _require_one_library(given.x, given.y)
        return torch_op.call_alignment(given, metric, window, gamma, num_threads)
    return native(given, metric, window, gamma, num_threads, alignment=True)[4]


def native(
    given: Sequences,
    metric: str,
    window: int | float | None,
    gamma: float,
    num_threads: int | None,
    *,
    x_gradient: bool = False,
    y_gradient: bool = False,
    alignment: bool = False,
    rewards: bool = False,
) -> tuple[Any, ...]:
    """The native call: value, status, x_gradient, y_gradient, alignment, rewards; None where not wanted."""
    first, name = given.first
    outcome: tuple[Any, ...] = backend_for(first, name).soft_dtw(
        *given, metric, window, gamma, x_gradient, y_gradient, alignment, rewards, KEPT_BYTES, num_threads
    )
    return outcome


def _refuse_callback(metric: Any) -> None:
    if not isinstance(metric, str):
        raise TypeError(
            f"metric: expected a name, got {type(metric).__name__}, which has no gradient; "
            "pass its costs to soft_dtw_from_cost"
        )


def _require_one_library(x: Array, y: Array) -> None:
    if is_torch(x) != is_torch(y):
        raise TypeError(f"y: expected {type(x).__name__} like x, got {type(y).__name__}")
