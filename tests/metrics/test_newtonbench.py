"""newtonbench and kinematic_rmse: golden values, the formulas in plain loops, missing frames, masks, invariances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from golden_cases import allowed, case_id, cases
from kinetrace import metrics


def restated(c: Any, d: Any, dt: float, scale: float, norm: str) -> dict[str, float]:
    """NewtonBench-60K's formulas (arXiv 2512.00425 as third parties give them; no code is public), frame by frame."""

    def missing(*points: Any) -> bool:
        return any(math.isnan(value) for point in points for value in point)

    def rms(errors: list[list[float]]) -> float:
        if not errors:
            return math.nan
        parts = [sum(e * e for e in error) / (len(error) if norm == "component" else 1) for error in errors]
        return scale * math.sqrt(math.fsum(parts) / len(parts))

    position, velocity, acceleration = [], [], []
    for t in range(len(c)):
        if not missing(c[t], d[t]):
            position.append(scale * math.dist(c[t], d[t]))
        if t + 1 < len(c) and not missing(c[t], c[t + 1], d[t], d[t + 1]):
            velocity.append([((c[t + 1][k] - c[t][k]) - (d[t + 1][k] - d[t][k])) / dt for k in range(len(c[t]))])
        if t + 2 < len(c) and not missing(c[t], c[t + 1], c[t + 2], d[t], d[t + 1], d[t + 2]):
            a, b = ([x[t + 2][k] - 2 * x[t + 1][k] + x[t][k] for k in range(len(x[t]))] for x in (c, d))
            acceleration.append([(p - q) / dt**2 for p, q in zip(a, b, strict=True)])
    l2 = math.fsum(position) / len(position) if position else math.nan
    return {"l2": l2, "rmse_v": rms(velocity), "rmse_a": rms(acceleration)}


@pytest.mark.parametrize("case", cases("rmse"), ids=case_id)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_golden(case: dict[str, Any], dtype: Any) -> None:
    c, d = (np.array(case[name], dtype=dtype) for name in ("centroids_gen", "centroids_gt"))
    want = case["expected"]
    for norm in ("vector", "component"):
        got = metrics.newtonbench(c, d, dt=case["dt"], norm=norm)
        pairs = {"l2": want["position_mean_distance"]} | {k: want[f"{k}_{norm}"] for k in ("rmse_v", "rmse_a")}
        for name, value in pairs.items():
            assert abs(got[name] - value) <= allowed(value, dtype), name


def test_equals_the_formulas_on_random_tracks() -> None:
    rng = np.random.default_rng(1)
    for _ in range(250):
        t, dims = int(rng.integers(3, 20)), int(rng.integers(1, 4))
        c, d = rng.normal(size=(2, t, dims), scale=30)
        for x in (c, d):
            x[rng.random(t) < rng.choice([0.0, 0.2, 0.6])] = np.nan
        dt, scale = (float(v) for v in rng.uniform(0.05, 2, 2))
        norm = str(rng.choice(["vector", "component"]))
        got = metrics.newtonbench(c, d, dt=dt, scale=scale, norm=norm)
        want = restated(c.tolist(), d.tolist(), dt, scale, norm)
        for name, value in want.items():
            np.testing.assert_allclose(got[name], value, rtol=1e-11, err_msg=name)
        both = [not (np.isnan(p).any() or np.isnan(q).any()) for p, q in zip(c, d, strict=True)]
        assert got["coverage"] == pytest.approx(sum(both) / t)


def test_compat_has_the_quirk_of_pisa() -> None:
    c = np.zeros((4, 2))
    moved = c + np.array([3.0, 4.0])
    assert metrics.newtonbench(moved, c, scale=1 / 256, compat=True)["l2"] == pytest.approx(0.009667, abs=5e-7)
    assert metrics.newtonbench(moved, c, scale=1 / 256)["l2"] == pytest.approx(5 / 256)


def disc(x: float, y: float, size: int = 48) -> np.ndarray:
    row, column = np.mgrid[:size, :size]
    return (column - x) ** 2 + (row - y) ** 2 <= 25.5


def plain_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array(
        [[(p & q).sum() / (p | q).sum() for p, q in zip(*pair, strict=True)] for pair in zip(a, b, strict=True)]
    )


def test_masks_give_their_centroids_and_the_callables_values() -> None:
    a = np.stack([[disc(10 + 2 * t, 10 + t) for t in range(6)], [disc(20, 10 + t) for t in range(6)]])
    b = np.roll(a, 3, axis=3)
    seen: list[Any] = []

    def chamfer(p: Any, q: Any) -> Any:
        seen.append((p.dtype, p.shape, q.shape))
        return np.array([2.0, np.nan])

    got = metrics.newtonbench(
        a, b.astype(np.uint8) * 7, dt=0.5, scale=0.1, iou=plain_iou, chamfer=chamfer, reduction="none"
    )
    assert seen == [(np.dtype(bool), a.shape, a.shape)]
    np.testing.assert_allclose(got["l2"], 0.3)
    np.testing.assert_allclose(got["rmse_a"], 0.0, atol=1e-12)
    np.testing.assert_allclose(got["iou"], plain_iou(a, b).mean(axis=1))
    np.testing.assert_array_equal(got["chamfer"], [0.2, np.nan])
    mean = metrics.newtonbench(a, b, dt=0.5, scale=0.1, iou=plain_iou, chamfer=chamfer)
    assert mean["chamfer"] == 0.2
    assert all(isinstance(value, float) for value in mean.values())
    pisa = metrics.newtonbench(a, b, dt=0.5, scale=0.1, iou=plain_iou, chamfer=chamfer, compat=True)
    assert [pisa["chamfer"], pisa["l2"]] == pytest.approx([0.2 / math.sqrt(2), 0.15 / math.sqrt(2)])
    one = metrics.newtonbench(a[0], b[0], scale=0.1, iou=plain_iou, chamfer=lambda p, q: [1.0])
    assert one["l2"] == pytest.approx(0.3)


def test_an_empty_mask_is_a_missing_frame() -> None:
    a = np.stack([disc(10 + 2 * t, 12) for t in range(6)])
    b = np.roll(a, 2, axis=2)
    b[2] = False
    got = metrics.newtonbench(b, a, iou=lambda p, q: np.zeros(1), chamfer=lambda p, q: np.zeros(1))
    assert got["coverage"] == pytest.approx(5 / 6)
    assert got["l2"] == pytest.approx(2)
    nothing = metrics.newtonbench(np.zeros_like(a), a, iou=lambda p, q: np.zeros(1), chamfer=lambda p, q: np.zeros(1))
    assert nothing["coverage"] == 0
    assert math.isnan(nothing["l2"])
    assert math.isnan(nothing["rmse_a"])


def test_masks_without_callables_go_to_the_kernels() -> None:
    a = np.stack([disc(10 + t, 12) for t in range(3)])
    b = np.roll(a, (1, 2), axis=(1, 2))
    got = metrics.newtonbench(a, b)
    assert got["iou"] == pytest.approx(plain_iou(a[None], b[None]).mean(), rel=1e-14)
    assert got["chamfer"] == pytest.approx(kt.mask_chamfer(a, b).mean(), rel=1e-14)
    assert got["l2"] == pytest.approx(math.sqrt(5), rel=1e-14)


def test_a_bad_problem_leaves_its_neighbours_alone() -> None:
    rng = np.random.default_rng(3)
    c, d = rng.normal(size=(2, 3, 8, 2))
    c[1] = np.nan
    got = metrics.newtonbench(c, d, reduction="none")
    assert np.isnan(got["rmse_v"]).tolist() == [False, True, False]
    for b in (0, 2):
        assert got["rmse_v"][b] == metrics.newtonbench(c[b], d[b])["rmse_v"]
    mean = metrics.newtonbench(c, d)
    assert mean["rmse_v"] == pytest.approx((got["rmse_v"][0] + got["rmse_v"][2]) / 2)
    assert mean["coverage"] == pytest.approx(2 / 3)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-100, 100))
def test_translation_scale_and_perfect_prediction(seed: int, factor: float, shift: float) -> None:
    c, d = np.random.default_rng(seed).normal(size=(2, 7, 2))
    got = metrics.newtonbench(c, d)
    moved = metrics.newtonbench(c + shift, d + shift)
    grown = metrics.newtonbench(c * factor, d * factor, scale=1 / factor)
    twice = metrics.newtonbench(np.stack([c, c]), np.stack([d, d]))
    for name, value in got.items():
        assert moved[name] == pytest.approx(value, abs=1e-10)
        assert grown[name] == pytest.approx(value)
        assert twice[name] == pytest.approx(value)
    assert metrics.newtonbench(c, c) == {"l2": 0, "rmse_v": 0, "rmse_a": 0, "coverage": 1}


def test_rmse_of_any_order() -> None:
    t = np.arange(10.0)[:, None] * 0.5
    assert metrics.kinematic_rmse(t**3, 0 * t, order=3, dt=0.5) == pytest.approx(6)
    assert metrics.kinematic_rmse(t + 3, t, order=0, scale=2.0) == pytest.approx(6)
    both = metrics.kinematic_rmse(np.stack([t**2, t]), np.zeros((2, 10, 1)), order=2, dt=0.5)
    np.testing.assert_allclose(both, [2, 0], atol=1e-12)


def test_noise_of_centroids_is_amplified_as_derived() -> None:
    noise = np.random.default_rng(5).normal(size=(400, 200, 2), scale=0.3)
    got = metrics.kinematic_rmse(noise, np.zeros_like(noise), order=2, dt=1 / 16, norm="component")
    assert np.mean(got) == pytest.approx(0.3 * math.sqrt(6) * 256, rel=0.02)
