"""fvmd: Frechet video motion distance, from histograms of velocity and acceleration along point tracks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace._arrays import Array
from kinetrace.metrics._arguments import Floats, choice, real, whole
from kinetrace.metrics.frechet import frechet_distance

Vectors = npt.NDArray[Any]


def motion_histograms(vectors: Array, *, cell_size: int = 5, cube_frames: int = 4, bins: int = 8) -> Floats:
    """Orientation histograms of the vectors in cubes of cube_frames x cell_size x cell_size.

    bin = floor((atan2(v_0, v_1) + pi) / (2 pi / bins)), clipped to 0 .. bins - 1, v_0 the first component; weight =
    ceil(min(log2(1 + min(|v|, 255)), 8)) / 8. Frames, rows and columns that do not fill a cube are left out.

    Args:
        vectors (array, (B, T, N, 2), float32 | float64): one vector per point and frame, pixels per frame; the N points
            are a square grid row by row (FVMD: 20 x 20, N = 400).
        cell_size: side of a cube in points.
        cube_frames: frames in a cube.
        bins: number of directions.

    Returns:
        float64 (B, T // cube_frames, side // cell_size, side // cell_size, bins). Exact: sums of eighths.

    Raises:
        ValueError, TypeError: shape, dtype or range; NaN or infinite vectors; N not a square; no whole cube.

    Notes:
        Published code: ljh0v0/FMD-frechet-motion-distance @3c435dd fvmd/extract_motion_features.py. Angles and magnitudes
        are computed in the precision given, as there, so that a vector on the edge of a bin falls on the same side (on
        one of the edges v_0 = -0.0 and 0.0 differ).

    Example:
        >>> import numpy as np
        >>> v = np.zeros((1, 4, 25, 2), np.float32)
        >>> v[..., 1] = 3.0
        >>> motion_histograms(v).ravel().tolist()
        [0.0, 0.0, 0.0, 0.0, 25.0, 0.0, 0.0, 0.0]
    """
    return _histograms(
        _grid_tracks(vectors, "vectors"),
        whole(cell_size, "cell_size", 1),
        whole(cube_frames, "cube_frames", 1),
        whole(bins, "bins", 1),
    )


def fvmd_features(tracks: Array, *, compat: bool = True) -> dict[str, Floats]:
    """Velocity and acceleration histograms of each clip, and both joined.

    Velocity v[t] = p[t] - p[t-1], 0 in the first frame; acceleration a[t] = v[t] - v[t-1], 0 in the first two.

    Args:
        tracks (array, (B, T, N, 2), float32 | float64): tracks in pixels of a square grid of points. FVMD: PIPs++, 16
            frames, N = 400, images of 256 x 256; a longer video gives a clip for every 15 frames.
        compat: as published: the acceleration routine is called with positions instead of velocities, so that its
            "acceleration" is the velocity with the first step removed. False: the second difference.

    Returns:
        dict of float64 (B, F): "velocity", "acceleration", "combined" (F = 512, 512, 1024 for 16 frames of 400 points).

    Raises:
        ValueError, TypeError: as `motion_histograms`.

    Notes:
        Published code: ljh0v0/FMD-frechet-motion-distance @3c435dd fvmd/keypoint_tracking.py and fvmd/fvmd.py.

    Example:
        >>> import numpy as np
        >>> {name: x.shape for name, x in fvmd_features(np.zeros((2, 16, 400, 2))).items()}
        {'velocity': (2, 512), 'acceleration': (2, 512), 'combined': (2, 1024)}
    """
    choice(compat, "compat", (False, True))
    p = _grid_tracks(tracks, "tracks")
    velocity = np.zeros_like(p)
    velocity[:, 1:] = p[:, 1:] - p[:, :-1]
    acceleration = np.zeros_like(p)
    changing = p if compat else velocity
    acceleration[:, 2:] = changing[:, 2:] - changing[:, 1:-1]
    v, a = (_histograms(field, 5, 4, 8).reshape(p.shape[0], -1) for field in (velocity, acceleration))
    return {"velocity": v, "acceleration": a, "combined": np.concatenate([v, a], axis=1)}


def fvmd(predicted: Array, true: Array, *, compat: bool = True) -> dict[str, float]:
    """Frechet distances between the motion features of generated and real clips; lower is closer.

    Args:
        predicted (array, (B, T, N, 2), float32 | float64): tracks of the generated clips, see `fvmd_features`; B >= 2.
        true (array, (C, T, N, 2)): tracks of the real clips; C >= 2 may differ from B (in the published code it must
            not).
        compat: as published, see `fvmd_features` and `frechet_distance`. False: true accelerations and no eps.

    Returns:
        dict of float: "fvmd" (the joined features, the published metric), "velocity", "acceleration".

    Raises:
        ValueError, TypeError: as `motion_histograms`; fewer than 2 clips; clips of different T or N.

    Notes:
        Published code: ljh0v0/FMD-frechet-motion-distance @3c435dd (arXiv 2407.16124).

    Example:
        >>> import numpy as np
        >>> tracks = np.random.default_rng(0).normal(size=(3, 16, 100, 2)).cumsum(axis=1)
        >>> fvmd(tracks, tracks, compat=False)["fvmd"] < 1e-9
        True
    """
    one, two = _grid_tracks(predicted, "predicted"), _grid_tracks(true, "true")
    if one.shape[1:] != two.shape[1:]:
        raise ValueError(f"true: expected shape (C, {', '.join(map(str, one.shape[1:]))}), got {two.shape}")
    for tracks, name in ((one, "predicted"), (two, "true")):
        if tracks.shape[0] < 2:
            raise ValueError(f"{name}: expected at least 2 clips, got {tracks.shape[0]}")
    a, b = fvmd_features(one, compat=compat), fvmd_features(two, compat=compat)
    names = {"fvmd": "combined", "velocity": "velocity", "acceleration": "acceleration"}
    return {name: frechet_distance(a[part], b[part], compat=compat) for name, part in names.items()}


def _grid_tracks(x: Array, name: str) -> Vectors:
    vectors = real(x, name, "(B, T, N, 2)", (4,), keep=True)
    if vectors.shape[3] != 2:
        raise ValueError(f"{name}: expected shape (B, T, N, 2), got {vectors.shape}")
    if math.isqrt(vectors.shape[2]) ** 2 != vectors.shape[2]:
        raise ValueError(f"{name}: expected a square number of points, got {vectors.shape[2]}")
    return vectors


def _histograms(vectors: Vectors, cell: int, frames: int, bins: int) -> Floats:
    batch, t, n, _ = vectors.shape
    side = math.isqrt(n)
    cubes, cells = t // frames, side // cell
    if batch * cubes * cells == 0:
        raise ValueError(f"vectors: expected at least one cube of {frames} x {cell} x {cell}, got {vectors.shape}")
    grid = vectors.reshape(batch, t, side, side, 2)[:, : cubes * frames, : cells * cell, : cells * cell]
    first, second = grid[..., 0], grid[..., 1]
    angle = (np.arctan2(first, second) + np.pi) // (2 * np.pi / bins)
    direction = np.clip(angle, 0, bins - 1).astype(np.intp)
    size = np.clip(np.sqrt(first * first + second * second), 0, 255) + 1
    weight = np.ceil(np.clip(np.log2(size), 0, 8)) / 8
    cube = np.arange(batch * cubes * cells * cells).reshape(batch, cubes, 1, cells, 1, cells, 1)
    shape = (batch, cubes, frames, cells, cell, cells, cell)
    slot = cube * bins + direction.reshape(shape)
    total: Floats = np.asarray(
        np.bincount(slot.ravel(), weights=weight.ravel(), minlength=cube.size * bins), dtype=np.float64
    )
    return total.reshape(batch, cubes, cells, cells, bins)
