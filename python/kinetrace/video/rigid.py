"""One centre per frame from many point tracks of the same thing, with missing points and outliers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_ITERATIONS = 15
_SPIN_PRIOR_PX2 = 40.0
"""Squared lever arm (sum over points) below which rotation and scale follow the frame before."""

_SEEN_SHARE = 0.15
"""A frame shows the entity when it has at least this share of the points of its best frame."""


class RigidMotion(NamedTuple):
    """centre (T, 2), offsets (N, 2) of the points from it, inliers (T, N) and seen (T,)."""

    centre: Floats
    offsets: Floats
    inliers: Bools
    seen: Bools


def solve_rigid(positions: npt.NDArray[Any], visible: Bools) -> RigidMotion:
    """Fits p_i(t) = c(t) + m(t) o_i with one similarity m(t) per frame (complex numbers, robust weights).

    Every point's offset is shared by all frames, so the centre does not move when points come or go, and
    its noise is that of the mean over points. The centre is the mean of the points' offsets.

    Args:
        positions: (T, N, 2) px; anything where not visible.
        visible: (T, N).
    """
    z = np.where(visible, positions[..., 0] + 1j * positions[..., 1], 0)
    frames = np.flatnonzero(visible.any(1))
    centre = _start(z, visible)
    count = np.maximum(visible.sum(0), 1)
    offset = np.where(visible, z - centre[:, None], 0).sum(0) / count
    spin = np.ones(len(z), dtype=complex)
    weight = visible.astype(float)
    for step in range(_ITERATIONS):
        previous = 1.0 + 0j
        for t in frames:
            centre[t], spin[t] = _similarity(z[t], offset, weight[t], previous)
            previous = spin[t]
        seen = weight.sum(0)
        moved = np.conj(spin)[:, None] * (z - centre[:, None])
        power = (weight * np.abs(spin[:, None]) ** 2).sum(0)
        offset = np.where(seen > 0, (weight * moved).sum(0) / np.maximum(power, 1e-12), offset)
        origin = offset[count > 0].mean()
        centre[frames] += spin[frames] * origin
        offset -= origin
        weight, inliers = _reweight(z, visible, centre, spin, offset, hard=step >= 3)
    kept = inliers.sum(1)
    # A few points that stay behind on the background when the rest is lost are not the entity.
    seen_frames = kept >= max(2.0, _SEEN_SHARE * float(kept.max()))
    inliers &= seen_frames[:, None]
    path = np.column_stack([centre.real, centre.imag])
    path[~seen_frames] = np.nan
    return RigidMotion(path, np.column_stack([offset.real, offset.imag]), inliers, seen_frames)


def _start(z: npt.NDArray[np.complex128], visible: Bools) -> npt.NDArray[np.complex128]:
    """Centre path from the median step of the points that two neighbouring frames share."""
    centre = np.zeros(len(z), dtype=complex)
    for t in range(1, len(z)):
        both = visible[t] & visible[t - 1]
        step = z[t, both] - z[t - 1, both]
        centre[t] = centre[t - 1] + (np.median(step.real) + 1j * np.median(step.imag) if both.any() else 0)
    return centre


def _similarity(
    z: npt.NDArray[np.complex128], offset: npt.NDArray[np.complex128], weight: Floats, previous: complex
) -> tuple[complex, complex]:
    total = weight.sum()
    if total <= 0:
        return complex(np.nan, np.nan), previous
    z_mean, o_mean = (weight * z).sum() / total, (weight * offset).sum() / total
    lever = offset - o_mean
    top = (weight * np.conj(lever) * (z - z_mean)).sum() + _SPIN_PRIOR_PX2 * previous
    spin = top / ((weight * np.abs(lever) ** 2).sum() + _SPIN_PRIOR_PX2)
    return complex(z_mean - spin * o_mean), complex(spin)


def _reweight(
    z: npt.NDArray[np.complex128],
    visible: Bools,
    centre: npt.NDArray[np.complex128],
    spin: npt.NDArray[np.complex128],
    offset: npt.NDArray[np.complex128],
    hard: bool,
) -> tuple[Floats, Bools]:
    """Cauchy weights of the residuals; from the fourth round on, what lies beyond 5 spreads is dropped."""
    residual = np.where(visible, np.abs(z - centre[:, None] - spin[:, None] * offset), np.inf)
    residual[~np.isfinite(residual)] = np.inf
    known = np.isfinite(residual)
    spread = max(0.1, 1.4826 * float(np.median(residual[known])) if known.any() else 0.1)
    inliers = visible & (residual <= max(1.0, 5 * spread))
    weight = np.where(known, 1.0 / (1.0 + (np.where(known, residual, 0.0) / (2 * spread)) ** 2), 0.0)
    return (np.where(inliers, weight, 0.0) if hard else weight), inliers
