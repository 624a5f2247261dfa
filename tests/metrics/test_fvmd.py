"""fvmd, motion_histograms and frechet_distance: the published code restated, its acceleration bug, exactness."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from kinetrace.metrics import frechet_distance, fvmd, fvmd_features, motion_histograms


def restated_histograms(v: np.ndarray, cell: int, frames: int, bins: int) -> np.ndarray:
    """ljh0v0/FMD-frechet-motion-distance @3c435dd fvmd/extract_motion_features.py: one point at a time.

    Angle and magnitude stay in the precision of the vectors.
    """
    batch, length, count, _ = v.shape
    side, real = math.isqrt(count), v.dtype.type
    out = np.zeros((batch, length // frames, side // cell, side // cell, bins))
    for b, t, n in np.ndindex(batch, length, count):
        place = (b, t // frames, n // side // cell, n % side // cell)
        if any(i >= limit for i, limit in zip(place, out.shape, strict=False)):
            continue
        first, second = v[b, t, n]
        direction = (np.arctan2(first, second) + real(np.pi)) // real(2 * np.pi / bins)
        size = np.log2(min(np.sqrt(first * first + second * second), real(255)) + real(1))
        out[(*place, min(max(int(direction), 0), bins - 1))] += math.ceil(min(size, 8)) / 8
    return out


def restated_motion(p: np.ndarray, compat: bool) -> tuple[np.ndarray, np.ndarray]:
    """fvmd/keypoint_tracking.py: velocities after a zero, and an acceleration routine that is given positions."""
    velocity = np.concatenate([np.zeros_like(p[:, :1]), np.diff(p, axis=1)], axis=1)
    differenced = np.diff(p if compat else velocity, axis=1)[:, 1:]
    return velocity, np.concatenate([np.zeros_like(p[:, :2]), differenced], axis=1)


def random_tracks(rng: np.random.Generator, batch: int, frames: int, side: int) -> np.ndarray:
    p = rng.normal(size=(batch, frames, side * side, 2)).cumsum(axis=1) * 10 ** rng.uniform(-1, 2)
    if rng.random() < 0.5:
        p = np.round(p)  # vectors on the edges of bins
    return p.astype(rng.choice([np.float32, np.float64]))


def test_histograms_have_the_same_bits_as_the_published_ones() -> None:
    rng = np.random.default_rng(61)
    for _ in range(200):
        cell, frames, bins = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.choice([4, 8, 9]))
        v = random_tracks(rng, 1, int(rng.integers(frames, 8)), int(rng.integers(cell, 7)))
        np.testing.assert_array_equal(
            motion_histograms(v, cell_size=cell, cube_frames=frames, bins=bins),
            restated_histograms(v, cell, frames, bins),
        )


@pytest.mark.parametrize("compat", [False, True])
def test_features_equal_the_published_ones(compat: bool) -> None:
    rng = np.random.default_rng(62)
    for _ in range(100):
        p = random_tracks(rng, 2, int(rng.integers(4, 10)), int(rng.integers(5, 8)))
        got = fvmd_features(p, compat=compat)
        parts = [restated_histograms(v, 5, 4, 8).reshape(2, -1) for v in restated_motion(p, compat)]
        np.testing.assert_array_equal(got["velocity"], parts[0])
        np.testing.assert_array_equal(got["acceleration"], parts[1])
        np.testing.assert_array_equal(got["combined"], np.concatenate(parts, axis=1))


def test_the_published_acceleration_is_a_velocity() -> None:
    glide = np.zeros((1, 16, 25, 2)) + np.arange(16.0)[:, None, None] * 3
    published, corrected = fvmd_features(glide), fvmd_features(glide, compat=False)
    assert published["acceleration"].sum() == 14 * 25 * 3 / 8  # |v| = 3 sqrt 2: log2 rounds up to 3 of 8
    assert corrected["acceleration"].sum() == 0
    np.testing.assert_array_equal(published["velocity"], corrected["velocity"])
    fall = glide**2
    assert fvmd_features(fall, compat=False)["acceleration"].sum() > 0


def restated_frechet(a: np.ndarray, b: np.ndarray, eps: float) -> float:
    """fvmd/frechet_distance.py of the same repository, with SciPy's matrix root of the full product."""
    covariances = [np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) for x in (a, b)]
    first, second = (c + eps * np.eye(len(c)) for c in covariances)
    root = linalg.sqrtm(first @ second)
    gap = a.mean(axis=0) - b.mean(axis=0)
    return float(gap @ gap + sum(np.trace(c) for c in covariances) - 2 * np.trace(root).real)


def test_frechet_equals_the_published_distance() -> None:
    rng = np.random.default_rng(63)
    thin = 0
    for _ in range(200):
        features, (n, m) = int(rng.integers(1, 25)), map(int, rng.integers(2, 40, 2))
        a = rng.normal(size=(n, features)) * rng.uniform(0.1, 3, features)
        b = rng.normal(size=(m, features)) + rng.normal(size=features)
        got = frechet_distance(a, b)
        scale = np.trace(np.atleast_2d(np.cov(a, rowvar=False))) + np.trace(np.atleast_2d(np.cov(b, rowvar=False)))
        assert got == pytest.approx(restated_frechet(a, b, 1e-5), abs=1e-9 * (1 + scale))
        thin += n + m < features
    assert thin > 5


def test_frechet_of_known_gaussians() -> None:
    """Samples whose means and covariances are exact: diagonal Gaussians, where the root is elementwise."""
    rng = np.random.default_rng(64)
    for _ in range(50):
        features = int(rng.integers(2, 9))
        q = np.linalg.qr(rng.normal(size=(features, features)))[0]
        s, t = rng.uniform(0, 3, (2, features)) * rng.choice([0, 1], (2, features))
        shift = rng.normal(size=features)
        a, b = (np.concatenate([q * k[:, None], -q * k[:, None]]) for k in (s, t))
        # the rows are +-k_i q_i: covariance q' diag(2 k^2 / (2 F - 1)) q
        want = shift @ shift + 2 / (2 * features - 1) * ((s - t) ** 2).sum()
        assert frechet_distance(a + shift, b, compat=False) == pytest.approx(want, abs=1e-12)


def test_equal_sets_are_at_distance_zero_or_at_the_published_offset() -> None:
    x = np.random.default_rng(1).normal(size=(6, 40))
    assert frechet_distance(x, x, compat=False) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x) == pytest.approx(-2e-5 * 40, rel=1e-6)


def test_the_narrow_basis_gives_what_the_full_space_gives() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 5, 90))
    padded = [np.repeat(x, 10, axis=0) for x in (a, b)]  # 50 samples each: no basis is taken
    rescaled = [x.mean(axis=0) + (x - x.mean(axis=0)) * math.sqrt(49 / 10 / 4) for x in padded]
    assert frechet_distance(*rescaled) == pytest.approx(frechet_distance(a, b), rel=1e-10)


def test_distance_of_clips() -> None:
    rng = np.random.default_rng(65)
    a, b = random_tracks(rng, 4, 16, 10), random_tracks(rng, 3, 16, 10).astype(np.float64)
    for compat in (False, True):
        got = fvmd(a, b, compat=compat)
        features = [fvmd_features(p, compat=compat) for p in (a, b)]
        assert got == {
            name: frechet_distance(*(f[part] for f in features), compat=compat)
            for name, part in (("fvmd", "combined"), ("velocity", "velocity"), ("acceleration", "acceleration"))
        }


@given(st.integers(0, 2**32 - 1), st.integers(-50, 50))
def test_clips_may_move_swap_and_be_compared_either_way(seed: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-40, 40, (2, 3, 8, 25, 2)).astype(float)
    base = fvmd(a, b, compat=False)
    assert fvmd(a + shift, b[::-1], compat=False) == pytest.approx(base, rel=1e-9, abs=1e-9)
    assert fvmd(b, a, compat=False) == pytest.approx(base, rel=1e-9, abs=1e-9)
    assert fvmd(a, a, compat=False)["fvmd"] == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: motion_histograms(np.zeros((1, 4, 24, 2))), "vectors: expected a square number of points, got 24"),
        (lambda: motion_histograms(np.zeros((1, 3, 25, 2))), "vectors: expected at least one cube"),
        (lambda: motion_histograms(np.zeros((1, 4, 25, 3))), "vectors: expected shape \\(B, T, N, 2\\)"),
        (lambda: motion_histograms(np.full((1, 4, 25, 2), np.nan)), "vectors: expected finite numbers, got NaN or inf"),
        (lambda: motion_histograms(np.zeros((1, 4, 25, 2)), bins=0), "bins: expected an integer >= 1, got 0"),
        (lambda: fvmd(np.zeros((1, 4, 25, 2)), np.zeros((2, 4, 25, 2))), "predicted: expected at least 2 clips, got 1"),
        (lambda: fvmd(np.zeros((2, 4, 25, 2)), np.zeros((2, 8, 25, 2))), "true: expected shape \\(C, 4, 25, 2\\)"),
        (lambda: frechet_distance(np.zeros((1, 3)), np.zeros((2, 3))), "a: expected at least 2 samples"),
        (lambda: frechet_distance(np.zeros((2, 3)), np.zeros((2, 4))), "b: expected 3 features, got 4"),
        (lambda: frechet_distance(np.zeros((2, 3)), np.full((2, 3), np.inf)), "b: expected finite numbers"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
