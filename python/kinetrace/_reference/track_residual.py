"""Definition of track_residual: the third difference of positions along tracks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kinetrace._reference._reduce import Float, backward_field, forward_field


def track_residual(
    positions: npt.ArrayLike,
    visible: npt.ArrayLike | None = None,
    *,
    dt: float = 1.0,
    norm: str = "squared",
    reduction: str = "mean",
) -> Float:
    """Residual r = (p[t+3] - 3 p[t+2] + 3 p[t+1] - p[t]) / dt, which is 0 iff the acceleration is constant.

    It counts iff the track is visible in all four frames; positions that are not visible do not matter.
    This is the flow residual of kinematic_residual followed along tracks; the form is kinetrace's choice.

    Args:
        positions: (B,T,N,D) or (T,N,D), T >= 4.
        visible: (B,T,N) or (T,N), bool or uint8.
        dt: time between frames.
        norm: "squared": sum of r^2 over D; "abs": sum of |r|; "signed": r itself.
        reduction: over frames and tracks that count: "sum"; "mean": by their number; "mean_elements": by D
            times it; "none": the field, 0 where it does not count. Nothing counts: 0.

    Returns:
        (B,), "signed" (B,D); "none": (B,T-3,N), "signed" (B,T-3,N,D); without B when positions have none.
    """
    batch, seen = _prepare(positions, visible)
    d_count = batch.shape[3]
    values = []
    for b in range(len(batch)):
        r, w = _residual(batch[b], seen[b], dt)
        values.append(_frames_first(forward_field(r, w, norm, reduction), norm, reduction))
    t_count, n_count = batch.shape[1] - 3, batch.shape[2]
    shape = (t_count, n_count) if reduction == "none" else ()
    shape = (*shape, d_count) if norm == "signed" else shape
    out = np.stack(values) if values else np.empty((0, *shape))
    return out if np.ndim(positions) == 4 else out[0]


def track_residual_backward(
    positions: npt.ArrayLike,
    upstream: npt.ArrayLike,
    visible: npt.ArrayLike | None = None,
    *,
    dt: float = 1.0,
    norm: str = "squared",
    reduction: str = "mean",
) -> Float:
    """Gradient with respect to positions of sum(upstream * track_residual(positions, ...)), in their shape.

    The derivative of |r| at 0 is 0; a position that takes part in nothing that counts has gradient 0.
    """
    batch, seen = _prepare(positions, visible)
    up = np.asarray(upstream, dtype=np.float64)
    up = up if np.ndim(positions) == 4 else up[None]
    gradient = np.zeros(batch.shape)
    for b in range(len(batch)):
        r, w = _residual(batch[b], seen[b], dt)
        q = backward_field(r, w, norm, reduction, _frames_first(up[b], norm, reduction)) / dt
        q = np.swapaxes(q, 1, 2)
        for offset, factor in enumerate((-1.0, 3.0, -3.0, 1.0)):
            gradient[b, offset : offset + len(q)] += factor * q
    return gradient if np.ndim(positions) == 4 else gradient[0]


def _prepare(positions: npt.ArrayLike, visible: npt.ArrayLike | None) -> tuple[Float, npt.NDArray[np.bool_]]:
    """Positions (B,T,N,D) and visibility (B,T,N)."""
    batch = np.asarray(positions, dtype=np.float64)
    batch = batch if batch.ndim == 4 else batch[None]
    if visible is None:
        return batch, np.ones(batch.shape[:3], dtype=bool)
    return batch, np.broadcast_to(np.asarray(visible) != 0, batch.shape[:3])


def _residual(p: Float, seen: npt.NDArray[np.bool_], dt: float) -> tuple[Float, Float]:
    """Residuals (T-3,D,N), 0 where they do not count, and weights (T-3,N) of 0 and 1."""
    counts = seen[:-3] & seen[1:-2] & seen[2:-1] & seen[3:]
    with np.errstate(all="ignore"):
        r = (p[3:] - 3 * p[2:-1] + 3 * p[1:-2] - p[:-3]) / dt
    return np.swapaxes(np.where(counts[..., None], r, 0.0), 1, 2), counts.astype(np.float64)


def _frames_first(field: Float, norm: str, reduction: str) -> Float:
    """(T,N,D) to (T,D,N) and back: the shared reductions keep components second, track fields last."""
    return np.swapaxes(field, 1, 2) if norm == "signed" and reduction == "none" else field
