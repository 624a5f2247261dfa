"""frechet_distance: distance between the Gaussians of two sets of features, computed in the samples' own subspace."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Floats, choice, real


def frechet_distance(a: Array, b: Array, *, compat: bool = True) -> float:
    """|mu_a - mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2)), lower is closer.

    S is the sample covariance (divided by n - 1). With factors S + eps I = R' R the trace of the root is the sum of the
    singular values of R_a R_b', and outside the span of the n_a + n_b samples it is eps per dimension, so the cost is
    that of a matrix of samples, not of features, and no root of a nearly singular product is taken.

    Args:
        a (array, (n, F), float32 | float64): one feature vector per clip, n >= 2.
        b (array, (m, F)): the other set, m >= 2.
        compat: as published: 1e-5 is added to the diagonals inside the root and not in the traces, so that the distance
            of equal sets is -2e-5 F, not 0. False: eps = 0, the distance itself, never below 0.

    Returns:
        float; the square of a distance, in squared feature units.

    Raises:
        ValueError, TypeError: shape or dtype; NaN or infinite features; fewer than 2 samples.

    Notes:
        Published code: ljh0v0/FMD-frechet-motion-distance @3c435dd fvmd/frechet_distance.py, with scipy.linalg.sqrtm.
        The way of computing is derived here; it agrees with that root to about 1e-11 of the distance.

    Example:
        >>> import numpy as np
        >>> a = np.array([[0.0, 0.0], [2.0, 0.0]])
        >>> round(frechet_distance(a, a + [0.0, 3.0], compat=False), 9)
        9.0
    """
    choice(compat, "compat", (False, True))
    x, y = (real(values, name, "(n, F)", (2,)) for values, name in ((a, "a"), (b, "b")))
    for values, name in ((x, "a"), (y, "b")):
        if values.shape[0] < 2 or values.shape[1] < 1:
            raise ValueError(f"{name}: expected at least 2 samples of at least 1 feature, got {values.shape}")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"b: expected {x.shape[1]} features, got {y.shape[1]}")
    gap = x.mean(axis=0) - y.mean(axis=0)
    x, y = _deviations(x), _deviations(y)
    traces = float((x**2).sum() + (y**2).sum())
    root = _trace_of_root(x, y, 1e-5 if compat else 0.0)
    distance = float(gap @ gap) + traces - 2 * root
    return distance if compat else max(distance, 0.0)


def _deviations(x: Floats) -> Floats:
    """(n, F) with x' x the sample covariance."""
    deviations: Floats = (x - x.mean(axis=0)) / np.sqrt(x.shape[0] - 1)
    return deviations


def _trace_of_root(x: Floats, y: Floats, eps: float) -> float:
    """tr(((x'x + eps I)(y'y + eps I))^(1/2))."""
    features = x.shape[1]
    outside = 0
    if x.shape[0] + y.shape[0] < features:
        basis = np.linalg.qr(np.concatenate([x, y]).T)[0]
        outside = features - basis.shape[1]
        x, y = x @ basis, y @ basis
    nuclear = np.linalg.svd(_factor(x, eps) @ _factor(y, eps).T, compute_uv=False).sum()
    return float(nuclear) + outside * eps


def _factor(x: Floats, eps: float) -> npt.NDArray[np.float64]:
    """R with R' R = x'x + eps I."""
    if eps > 0:
        x = np.concatenate([x, np.sqrt(eps) * np.eye(x.shape[1])])
    factor: npt.NDArray[np.float64] = np.asarray(np.linalg.qr(x, mode="r")) if x.shape[0] > x.shape[1] else x
    return factor
