"""`kinetrace eval newtonbench` on clips made without a renderer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kinetrace.benchmarks.newtonbench import Settings, draw_clip, evaluate, load_truth
from kinetrace.benchmarks.newtonbench.evaluate import bootstrap
from kinetrace.benchmarks.newtonbench.measures import mask_scores
from kinetrace.cli import main
from kinetrace.video.errors import InputError
from kinetrace.video.render import write_clip
from newtonbench_clips import disc_clip, write_disc

FREE = [draw_clip("free_fall", "id", i) for i in range(2)]
THROW = draw_clip("horizontal_throw", "ood", 0)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    for spec in (*FREE, THROW):
        write_disc(folder, spec)
    write_disc(folder, FREE[0].with_variant("hovering"))
    return folder


def rows(result: dict) -> dict:
    return {(r["split"], r["primitive"]): r for r in result["rows"]}


def test_truth_files_hold_what_was_known(truth: Path) -> None:
    known, read = disc_clip(THROW)[1], load_truth(truth / "ood" / THROW.name)
    for name in ("masks", "centroids_px", "mask_centroids_px", "centroids_m", "depth_m"):
        np.testing.assert_array_equal(getattr(read, name), getattr(known, name))
    np.testing.assert_array_equal(read.camera.world_from_camera, known.camera.world_from_camera)
    assert read.camera.project(read.centroids_m) == pytest.approx(read.centroids_px)
    with pytest.raises(InputError, match="no such truth file"):
        load_truth(truth / "ood" / "absent")
    (truth / "ood" / "broken.json").write_text("{")
    with pytest.raises(InputError, match="not a readable truth"):
        load_truth(truth / "ood" / "broken")
    (truth / "ood" / "broken.json").unlink()


def test_the_truth_scores_perfectly_and_its_twins_are_not_truth(truth: Path) -> None:
    result = evaluate(truth, truth)
    assert len(result["clips"]) == 3
    for row in result["rows"]:
        assert [row[m]["mean"] for m in ("l2", "rmse_v", "rmse_a", "iou", "chamfer", "coverage")] == [0, 0, 0, 1, 0, 1]
    assert set(rows(result)) == {("id", "free_fall"), ("id", "all"), ("ood", "horizontal_throw"), ("ood", "all")}


def test_known_errors_come_out(truth: Path, tmp_path: Path) -> None:
    for k, spec in enumerate((*FREE, THROW)):
        known = load_truth(truth / spec.split / spec.name)
        (tmp_path / spec.split).mkdir(exist_ok=True)
        t = np.arange(spec.num_frames)[:, None] / spec.fps
        wrong = known.mask_centroids_px + [3.0, 4.0] + (k + 1) * t * [6.0, 8.0] + 0.5 * t**2 * [0.0, 7.0]
        np.savez(tmp_path / spec.split / f"{spec.name}.npz", centroids_px=wrong)
    result = evaluate(tmp_path, truth)
    free = rows(result)["id", "free_fall"]
    assert free["rmse_a"]["mean"] == pytest.approx(7.0)
    assert free["iou"]["mean"] is None
    first, second = (c for c in result["clips"] if c["primitive"] == "free_fall")
    t = (np.arange(31) + 0.5) / 16
    expected = np.sqrt(np.mean(np.sum((np.array([6.0, 8.0]) + t[:, None] * [0.0, 7.0]) ** 2, axis=1)))
    assert first["rmse_v"] == pytest.approx(expected)
    assert free["rmse_v"]["low"] == pytest.approx(first["rmse_v"])
    assert free["rmse_v"]["high"] == pytest.approx(second["rmse_v"])
    frames = evaluate(tmp_path, truth, settings=Settings(dt=1.0, scale=2.0, norm="component"))
    assert rows(frames)["id", "free_fall"]["rmse_a"]["mean"] == pytest.approx(2 * 7.0 / 256 / np.sqrt(2))
    assert evaluate(tmp_path, truth) == result
    projected = evaluate(truth, truth, settings=Settings(against="projection"))
    assert rows(projected)["ood", "all"]["l2"]["mean"] == 0


def test_clips_are_segmented_also_where_nothing_moves(truth: Path, tmp_path: Path) -> None:
    for spec in (*FREE, THROW):
        (tmp_path / spec.split).mkdir(exist_ok=True)
        frames, _ = disc_clip(spec)
        if spec is FREE[1]:
            frames = np.repeat(frames[:1], len(frames), axis=0)
        write_clip(tmp_path / spec.split / f"{spec.name}.mp4", frames, spec.fps)
    result = evaluate(tmp_path, truth)
    moved, frozen, thrown = (
        next(c for c in result["clips"] if c["clip"].endswith(f"{s.split}/{s.name}")) for s in (*FREE, THROW)
    )
    for clip in (moved, thrown):
        assert clip["source"] == "video"
        assert clip["l2"] < 0.3
        assert clip["iou"] > 0.85
        assert clip["coverage"] == 1
    known = load_truth(truth / "id" / FREE[1].name).mask_centroids_px
    assert frozen["coverage"] == 1
    assert frozen["l2"] == pytest.approx(np.linalg.norm(known - known[0], axis=1).mean(), abs=0.5)


def test_frame_rates_are_aligned_and_short_clips_cover_less(truth: Path, tmp_path: Path) -> None:
    known = load_truth(truth / "ood" / THROW.name)
    (tmp_path / "ood").mkdir()
    (tmp_path / "id").mkdir()
    np.savez(tmp_path / "ood" / f"{THROW.name}.npz", masks=known.masks[::2], fps=8.0)
    first = load_truth(truth / "id" / FREE[0].name)
    np.savez(tmp_path / "id" / f"{FREE[0].name}.npz", masks=first.masks[:8])
    np.savez(tmp_path / "id" / f"{FREE[1].name}.npz", masks=first.masks[:2])
    half, short, tiny = sorted(evaluate(tmp_path, truth)["clips"], key=lambda c: -c["coverage"])
    assert (half["l2"], half["coverage"], half["frames"]) == (0, 1, 16)
    assert (short["l2"], short["coverage"]) == (0, 0.25)
    assert tiny["status"] == "failed"
    assert tiny["reason"] == "2 frames, at least 3 are needed"


def test_failures_are_counted_and_named(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "id").mkdir()
    (tmp_path / "ood").mkdir()
    shutil.copy(truth / "ood" / f"{THROW.name}.npz", tmp_path / "ood")
    (tmp_path / "id" / f"{FREE[0].name}.mp4").write_bytes(b"not a video")
    out = tmp_path / "result" / "scores.json"
    arguments = ["eval", "newtonbench", "--predictions", str(tmp_path), "--truth", str(truth), "--out", str(out)]
    assert main(arguments) == 1
    text = capsys.readouterr().out
    assert "2 (2 failed)" in text
    assert f"failed: id/{FREE[1].name}: no prediction" in text
    written = json.loads(out.read_text())
    row = rows(written)["id", "all"]
    assert (row["failed"], row["iou"]["mean"], row["coverage"]["mean"], row["l2"]["mean"]) == (2, 0, 0, None)
    assert main([*arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == written
    np.savez(tmp_path / "id" / f"{FREE[1].name}.npz", masks=np.zeros((5, 8, 9), bool))
    assert main(arguments) == 1
    assert f"failed: id/{FREE[1].name}: 9x8 pixels, the truth has 512x512" in capsys.readouterr().out


def test_wrong_folders_are_named(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for predictions, known, cause in ((tmp_path / "no", truth, "no such folder"), (truth, tmp_path, "no lawful clips")):
        assert main(["eval", "newtonbench", "--predictions", str(predictions), "--truth", str(known)]) == 1
        assert cause in capsys.readouterr().err


def test_mask_scores_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 6, 12, 15)) < 0.1
    a[4], b[4], a[5], b[5] = False, True, False, False
    ious, chamfers = [], []
    for p, q in zip(a, b, strict=True):
        union = (p | q).sum()
        ious.append((p & q).sum() / union if union else 1.0)
        if p.any() and q.any():
            gap = np.linalg.norm(np.argwhere(p)[:, None] - np.argwhere(q)[None], axis=-1)
            chamfers.append(gap.min(1).mean() + gap.min(0).mean())
    scores = mask_scores(a, b, scale=0.5)
    assert scores["iou"] == pytest.approx(np.mean(ious))
    assert scores["chamfer"] == pytest.approx(0.5 * np.mean(chamfers), rel=1e-5)


def test_bootstrap_intervals_cover_the_mean() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        interval = bootstrap([rng.normal(1.0, 1.0, 40), rng.normal(5.0, 0.5, 40)], rng)
        hits += interval["low"] <= 3.0 <= interval["high"]
    assert 180 <= hits <= 199
    assert bootstrap([np.array([2.0])], rng) == {"mean": 2.0, "low": None, "high": None}
    assert bootstrap([], rng) == {"mean": None, "low": None, "high": None}
