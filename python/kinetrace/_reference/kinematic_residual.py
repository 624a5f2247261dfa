"""Definition of kinematic_residual: the second difference of flow, at fixed pixels or along the motion."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._reference._bilinear import Corners, Float, displaced, finite, sample, scatter, slopes
from kinetrace._reference._reduce import backward_field, forward_field


class Path(NamedTuple):
    """How residual t of the advected mode is sampled: where the flows after and before are read."""

    ahead: Corners  # in flow t+1, at x + flow_t(x)
    behind: list[Corners]  # in flow t-1: y_0, y_1, ...
    valid: npt.NDArray[np.bool_]  # (H,W)


def kinematic_residual(
    flow: npt.ArrayLike,
    *,
    mask: npt.ArrayLike | None = None,
    mode: str = "eulerian",
    norm: str = "squared",
    reduction: str = "mean",
    dt: float = 1.0,
    mask_rule: str = "center",
    iterations: int = 0,
) -> Float:
    """Residual r_t = (flow[t+1] - 2 flow[t] + flow[t-1]) / dt for t = 1 .. T-2, weighted and reduced.

    The residual is NewtonRewards' (arXiv 2512.00425, published); mask rules, reductions, dt and the
    advected mode are kinetrace's choice.

    Args:
        flow: (B,T,2,H,W) or (T,2,H,W), T >= 3, pixels per frame, channel 0 to the right, channel 1 down.
        mask: weights >= 0, (B,T,H,W) or without B for all problems; (B,T-2,H,W) with mask_rule "explicit".
        mode: "eulerian": all three flows at the pixel. "advected": flow[t+1] at x + flow[t](x) and
            flow[t-1] at y, y_0 = x - flow[t-1](x), then as many times as iterations says y <- x -
            flow[t-1](y), sampled bilinearly; a pixel whose points do not all lie inside the image has
            weight 0.
        norm: "squared": sum of r^2 over the 2 channels; "abs": sum of |r|; "signed": r itself, channels
            kept.
        reduction: over t and pixels with weights w (1 without a mask): "sum": sum w v; "mean": that over
            sum w; "mean_elements": over 2 sum w; "none": the field w v. sum w = 0 gives 0.
        dt: time between frames.
        mask_rule: w_t from the mask m per flow: "center" m[t], "all" min(m[t-1],m[t],m[t+1]), "any" their
            max.
        iterations: see mode.

    Returns:
        (B,), "signed" (B,2); "none": (B,T-2,H,W), "signed" (B,T-2,2,H,W); without B when flow has none.
        Where w is 0 the flow does not matter, whatever its value.
    """
    batch, weights = _prepare(flow, mask, mask_rule)
    out = []
    for b in range(len(batch)):
        r, w = _residual(batch[b], weights[b], mode, dt, iterations)
        out.append(forward_field(r, w, norm, reduction))
    shape = np.shape(forward_field(*_empty(batch), norm, reduction))
    values = np.stack(out) if out else np.empty((0, *shape))
    return values if np.ndim(flow) == 5 else values[0]


def kinematic_residual_backward(
    flow: npt.ArrayLike,
    upstream: npt.ArrayLike,
    *,
    mask: npt.ArrayLike | None = None,
    mode: str = "eulerian",
    norm: str = "squared",
    reduction: str = "mean",
    dt: float = 1.0,
    mask_rule: str = "center",
    iterations: int = 0,
) -> Float:
    """Gradient with respect to flow of sum(upstream * kinematic_residual(flow, ...)), in the shape of flow.

    The derivative of |r| at 0 is 0. Weights and the set of valid pixels count as constants. Bilinear
    sampling has the one-sided derivative that Corners names. A non-finite value that the advected mode hands to
    other pixels makes their gradient NaN.
    """
    batch, weights = _prepare(flow, mask, mask_rule)
    up = np.asarray(upstream, dtype=np.float64)
    up = up if np.ndim(flow) == 5 else up[None]
    gradient = np.zeros(batch.shape)
    for b in range(len(batch)):
        r, w = _residual(batch[b], weights[b], mode, dt, iterations)
        q = backward_field(r, w, norm, reduction, up[b]) / dt
        with np.errstate(all="ignore"):
            for t in range(1, len(batch[b]) - 1):
                _spread(batch[b], gradient[b], q[t - 1], t, mode, iterations)
    return gradient if np.ndim(flow) == 5 else gradient[0]


def _prepare(flow: npt.ArrayLike, mask: npt.ArrayLike | None, mask_rule: str) -> tuple[Float, Float]:
    """Flow (B,T,2,H,W) and the weight (B,T-2,H,W) of each residual vector."""
    batch: npt.NDArray[Any] = np.asarray(flow, dtype=np.float64)
    batch = batch if batch.ndim == 5 else batch[None]
    b_count, t_count, _, height, width = batch.shape
    shape = (b_count, t_count - 2, height, width)
    if mask is None:
        return batch, np.ones(shape)
    m = np.asarray(mask).astype(np.float64)
    if mask_rule != "explicit":
        before, center, after = m[..., :-2, :, :], m[..., 1:-1, :, :], m[..., 2:, :, :]
        if mask_rule == "center":
            m = center
        elif mask_rule == "all":
            m = np.minimum(np.minimum(before, center), after)
        else:
            m = np.maximum(np.maximum(before, center), after)
    return batch, np.broadcast_to(m, shape)


def _empty(batch: Float) -> tuple[Float, Float]:
    """A residual and a weight of the right shape, for the shape of the result of an empty batch."""
    _, t_count, _, height, width = batch.shape
    return np.zeros((t_count - 2, 2, height, width)), np.zeros((t_count - 2, height, width))


def _residual(flow: Float, weights: Float, mode: str, dt: float, iterations: int) -> tuple[Float, Float]:
    """Residuals (T-2,2,H,W), 0 where the weight is 0; weights (T-2,H,W), 0 where the pixel is invalid."""
    residual = np.zeros((len(flow) - 2, *flow.shape[1:]))
    valid = np.ones(weights.shape, dtype=bool)
    with np.errstate(all="ignore"):
        for t in range(1, len(flow) - 1):
            if mode == "eulerian":
                residual[t - 1] = flow[t + 1] - 2 * flow[t] + flow[t - 1]
            else:
                path = _path(flow, t, iterations)
                ahead, behind = sample(flow[t + 1], path.ahead), sample(flow[t - 1], path.behind[-1])
                residual[t - 1] = ahead - 2 * flow[t] + behind
                valid[t - 1] = path.valid
        w = np.where(valid, weights, 0.0)
        return np.where(w[:, None] != 0, residual / dt, 0.0), w


def _path(flow: Float, t: int, iterations: int) -> Path:
    """Sampling points of residual t for every pixel."""
    _, height, width = flow.shape[1:]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    ahead = displaced(x, y, flow[t, 0], flow[t, 1], height, width)
    behind = []
    valid = ahead.inside
    step = flow[t - 1]
    for _ in range(iterations + 1):
        behind.append(displaced(x, y, -step[0], -step[1], height, width))
        valid = valid & behind[-1].inside
        step = sample(flow[t - 1], behind[-1])
    return Path(ahead, behind, valid)


def _spread(flow: Float, gradient: Float, q: Float, t: int, mode: str, iterations: int) -> None:
    """Adds to the gradient (T,2,H,W) the part of q (2,H,W), the derivative by residual t before / dt."""
    gradient[t] -= 2 * q
    if mode == "eulerian":
        gradient[t - 1] += q
        gradient[t + 1] += q
        return
    path = _path(flow, t, iterations)
    moves = np.any(q != 0, axis=0)
    scatter(gradient[t + 1], path.ahead, q)
    gradient[t] += np.where(moves, _pull(flow[t + 1], path.ahead, q), 0.0)
    # y_k = x - sample(y_{k-1}): each sample is moved by the one before, y_0 by the pixel's own flow.
    upstream = q
    for point in reversed(path.behind):
        scatter(gradient[t - 1], point, upstream)
        upstream = -np.where(moves, _pull(flow[t - 1], point, upstream), 0.0)
    gradient[t - 1] += finite(upstream)


def _pull(image: Float, c: Corners, upstream: Float) -> Float:
    """Derivative (2,H,W) of sum(upstream * sample) by the x and y of the sample points."""
    along_x, along_y = slopes(image, c)
    return np.stack([np.sum(upstream * along_x, axis=0), np.sum(upstream * along_y, axis=0)])
