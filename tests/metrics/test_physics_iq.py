"""physics_iq: the published scores restated in loops, its roundings, its edges, and what must not change a score."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.metrics import PhysicsIQClip, physics_iq

Clip = tuple[np.ndarray, np.ndarray]


def cut(value: Any, digits: int) -> float:
    """The nearest number of so many decimals to a binary number, ties to even."""
    return float(Decimal(float(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN))


def pixel_sets(moving: np.ndarray) -> list[set[tuple[int, ...]]]:
    return [set(map(tuple, np.argwhere(frame).tolist())) for frame in moving]


def overlap(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def restated(a: Clip, b: Clip) -> dict[str, Any]:
    """google-deepmind/physics-IQ-benchmark @e457754 code/calculate_and_write_metrics_to_csv.py, one pair of clips.

    Masks are sets of pixels, weights are counted pixel by pixel; pixels are float32 quotients by 255.
    """
    one, two = pixel_sets(a[1]), pixel_sets(b[1])
    every = set().union(*one, *two)
    shares = [
        tuple(sum(pixel in frame for frame in frames) / len(frames) for frames in (one, two)) for pixel in sorted(every)
    ]
    squares = []
    for p, q in zip(a[0], b[0], strict=True):
        difference = (p / 255.0).astype(np.float32) - (q / 255.0).astype(np.float32)
        squares.append(np.mean(difference**2))
    return {
        "spatial_iou": overlap(set().union(*one), set().union(*two)),
        "spatiotemporal_iou": [overlap(p, q) for p, q in zip(one, two, strict=True)],
        "weighted_spatial_iou": math.fsum(map(min, shares)) / math.fsum(map(max, shares)) if every else 1.0,
        "mse": squares,
    }


def total(generated: list[Clip], take1: list[Clip], take2: list[Clip]) -> float:
    """code/calculate_iq_score.py of the same repository: means over scenarios and three views, rounded as there."""

    def mean(rows: list[dict[str, Any]], name: str) -> float:
        values = [
            math.fsum(cut(v, 4) for v in row[name]) / len(row[name]) if isinstance(row[name], list) else row[name]
            for row in rows
        ]
        return math.fsum(values) / len(values)

    scored = [restated(real, clip) for real, clip in zip(take1, generated, strict=True)]
    varying = [restated(real, other) for real, other in zip(take1, take2, strict=True)]
    ratio = 0.0
    for name, digits in (("spatiotemporal_iou", 4), ("spatial_iou", 5), ("weighted_spatial_iou", 4)):
        ratio += mean(scored, name) / cut(mean(varying, name), digits)
    score = 100 * (ratio / 3 - (mean(scored, "mse") - cut(mean(varying, "mse"), 4)))
    return cut(max(min(score, 100.0), 0.0), 2)


def random_clips(rng: np.random.Generator, count: int, t: int, h: int, w: int) -> list[list[Clip]]:
    """Generated, first and second take; the masks of one event share most of their pixels."""
    density, flips = rng.uniform(0.05, 0.6), rng.uniform(0, 0.3)
    sets: list[list[Clip]] = [[], [], []]
    for _ in range(count):
        shared, picture = rng.random((t, h, w)) < density, rng.normal(128, 40, (t, h, w, 3))
        for clips in sets:
            noisy = np.clip(picture + rng.normal(0, 30, picture.shape), 0, 255).astype(np.uint8)
            clips.append((noisy, shared ^ (rng.random(shared.shape) < flips)))
    if rng.random() < 0.2:
        sets[0][0][1][:] = False
    return sets


def test_equals_the_published_score() -> None:
    """To the last digit, but for a few means of small fractions that fall on a tie, where the order of sums decides."""
    rng = np.random.default_rng(11)
    exact, values = 0, set()
    for _ in range(220):
        clips = random_clips(
            rng, int(rng.integers(1, 3)) * 3, int(rng.integers(1, 6)), *map(int, rng.integers(3, 9, 2))
        )
        got, want = physics_iq(*clips)["score"], total(*clips)
        assert got == pytest.approx(want, abs=0.02)
        exact += got == pytest.approx(want, abs=1e-9)
        values.add(got)
    assert exact >= 214
    assert len(values) > 100


def test_the_four_scores_without_rounding() -> None:
    rng = np.random.default_rng(12)
    for _ in range(200):
        a, b, _ = random_clips(rng, 1, int(rng.integers(1, 8)), *map(int, rng.integers(2, 12, 2)))
        want = restated(a[0], b[0])
        got = physics_iq(a, b, compat=False)
        for name in ("spatial_iou", "spatiotemporal_iou", "weighted_spatial_iou"):
            assert got[name] == pytest.approx(np.mean(want[name]), rel=1e-12), name
        exact = np.mean([((p / 255.0 - q / 255.0) ** 2).mean() for p, q in zip(a[0][0], b[0][0], strict=True)])
        assert got["mse"] == pytest.approx(exact, rel=1e-12)


def test_compat_rounds_and_the_other_does_not() -> None:
    rng = np.random.default_rng(13)
    clips = random_clips(rng, 3, 5, 9, 9)
    clips[0] = [(frames, np.roll(moving, 1, axis=2)) for frames, moving in clips[0]]
    published, plain = physics_iq(*clips), physics_iq(*clips, compat=False)
    assert published["score"] == round(published["score"], 2)
    assert plain["score"] != round(plain["score"], 2)
    assert published["score"] == pytest.approx(plain["score"], abs=0.1)
    assert all(
        published[f"variance_{name}"] == round(published[f"variance_{name}"], 5) for name in ("spatial_iou", "mse")
    )


def flat(moving: np.ndarray, level: int = 0) -> PhysicsIQClip:
    return PhysicsIQClip(np.full((*moving.shape, 3), level, np.uint8), moving)


def test_known_values() -> None:
    a, b = np.zeros((2, 4, 10), bool), np.zeros((2, 4, 10), bool)
    a[0, 0, :4], b[1, 0, 2:6] = True, True  # never at the same time: ever 4 and 4 pixels, 2 shared
    got = physics_iq(flat(a), flat(b, 51), compat=False)
    assert got["spatial_iou"] == pytest.approx(2 / 6)
    assert got["spatiotemporal_iou"] == 0
    assert got["weighted_spatial_iou"] == pytest.approx(1 / 3)
    assert got["mse"] == pytest.approx(0.04)


def test_weights_of_a_long_clip() -> None:
    a, b = np.zeros((600, 2, 3), bool), np.zeros((600, 2, 3), bool)
    a[:, 0], b[:300, 0], b[:256, 1, 0] = True, True, True
    got = physics_iq((np.zeros((600, 2, 3), np.uint8), a), (np.zeros((600, 2, 3), np.uint8), b), compat=False)
    assert got["weighted_spatial_iou"] == pytest.approx(3 * 300 / (3 * 600 + 256))


def test_nothing_moves_anywhere() -> None:
    still = flat(np.zeros((3, 5, 5), bool))
    got = physics_iq(still, still, still)
    assert got == {
        **dict.fromkeys(("spatial_iou", "spatiotemporal_iou", "weighted_spatial_iou"), 1.0),
        **{f"variance_{name}": 1.0 for name in ("spatial_iou", "spatiotemporal_iou", "weighted_spatial_iou")},
        "mse": 0.0,
        "variance_mse": 0.0,
        "score": 100.0,
    }


def test_takes_without_any_common_motion() -> None:
    a, b = np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool)
    a[:, 0], b[:, 3] = True, True
    assert physics_iq(flat(a), flat(a), flat(b))["score"] == 100.0  # 1 / 0 is clipped
    assert math.isnan(physics_iq(flat(a), flat(a), flat(b), compat=False)["score"])
    assert math.isnan(physics_iq(flat(b), flat(a), flat(b))["score"])  # 0 / 0


def test_a_score_is_clipped() -> None:
    moving = np.zeros((2, 4, 4), bool)
    moving[:, 1:3] = True
    far = PhysicsIQClip(np.full((2, 4, 4, 3), 255, np.uint8), np.roll(moving, 2, axis=1))
    assert physics_iq(far, flat(moving), flat(moving))["score"] == 0.0


def test_floating_frames_and_grey() -> None:
    rng = np.random.default_rng(2)
    (a,), (b,), (c,) = random_clips(rng, 1, 3, 6, 6)
    floats = [(f / 255.0, m) for f, m in (a, b, c)]
    assert physics_iq(*floats) == physics_iq(a, b, c)
    grey = [(f[..., 0], m.astype(np.uint8) * 255) for f, m in (a, b, c)]
    third = [(np.repeat(f[..., None], 3, axis=3), m) for f, m in grey]
    assert physics_iq(*grey, compat=False) == pytest.approx(physics_iq(*third, compat=False))


@given(st.integers(0, 2**32 - 1))
def test_a_take_scored_against_itself_is_at_least_as_good_and_symmetric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = random_clips(rng, 2, 3, 6, 7)
    perfect = physics_iq(b, b, c, compat=False)
    assert (perfect["mse"], perfect["spatial_iou"], perfect["weighted_spatial_iou"]) == (0, 1, 1)
    assert not perfect["score"] < 100 - 1e-9
    assert physics_iq(a, b, compat=False) == pytest.approx(physics_iq(b, a, compat=False))
    flipped = [[(f[:, ::-1, ::-1], m[:, ::-1, ::-1]) for f, m in clips] for clips in (a, b, c)]
    assert physics_iq(*flipped, compat=False) == pytest.approx(physics_iq(a, b, c, compat=False), nan_ok=True)
    twice = physics_iq(a + a, b + b, c + c, compat=False)
    assert twice == pytest.approx(physics_iq(a, b, c, compat=False), nan_ok=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 3), "predicted: expected \\(frames, masks\\)"),
        (([], []), "predicted: expected \\(frames, masks\\)"),
        (([(np.zeros((2, 3, 3), np.uint8),)], []), "predicted: expected \\(frames, masks\\)"),
        ((flat(np.zeros((2, 3, 3), bool)), flat(np.zeros((3, 3, 3), bool))), "take1: expected the shape of"),
        ((flat(np.zeros((2, 3, 3), bool)), [flat(np.zeros((2, 3, 3), bool))] * 2), "take1: expected 1 clips, got 2"),
        (((np.zeros((2, 3, 3)), np.zeros((2, 3, 4), bool)), 0), "predicted: expected frames \\(T, H, W"),
        (((np.full((2, 3, 3), 2.0), np.zeros((2, 3, 3), bool)), 0), "predicted: expected floating frames in"),
        (((np.zeros((2, 3, 3), int), np.zeros((2, 3, 3), bool)), 0), "predicted: expected uint8 or floating"),
        (((np.zeros((2, 3, 3)), np.zeros((2, 3, 3))), 0), "predicted masks: expected bool or uint8, got float64"),
    ],
)
def test_errors(arguments: tuple[Any, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        physics_iq(*arguments)
