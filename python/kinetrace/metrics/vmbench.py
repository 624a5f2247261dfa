"""perceptible_amplitude: how far the subject of a clip moves, less the camera (VMBench's PAS)."""

from __future__ import annotations

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import choice, number, on_host, real


def perceptible_amplitude(
    subject: Array | None, background: Array, *, width: int, height: int, compat: bool = True
) -> dict[str, float]:
    """Path length of the subject's points in image diagonals, less that of the background's points.

    amplitude = mean over points of sum_t |p[t+1] - p[t]| / sqrt(width^2 + height^2).

    Args:
        subject (array, (T, N, 2), float32 | float64): tracks in pixels of points inside the subject; None or N = 0 when
            nothing was detected. VMBench: CoTracker, a 30 x 30 grid cut to the subject's mask, which comes from
            GroundingDINO and SAM; visibility is ignored.
        background (array, (T, M, 2)): the same outside the mask.
        width: image width in pixels.
        height: image height in pixels.
        compat: as published: the background is subtracted only where the subject moves more, so a subject just slower
            than the camera scores high and one just faster scores near 0. False: max(subject - background, 0).

    Returns:
        dict of float: "score" (>= 0, in diagonals, higher is more motion), "subject" and "background" (NaN without
        points). Without a subject the score is the background's.

    Raises:
        ValueError, TypeError: shape, dtype or range of an argument; NaN or infinite positions.

    Notes:
        Published code: GD-AIGC/VMBench @0250859 perceptible_amplitude_score.py; its evaluate.sh detects with thresholds
        .25 and .20 where the file's defaults are .3 and .25. `compat=False` is kinetrace's choice.

    Example:
        >>> import numpy as np
        >>> still, moving = np.zeros((3, 5, 2)), np.zeros((3, 5, 2))
        >>> moving[:, :, 0] = np.array([0.0, 5.0, 10.0])[:, None]
        >>> perceptible_amplitude(moving, still, width=6, height=8)["score"]
        1.0
    """
    choice(compat, "compat", (False, True))
    diagonal = float(np.hypot(number(width, "width"), number(height, "height")))
    own = np.nan if subject is None else _amplitude(subject, "subject") / diagonal
    camera = _amplitude(background, "background") / diagonal
    if np.isnan(own):
        score = camera
    elif compat:
        score = own - camera if own > camera else own
    else:
        score = max(own - (0.0 if np.isnan(camera) else camera), 0.0)
    return {"score": score, "subject": own, "background": camera}


def _amplitude(points: Array, name: str) -> float:
    if on_host(points, name).shape[-1:] != (2,):
        raise ValueError(f"{name}: expected shape (T, N, 2), got {on_host(points, name).shape}")
    p = real(points, name, "(T, N, 2)", (3,))
    if p.shape[0] < 2:
        raise ValueError(f"{name}: expected at least 2 frames, got {p.shape[0]}")
    lengths = np.linalg.norm(np.diff(p, axis=0), axis=2).sum(axis=0)
    return float(lengths.mean()) if lengths.size else float("nan")
