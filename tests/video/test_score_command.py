"""`kinetrace score`: table, JSON, units, output files, folders, masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetrace.cli import main
from video_clips import Frames

Write = Callable[..., Path]
ENTITY_KEYS = {
    "id",
    "score",
    "parts",
    "frames",
    "first_frame",
    "last_frame",
    "points",
    "position",
    "velocity",
    "acceleration",
    "residual_rms",
    "r_squared",
    "contacts_s",
    "noise",
    "shared_rms",
    "drift",
    "jump",
    "missing",
    "radius",
    "notes",
}
CLIP_KEYS = {
    "file",
    "status",
    "score",
    "frames",
    "start_frame",
    "width",
    "height",
    "fps",
    "length_unit",
    "y_axis",
    "kinematic_residual_px2",
    "camera",
    "warnings",
    "entities",
    "format",
    "key",
}


@pytest.fixture
def clip(write: Write, throw_frames: Frames) -> Path:
    return write(throw_frames, "throw.mp4")


def scored(capsys: pytest.CaptureFixture[str], *arguments: Any) -> list[dict[str, Any]]:
    assert main(["score", *map(str, arguments), "--json"]) == 0
    clips: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["clips"]
    return clips


def test_json_has_every_number(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    (record,) = scored(capsys, clip)
    assert set(record) == CLIP_KEYS
    (entity,) = record["entities"]
    assert set(entity) == ENTITY_KEYS
    assert (record["frames"], record["width"], record["height"]) == (24, 192, 192)
    assert record["fps"] == pytest.approx(16)
    assert record["length_unit"] == "px"
    assert record["y_axis"] == "down"
    assert 0 < record["score"] <= 1
    assert set(entity["parts"]) == {"residual", "drift", "contacts", "jump", "permanence"}
    assert entity["score"] == pytest.approx(np.prod(list(entity["parts"].values())), rel=1e-6)
    assert entity["acceleration"] == pytest.approx([0, 90], abs=1.0)
    assert entity["velocity"] == pytest.approx([70, -40], abs=1.0)
    assert entity["r_squared"] > 0.999
    assert record["kinematic_residual_px2"] > 0


def test_table_names_file_and_numbers(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    assert main(["score", str(clip)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, names, rule, row = out.splitlines()
    assert str(clip) in head
    assert "24 frames" in head
    assert "kinematic residual" in head
    for name in (
        "entity",
        "frames",
        "points",
        "velocity px/s",
        "acceleration px/s2",
        "residual RMS px",
        "R2",
        "contacts s",
    ):
        assert name in names
    assert set(rule.strip()) <= {"-", " "}
    assert "0-23" in row


def test_fps_and_pixels_per_meter_scale_the_numbers(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    (plain,) = scored(capsys, clip)
    (faster,) = scored(capsys, clip, "--fps", 32)
    (meters,) = scored(capsys, clip, "--pixels-per-meter", 50)
    a, b, c = (np.array(r["entities"][0]["acceleration"]) for r in (plain, faster, meters))
    v, w, x = (np.array(r["entities"][0]["velocity"]) for r in (plain, faster, meters))
    assert b == pytest.approx(4 * a, rel=1e-6, abs=1e-4)
    assert w == pytest.approx(2 * v, rel=1e-6, abs=1e-4)
    assert c == pytest.approx(a / 50, rel=1e-6)
    assert x == pytest.approx(v / 50, rel=1e-6)
    assert meters["length_unit"] == "m"
    assert meters["score"] == pytest.approx(plain["score"]) == pytest.approx(faster["score"])
    rms = [r["entities"][0]["residual_rms"] for r in (plain, meters)]
    assert rms[1] == pytest.approx(rms[0] / 50, rel=1e-6)


def test_output_folder(capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["score", str(clip), "--out", str(out), "--report"]) == 0
    capsys.readouterr()
    names = {p.name for p in out.iterdir()} - {".lock"}
    plots = {f"throw.{kind}.png" for kind in ("paths", "fit", "residual")}
    assert names == {"throw.json", "results.json", "report.html", *plots}
    for plot in plots:
        assert (out / plot).read_bytes().startswith(b"\x89PNG")
    record = json.loads((out / "throw.json").read_text())
    assert set(record["plots"]) == plots
    path = np.array(record["entities"][0]["path"])
    assert path.shape == (24, 3)
    assert np.abs(np.diff(path[:, 1:], 3, axis=0)).max() < 0.5
    summary = json.loads((out / "results.json").read_text())
    assert set(summary["clips"][0]["entities"][0]) == ENTITY_KEYS
    page = (out / "report.html").read_text()
    assert "throw.fit.png" in page
    assert "<td>0-23</td>" in page


def test_folder_input_is_sorted_and_recursive(capsys: pytest.CaptureFixture[str], clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    for name in ("b.mp4", "a.mp4", "deep/b.mp4", ".hidden.mp4"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(clip.read_bytes())
    (folder / "notes.txt").write_text("ignored")
    out = tmp_path / "out"
    clips = scored(capsys, folder, "--out", out, "--no-plots")
    assert [Path(c["file"]).relative_to(folder).as_posix() for c in clips] == ["a.mp4", "b.mp4", "deep/b.mp4"]
    stems = sorted(p.stem for p in out.glob("*.json") if p.name != "results.json")
    assert len(stems) == 3, "two clips of the same name keep their own results"


@pytest.mark.parametrize("kind", ["npy", "png", "frames"])
def test_masks(capsys: pytest.CaptureFixture[str], clip: Path, throw_frames: Frames, kind: str) -> None:
    import cv2

    mask = np.ones(throw_frames.shape[1:3], dtype=np.uint8) * 255
    path = clip.with_name("mask.png" if kind == "png" else "mask.npy")
    if kind == "png":
        cv2.imwrite(str(path), mask)
    else:
        np.save(path, mask if kind == "npy" else np.repeat(mask[None], 24, axis=0))
    (plain,) = scored(capsys, clip)
    (masked,) = scored(capsys, clip, "--mask", path)
    assert masked["entities"] == plain["entities"]
    np.save(clip.with_name("corner.npy"), np.pad(np.ones((30, 30)), ((162, 0), (0, 162))))
    assert main(["score", str(clip), "--mask", str(clip.with_name("corner.npy"))]) == 1
    assert "no motion found inside the mask" in capsys.readouterr().err


def test_a_span_of_frames(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    (record,) = scored(capsys, clip, "--frames", "8:20")
    assert (record["frames"], record["start_frame"]) == (12, 8)
    assert record["entities"][0]["velocity"] == pytest.approx([70, -40 + 90 * 8 / 16], abs=1.0)
    assert scored(capsys, clip, "--frames", ":12")[0]["frames"] == 12
    assert scored(capsys, clip, "--frames", "12:")[0]["frames"] == 12


def test_progress_only_when_wanted(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    assert main(["score", str(clip), "--json"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["score", str(clip), "--json", "--progress"]) == 0
    out, err = capsys.readouterr()
    assert "tracking" in err
    assert "0/1" in err
    json.loads(out)
