"""The clips' physics: accelerations against the force diagrams, ranges, and what the unlawful variants break."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kinetrace.benchmarks.newtonbench import (
    LAWFUL,
    SPLITS,
    VARIANTS,
    clip_specs,
    draw_clip,
    load_ranges,
    place_camera,
    simulate,
    theory,
    variants_of,
)
from kinetrace.benchmarks.newtonbench.motion import reach
from kinetrace.benchmarks.newtonbench.spec import ClipSpec
from kinetrace.primitives import PRIMITIVES

CLIPS = [draw_clip(p, s, i, seed=3) for s in SPLITS for p in PRIMITIVES for i in range(10)]


def accelerations(positions: np.ndarray, fps: float) -> np.ndarray:
    return np.diff(positions, n=2, axis=0) * fps**2


def forces(spec: ClipSpec) -> np.ndarray:
    """Acceleration from weight, normal force and friction, as vectors; independent of the package's formulas."""
    weight = np.array([0.0, 0.0, -9.81])
    if not spec.primitive.startswith("ramp"):
        return weight
    rise = math.tan(spec.angle_rad) * (1 if spec.primitive == "ramp_up" else -1)
    along = np.array([1.0, 0.0, rise]) / math.hypot(1.0, rise)
    normal = np.array([-along[2], 0.0, along[0]])
    pressed = -(weight @ normal)
    # Both slide to the right, so friction points to the left.
    return weight + pressed * normal - spec.friction * pressed * along


@pytest.mark.parametrize("spec", CLIPS, ids=lambda s: f"{s.split}-{s.name}")
def test_centroids_accelerate_as_the_forces_demand(spec: ClipSpec) -> None:
    expected = forces(spec)
    size = np.linalg.norm(expected)
    measured = accelerations(simulate(spec).positions_m, spec.fps)
    assert np.linalg.norm(measured - expected, axis=1).max() <= 1e-9 * size
    np.testing.assert_allclose(theory(spec)[1], expected, atol=1e-12)
    # A parallel camera shows the same law in pixels.
    camera = place_camera(spec, reach(spec))
    scale = camera.focal_px / camera.depth(simulate(spec).positions_m[0])
    seen = accelerations(camera.project(simulate(spec).positions_m), spec.fps)
    assert np.abs(seen - scale * expected[[0, 2]] * [1, -1]).max() <= 1e-9 * scale * size


@pytest.mark.parametrize("spec", CLIPS, ids=lambda s: f"{s.split}-{s.name}")
def test_clips_hold_their_law_to_the_end_and_stay_in_the_picture(spec: ClipSpec) -> None:
    motion = simulate(spec)
    assert motion.positions_m[:, 2].min() > spec.radius_m
    steps = np.diff(motion.positions_m, axis=0) @ np.array([1.0, 0.0, 0.0])
    if spec.primitive.startswith("ramp"):
        assert steps.min() > 0
    for view in ("parallel", "oblique"):
        turned = draw_clip(spec.primitive, spec.split, int(spec.name[-4:]), seed=3, view=view)
        camera = place_camera(turned, reach(turned))
        assert camera.world_from_camera[2, 3] > 0
        pixels = camera.project(reach(turned))
        radius = turned.radius_m * camera.focal_px / camera.depth(reach(turned)).min()
        assert pixels.min() >= radius
        assert pixels.max() <= turned.size_px - 1 - radius


def test_pixels_and_world_are_inverse() -> None:
    spec = draw_clip("parabolic_throw", "ood", 1, view="oblique")
    camera = place_camera(spec, reach(spec))
    points = simulate(spec).positions_m
    np.testing.assert_allclose(camera.unproject(camera.project(points), camera.depth(points)), points, atol=1e-9)
    np.testing.assert_allclose(
        camera.world_from_camera[:3, :3].T @ camera.world_from_camera[:3, :3], np.eye(3), atol=1e-12
    )
    assert np.linalg.det(camera.world_from_camera) == pytest.approx(1.0)


def test_splits_do_not_overlap_in_height_speed_and_friction() -> None:
    table = load_ranges()["split"]
    for primitive in PRIMITIVES:
        inside, outside = table["id"][primitive], table["ood"][primitive]
        for name in ("height_m", "speed_m_s", "friction"):
            if name in inside:
                assert inside[name][1] < outside[name][0]
        assert inside.get("angle_deg") == outside.get("angle_deg")
    for spec in CLIPS:
        low, high = table[spec.split][spec.primitive]["height_m"]
        assert low <= spec.height_m <= high


def test_the_seed_decides() -> None:
    assert draw_clip("ramp_up", "id", 2, seed=5) == draw_clip("ramp_up", "id", 2, seed=5)
    assert draw_clip("ramp_up", "id", 2, seed=5) != draw_clip("ramp_up", "id", 2, seed=6)
    short, long = (list(clip_specs(clips=n, splits=["id"])) for n in (1, 3))
    assert set(short) < set(long)


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_variants_break_what_they_are_named_for(primitive: str) -> None:
    spec = draw_clip(primitive, "id", 0)
    law = simulate(spec)
    size = np.linalg.norm(law.acceleration)
    for variant in variants_of(primitive):
        twin = spec.with_variant(variant)
        assert (twin.seed, twin.height_m, twin.name) == (spec.seed, spec.height_m, f"{spec.name}.{variant}")
        motion = simulate(twin)
        np.testing.assert_array_equal(motion.positions_m[0], law.positions_m[0])
        np.testing.assert_array_equal(motion.acceleration, law.acceleration)
        a = accelerations(motion.positions_m, spec.fps)
        wrong = np.linalg.norm(a - law.acceleration, axis=1) / size
        assert motion.present.all() == (variant != "vanishing")
        if variant == "vanishing":
            assert wrong.max() < 1e-9
            assert 0.35 < motion.present.mean() < 0.65
        elif variant == "wrong_gravity":
            # Constant, so no measure of constancy can see it.
            assert np.linalg.norm(a - a[0], axis=1).max() < 1e-9 * size
            assert 0.3 < wrong.min() < 0.6
        elif variant == "drifting_acceleration":
            assert (np.diff(np.linalg.norm(a, axis=1)) > 0).all()
        elif variant == "teleport":
            assert np.sum(wrong > 1e-6) == 2
        elif variant == "hovering":
            assert np.sum(np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=1) < 1e-9) >= 8
        else:
            assert wrong[:10].max() < 1e-9
            gain = 2 * spec.friction * 9.81 * math.cos(spec.angle_rad)
            assert wrong[-1] * size == pytest.approx(gain, rel=1e-9)
    assert spec.with_variant(LAWFUL) == spec


def test_wrong_calls_are_named() -> None:
    spec = draw_clip("free_fall", "id", 0)
    with pytest.raises(ValueError, match=r"^variant: expected one of lawful, hovering, .* got 'reversed_friction'$"):
        spec.with_variant("reversed_friction")
    with pytest.raises(ValueError, match=r"^split: expected one of id, ood, got 'test'$"):
        draw_clip("free_fall", "test", 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^primitive: expected one of free_fall, "):
        draw_clip("pendulum", "id", 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^variants: expected some of hovering, .* got 'odd'$"):
        list(clip_specs(variants=["odd"]))
    with pytest.raises(ValueError, match=r"^clips: expected at least 1, got 0$"):
        list(clip_specs(clips=0))
    assert len(VARIANTS) == 6


def test_ranges_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ranges.toml"
    own = Path(__file__).parents[3] / "python/kinetrace/benchmarks/newtonbench/ranges.toml"
    path.write_text(own.read_text().replace("size_px = 512", "size_px = 64"))
    assert draw_clip("free_fall", "id", 0, ranges=load_ranges(path)).size_px == 64
    path.write_text("[clip]\nfps = 1.0\n")
    with pytest.raises(ValueError, match=r"^ranges: expected \[clip\] to hold fovy_deg, "):
        load_ranges(path)
    path.write_text("[clip")
    with pytest.raises(ValueError, match=r"^ranges: expected a TOML file, got "):
        load_ranges(path)
    table = load_ranges()
    low = {**table, "split": {"id": {"free_fall": {"height_m": [1.0, 2.0]}}}}
    with pytest.raises(ValueError, match=r"^ranges: expected a clip of free_fall \(id\) that stays lawful, got none"):
        draw_clip("free_fall", "id", 0, ranges=low)
