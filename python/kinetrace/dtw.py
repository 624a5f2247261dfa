"""Dynamic time warping of batches: distances, paths, subsequence curves and per-step rewards."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kinetrace._alignment import Sequences, metric_arguments, refuse_grad, sequences, zeros
from kinetrace._arrays import Array, is_torch
from kinetrace._dispatch import backend_for
from kinetrace.soft_dtw import native as soft_native
from kinetrace.step_pattern import StepPattern

#: Host memory that the directions of a path may take per thread; longer pairs are traced back piece by piece.
DIRECTION_BYTES = 64 << 20


class DtwResult(NamedTuple):
    """Result of `dtw` with return_path, in the library and on the device of x."""

    distance: Array
    """(B,), dtype of x: what `dtw` returns without the path."""
    path: Array
    """(B, P, 2) int32: the cells (i, j) of the best path from its start to its end, -1 beyond its length."""
    path_lengths: Array
    """(B,) int32: cells of the path, 0 where there is none."""
    status: Array
    """(B,) int32: kinetrace.Status; INFEASIBLE has distance +inf, EMPTY and NON_FINITE have NaN."""


def dtw(
    x: Array,
    y: Array,
    *,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    metric: Any = "sqeuclidean",
    step: StepPattern | str = "symmetric1",
    window: int | float | None = None,
    subsequence: bool | str = False,
    normalize: str | None = None,
    return_path: bool = False,
    num_threads: int | None = None,
) -> Any:
    """Aligns each x with its y: the smallest accumulated cost of a path of the step pattern. No square root is taken.

    D[i, j] = min over steps (di, dj, w) of D[i - di, j - dj] + w C[i, j], from D[0, 0] = C[0, 0]. The distance is D[n -
    1, m - 1]. With a free start D[0, j] = C[0, j] for every j, with a free end the distance is the smallest D[n - 1, j],
    the first of equal ones. Sakoe and Chiba 1978 (step patterns), Müller 2007 (subsequences); the order of ties, the
    window for unequal lengths, and the statuses are kinetrace's choice.

    Args:
        x (array, (B, N) | (B, N, D) | (1, N[, D]), float16 | bfloat16 | float32 | float64): sequences of samples, or a
            list of arrays (n,) or (n, D). Half precision is computed in float32.
        y (array, (B, M) | (B, M, D) | (1, M[, D]), dtype of x): what they are aligned with; a batch of one repeats.
        x_lengths (array, (B,), int32 | int64): samples that count, 0 to N; padding beyond is never read. None: all.
        y_lengths (array, (B,), int32 | int64): the same of y.
        metric: cost of two samples: "sqeuclidean", "euclidean", "l1", "cosine" (1 - cos, 1 where a norm is 0), "dot"
            (-x.y); or a compiled callback double(T* x, T* y, int64 D) with T the dtype of x, a numba.cfunc or a
            scipy.LowLevelCallable (which may take void* user data last). Callbacks work on the CPU alone, and are
            called without the GIL from several threads.
        step: a StepPattern or the name of one.
        window: None, a Sakoe-Chiba radius in samples (int), or a fraction of the shorter sequence (float 0 to 1). Cell
            (i, j) is inside iff it is at most that many samples of the shorter sequence away from the straight line
            between the corners; for unequal lengths at least half a sample, so that single steps always find a way.
        subsequence: True: all of x against any contiguous part of y; "start" or "end" frees that end of y alone.
        normalize: None, or what the distance is divided by: "x" (n), "y" (m), "sum" (n + m), "path" (its cells).
        return_path: whether to return a DtwResult.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array (B,), dtype of x (float32 for halves), or DtwResult. +inf where no path exists, NaN where a sequence is
        empty or a used value is not finite (or all sums overflow). Ties of a path go by the order of the steps
        (StepPattern says how), and to the first end.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad (see soft_dtw).
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> x, y = np.array([[0.0, 1.0, 5.0]]), np.array([[9.0, 0.0, 1.0, 1.0, 5.0, 7.0]])
        >>> kt.dtw(x, y)
        array([85.])
        >>> result = kt.dtw(x, y, subsequence=True, return_path=True)
        >>> result.distance.tolist(), result.path[0, : result.path_lengths[0]].tolist()
        ([0.0], [[0, 1], [1, 2], [1, 3], [2, 4]])
    """
    given = sequences("dtw", x, y, None, x_lengths, y_lengths)
    wanted = "path" if return_path else "distance"
    return _result(_run("dtw", given, wanted, metric, step, window, subsequence, normalize, num_threads), return_path)


def dtw_from_cost(
    cost: Array,
    *,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    step: StepPattern | str = "symmetric1",
    window: int | float | None = None,
    subsequence: bool | str = False,
    normalize: str | None = None,
    return_path: bool = False,
    num_threads: int | None = None,
) -> Any:
    """`dtw` on given local costs.

    Args:
        cost (array, (B, N, M), float16 | bfloat16 | float32 | float64): may be negative; +inf forbids a cell. Or a list
            of arrays (n, m). Read in place whatever its strides.
        x_lengths (array, (B,), int32 | int64): rows that count; None: all.
        y_lengths (array, (B,), int32 | int64): columns that count.
        step: as in `dtw`.
        window: as in `dtw`; costs outside are not looked at.
        subsequence: as in `dtw`.
        normalize: as in `dtw`.
        return_path: as in `dtw`.
        num_threads: as in `dtw`.

    Returns:
        array (B,), dtype of cost, or DtwResult, as `dtw`. NaN or -inf in a cell inside the window is NON_FINITE.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> cost = np.array([[[0.9, 0.1, 0.8, 0.9, 0.7], [0.8, 0.9, 0.9, 0.2, 0.6], [0.7, 0.9, 0.8, 0.9, 0.3]]])
        >>> kt.dtw_from_cost(cost, step="sequential_jump", subsequence=True).round(6)
        array([0.6])
    """
    given = sequences("dtw_from_cost", None, None, cost, x_lengths, y_lengths)
    wanted = "path" if return_path else "distance"
    outcome = _run("dtw_from_cost", given, wanted, "sqeuclidean", step, window, subsequence, normalize, num_threads)
    return _result(outcome, return_path)


def dtw_matrix(
    xs: Array,
    ys: Array | None = None,
    *,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    metric: Any = "sqeuclidean",
    step: StepPattern | str = "symmetric1",
    window: int | float | None = None,
    subsequence: bool | str = False,
    normalize: str | None = None,
    num_threads: int | None = None,
) -> Array:
    """Distances of all pairs: of every sequence of xs to every one of ys, or of xs.

    Without ys, and where exchanging the sequences changes nothing (a symmetric step pattern, no free end, no callback,
    normalize other than "x" and "y"), each pair is computed once.

    Args:
        xs (array, (Bx, N) | (Bx, N, D)): as x in `dtw`, or a list of arrays.
        ys (array, (By, M) | (By, M, D), dtype of xs): None: xs itself, with its lengths.
        x_lengths (array, (Bx,), int32 | int64): samples that count.
        y_lengths (array, (By,), int32 | int64): samples that count; None without ys.
        metric: as in `dtw`.
        step: as in `dtw`.
        window: as in `dtw`.
        subsequence: as in `dtw`.
        normalize: as in `dtw`.
        num_threads: as in `dtw`.

    Returns:
        array (Bx, By) or (Bx, Bx), dtype of xs: distances as `dtw` returns them.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> kt.dtw_matrix(np.array([[0.0, 1, 2], [0, 2, 2], [3, 3, 3]]))
        array([[ 0.,  1., 14.],
               [ 1.,  0., 11.],
               [14., 11.,  0.]])
    """
    if ys is None and y_lengths is not None:
        raise ValueError(f"y_lengths: expected None without ys, got {type(y_lengths).__name__}")
    given = sequences("dtw_matrix", xs, xs if ys is None else ys, None, x_lengths, y_lengths)
    if ys is None:
        given = given._replace(y=given.x, y_lengths=given.x_lengths)
    mirrored = (
        ys is None
        and isinstance(metric, str)
        and subsequence is False
        and normalize not in ("x", "y", "path")
        and StepPattern.of(step).is_symmetric
    )
    pairing = "upper" if mirrored else "all"
    return _run("dtw_matrix", given, "distance", metric, step, window, subsequence, normalize, num_threads, pairing)[0]


def dtw_curve(
    x: Array | None = None,
    y: Array | None = None,
    *,
    cost: Array | None = None,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    metric: Any = "sqeuclidean",
    step: StepPattern | str = "symmetric1",
    window: int | float | None = None,
    subsequence: bool | str = True,
    normalize: str | None = None,
    num_threads: int | None = None,
) -> Array:
    """Last row of the accumulated cost: with a free start, how well all of x ends at each sample of y.

    Its smallest value is the distance with a free end (the matching function of Müller 2007, there divided by n).

    Args:
        x (array, (B, N) | (B, N, D)): as in `dtw`; None with cost.
        y (array, (B, M) | (B, M, D) | (1, M[, D])): as in `dtw`; None with cost.
        cost (array, (B, N, M)): as in `dtw_from_cost`, in place of x and y.
        x_lengths (array, (B,), int32 | int64): as in `dtw`.
        y_lengths (array, (B,), int32 | int64): as in `dtw`.
        metric: as in `dtw`.
        step: as in `dtw`.
        window: as in `dtw`.
        subsequence: as in `dtw`; only the free start matters.
        normalize: None, "x", "y" or "sum".
        num_threads: as in `dtw`.

    Returns:
        array (B, M), dtype of x: +inf where no path ends and beyond the length of y, NaN all along where a sequence is
        empty or a used value is not finite.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> kt.dtw_curve(np.array([[1.0, 2.0]]), np.array([[0.0, 1.0, 2.0, 0.0, 1.0, 3.0]]))
        array([[5., 1., 0., 4., 1., 1.]])
    """
    given = sequences("dtw_curve", x, y, cost, x_lengths, y_lengths)
    return _run("dtw_curve", given, "curve", metric, step, window, subsequence, normalize, num_threads)[4]


def dtw_rewards(
    x: Array | None = None,
    y: Array | None = None,
    *,
    cost: Array | None = None,
    x_lengths: Array | None = None,
    y_lengths: Array | None = None,
    metric: Any = "sqeuclidean",
    step: StepPattern | str = "symmetric1",
    window: int | float | None = None,
    subsequence: bool | str = False,
    gamma: float | None = None,
    num_threads: int | None = None,
) -> Array:
    """A reward for every sample of x: minus the mean cost of the samples of y that the best path gives it.

    r[i] = -sum_j W[i, j] C[i, j], W the path's cells with each row divided by their number, as rewards from optimal
    alignments are formed in imitation learning (the hard form of temporal alignment rewards). With gamma, W is the
    expected alignment of `soft_dtw` instead.

    Args:
        x (array, (B, N) | (B, N, D)): as in `dtw`; None with cost.
        y (array, (B, M) | (B, M, D) | (1, M[, D])): as in `dtw`; None with cost.
        cost (array, (B, N, M)): as in `dtw_from_cost`, in place of x and y.
        x_lengths (array, (B,), int32 | int64): as in `dtw`.
        y_lengths (array, (B,), int32 | int64): as in `dtw`.
        metric: as in `dtw`. Rewards read single costs again: those of a callback are kept, (B, N, M), and it is called
            twice for each.
        step: as in `dtw`.
        window: as in `dtw`.
        subsequence: as in `dtw`.
        gamma: None: the best path. A number: the expected alignment of that softness, as in `soft_dtw`; with the steps of
            "symmetric1" and both ends fixed only.
        num_threads: as in `dtw`.

    Returns:
        array (B, N), dtype of x: 0 beyond the length of x, NaN for a sample that the path skips (steps with di > 1) and
        all along where there is no path.

    Raises:
        ValueError: shape, dtype, device or range of an argument; a torch tensor that requires grad.
        TypeError: an argument of another type.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> kt.dtw_rewards(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 2.5, 3.5]]), metric="l1")
        array([[ 0. , -0.5, -0.5]])
    """
    given = sequences("dtw_rewards", x, y, cost, x_lengths, y_lengths)
    if not isinstance(metric, str):
        if given.cost is not None:
            raise TypeError(f"metric: expected a name beside cost, got {type(metric).__name__}")
        given, metric = _with_costs_of(metric, given, num_threads), "sqeuclidean"
    if gamma is not None:
        if subsequence is not False or StepPattern.of(step).steps != StepPattern.of("symmetric1").steps:
            raise ValueError(f"gamma: expected None with another step than 'symmetric1' or a free end, got {gamma}")
        refuse_grad("dtw_rewards", given)
        return soft_native(given, metric, window, gamma, num_threads, rewards=True)[5]
    return _run("dtw_rewards", given, "rewards", metric, step, window, subsequence, None, num_threads)[5]


def _with_costs_of(callback: Any, given: Sequences, num_threads: int | None) -> Sequences:
    """The costs that a compiled callback gives the samples of each pair, in place of the sequences."""
    _run("dtw_rewards", given, "distance", callback, "symmetric1", None, False, None, num_threads)  # checks everything
    x, y = given.x, given.y
    assert x is not None
    assert y is not None
    count = len(y) if len(x) == 1 else len(x)
    if count == 0:
        return given
    lengths = [
        np.broadcast_to(a.shape[1] if own is None else np.asarray(own), (count,)).tolist()
        for a, own in ((x, given.x_lengths), (y, given.y_lengths))
    ]
    extents = [[n, m] for n, m in zip(*lengths, strict=True)]
    cost, ends = zeros(x, (count, x.shape[1], y.shape[1]), extents)
    for b, (n, m) in enumerate(extents):
        if n and m:
            rows, columns = x[b % len(x), :n, None], y[b % len(y), :m, None]
            cost[b, :n, :m] = dtw_matrix(rows, columns, metric=callback, num_threads=num_threads)
    return Sequences(None, None, cost, ends[:, 0], ends[:, 1])


def _run(
    function: str,
    given: Sequences,
    wanted: str,
    metric: Any,
    step: StepPattern | str,
    window: int | float | None,
    subsequence: bool | str,
    normalize: str | None,
    num_threads: int | None,
    pairing: str = "zipped",
) -> tuple[Any, ...]:
    """The native call: distance, status, path, path_lengths, curve, rewards; None where not wanted."""
    refuse_grad(function, given)
    first, name = given.first
    metric_name, callback = metric_arguments(metric, first)
    steps = StepPattern.of(step).steps
    options = (window, subsequence, normalize, wanted, pairing, DIRECTION_BYTES, num_threads)
    arguments = (*given, metric_name, callback, steps, *options)
    if callback is None and is_torch(first):
        from kinetrace import _torch
        from kinetrace._torch import dtw as torch_op

        if _torch.through_operator(*given):
            return torch_op.call(arguments)
    outcome: tuple[Any, ...] = backend_for(first, name).dtw(*arguments)
    return outcome


def _result(outcome: tuple[Any, ...], return_path: bool) -> Any:
    distance, status, path, path_lengths, _, _ = outcome
    return DtwResult(distance, path, path_lengths, status) if return_path else distance
