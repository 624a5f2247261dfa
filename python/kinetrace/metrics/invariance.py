"""invariance_score: how constant a quantity stays along a track, as NewtonGen and Morpheus score it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Floats, choice, number, real


def invariance_score(
    series: Array, *, kind: Literal["pis", "morpheus"] = "pis", eps: float | None = None
) -> float | Floats:
    """Score in (0, 1] of a quantity that physics says is constant; 1 iff it is.

    "pis" is NewtonGen's Physical Invariance Score 1 / (1 + std / (|mean| + eps)); "morpheus" is the core score of
    Morpheus: with std and mean of the series, 1 / (1 + std / (|mean| + eps)) if |mean| >= 10 std or |mean| >= 10, else
    1 / (1 + std). Both take the population standard deviation. Trap: under "pis" a quantity whose mean is near 0 (the
    horizontal acceleration of a throw) scores near 0 whatever its quality.

    Args:
        series (array, (T,) | (B, T), float32 | float64): the quantity over frames, in any unit. "morpheus" depends on
            the unit, "pis" does not but for eps.
        kind: "pis" or "morpheus".
        eps: added to |mean|; None: 1e-8 ("pis") or 1e-10 ("morpheus"), the published values.

    Returns:
        float, or float64 (B,). Computed in float64. A series that holds NaN scores NaN.

    Raises:
        ValueError, TypeError: wrong shape, dtype or option; an infinity; no frames.

    Notes:
        Published code: pandayuanyu/NewtonGen @e8961d2 evaluation_PIS/masked_physical_features_pis.py (its docstring
        leaves out the absolute value, the code takes it); Morpheus (arXiv 2504.02918), its scorer's physical_score.py.

    Example:
        >>> round(invariance_score([1.0, 3.0]), 4), invariance_score([2.0, 2.0], kind="morpheus")
        (0.6667, 1.0)
    """
    choice(kind, "kind", ("pis", "morpheus"))
    values = real(series, "series", "(T,) or (B, T)", (1, 2), missing=True)
    if values.shape[-1] == 0:
        raise ValueError("series: expected at least 1 frame, got 0")
    small = number({"pis": 1e-8, "morpheus": 1e-10}[kind] if eps is None else eps, "eps")
    scores = core_score(values, small, kind)
    return float(scores) if values.ndim == 1 else scores


def core_score(values: Floats, eps: float, kind: str = "morpheus") -> Floats:
    """The score over the last axis; no checks."""
    spread = values.std(axis=-1)
    size = np.abs(values.mean(axis=-1))
    relative = spread / (size + eps)
    if kind == "morpheus":
        relative = np.where((size >= 10 * spread) | (size >= 10), relative, spread)
    scores: Floats = np.asarray(1 / (1 + relative))
    return scores
