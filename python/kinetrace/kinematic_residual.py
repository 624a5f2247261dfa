"""How far optical flow is from constant acceleration: its second difference in time, reduced to one penalty per clip."""

from __future__ import annotations

from kinetrace._arrays import Array, is_torch
from kinetrace._dispatch import backend_for


def kinematic_residual(
    flow: Array,
    *,
    mask: Array | None = None,
    mode: str = "eulerian",
    norm: str = "squared",
    reduction: str = "mean",
    dt: float = 1.0,
    mask_rule: str = "center",
    iterations: int = 0,
    num_threads: int | None = None,
) -> Array:
    """Second difference of flow in time, r_t = (flow[t+1] - 2 flow[t] + flow[t-1]) / dt for t = 1 .. T-2.

    It vanishes where acceleration is constant, so smaller is better. The residual is that of NewtonRewards
    (arXiv 2512.00425, published); the mask rules, the reductions, dt and the advected mode are kinetrace's choice.
    At fixed pixels the residual of perfect physics is not zero: it is large where an object's edge passes.

    Args:
        flow (array, (B, T, 2, H, W) or (T, 2, H, W), float32 | float64): optical flow between frames in pixels, T >= 3,
            channel 0 to the right, channel 1 down. Strided arrays are read in place. Differentiable in torch.
        mask (array, (B, T, H, W), bool | uint8 | dtype of flow): weights >= 0 of the pixels, taken as the numbers they
            are; without B for all problems alike. With mask_rule "explicit": (B, T-2, H, W), one per residual. Where the
            weight of a residual is 0 the flow is never looked at.
        mode: "eulerian": all three flows at the same pixel. "advected": along the motion, flow[t+1] at x + flow[t](x)
            and flow[t-1] at y = x - flow[t-1](x), sampled bilinearly with pixel centres at integers; a pixel whose
            points do not all lie in the image has weight 0.
        norm: "squared": sum of r^2 over the channels; "abs": sum of |r|; "signed": r itself, channels kept.
        reduction: over t and pixels with weights w (1 without a mask): "mean": divided by sum w; "mean_elements": by
            2 sum w; "sum"; "none": the field of w times the norm. Without any weight: 0.
        dt: time between frames, in any unit; the residual is divided by it.
        mask_rule: weight of r_t from the masks m of its flows: "center" m[t], "all" the smallest, "any" the largest of
            m[t-1], m[t], m[t+1]; "explicit": see mask.
        iterations: further steps y <- x - flow[t-1](y) of the advected mode, 0 to 16.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        array, dtype of flow: (B,), for "signed" (B, 2) as x, y; with reduction "none" (B, T-2, H, W) or
        (B, T-2, 2, H, W). Without B when flow has none: a 0-d array for a single clip.

    Raises:
        ValueError: shape, dtype, device or value of an argument; a mask that requires grad.
        TypeError: an argument is not an array, or not a string where one is meant.
        RuntimeError: a CUDA array without the CUDA back end, or a CUDA error; in torch, a second derivative.

    Notes:
        The gradient is exact for what is computed, through the sampling positions too; the derivative of |r| at 0 is 0,
        weights and the set of valid pixels count as constants. It is recomputed from flow: no field is kept between
        forward and backward. In the advected mode gradients are added up in fixed point, 2**-40 of the largest
        contribution to a frame or finer (less for images above two million pixels), in any order the same bits.
        Sums run in the dtype of flow over at most 32 pixels and on in float64: a residual whose square exceeds the
        largest float32 gives inf in float32.

    Example:
        >>> import numpy as np, kinetrace as kt
        >>> t = np.arange(6.0)
        >>> falling = np.zeros((6, 2, 4, 4))
        >>> falling[:, 1] = (2 + 0.5 * t)[:, None, None]  # constant acceleration
        >>> float(kt.kinematic_residual(falling))
        0.0
        >>> falling[3:, 1] += 1  # a jump in speed touches two of the four residuals
        >>> float(kt.kinematic_residual(falling))
        0.5
    """
    arguments = (mask, mode, norm, reduction, dt, mask_rule, iterations, num_threads)
    if is_torch(flow):
        from kinetrace._torch import kinematic_residual as torch_op

        return torch_op.call(flow, *arguments)
    return backend_for(flow, "flow").kinematic_residual(flow, *arguments)[0]
