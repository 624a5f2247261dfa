"""Bad input of `kinetrace score`: one line with file and cause, exit 1, other files still scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kinetrace.cli import main
from video_clips import Frames, compose, parabola

Write = Callable[..., Path]


@pytest.fixture
def good(write: Write, throw_frames: Frames) -> Path:
    return write(throw_frames, "good.mp4")


def check(capsys: pytest.CaptureFixture[str], good: Path, bad: Path, cause: str, *options: str) -> None:
    """Scores the bad file before a good one."""
    assert main(["score", str(bad), str(good), "--json", *options]) == 1
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if "error:" in line]
    assert len(err.splitlines()) == 1, err
    assert len(lines) == 1
    assert str(bad) in lines[0]
    assert cause in lines[0]
    assert "Traceback" not in err
    clips = json.loads(out)["clips"]
    assert [c["status"] for c in clips] == ["error", "ok"]
    assert cause in clips[0]["error"]
    assert clips[1]["entities"]


def test_missing_file(capsys: pytest.CaptureFixture[str], good: Path, tmp_path: Path) -> None:
    check(capsys, good, tmp_path / "nowhere.mp4", "no such file")


def test_empty_file(capsys: pytest.CaptureFixture[str], good: Path, tmp_path: Path) -> None:
    bad = tmp_path / "empty.mp4"
    bad.touch()
    check(capsys, good, bad, "empty")


@pytest.mark.parametrize("name", ["notes.mp4", "notes.txt"])
def test_not_a_video(capsys: pytest.CaptureFixture[str], good: Path, tmp_path: Path, name: str) -> None:
    bad = tmp_path / name
    bad.write_text("these are no frames\n" * 100)
    check(capsys, good, bad, "not a")


def test_random_bytes(capsys: pytest.CaptureFixture[str], good: Path, tmp_path: Path) -> None:
    bad = tmp_path / "noise.mp4"
    bad.write_bytes(np.random.default_rng(0).bytes(20_000))
    check(capsys, good, bad, "not a")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_mp4(capsys: pytest.CaptureFixture[str], good: Path, tmp_path: Path, share: float) -> None:
    bad = tmp_path / "short.mp4"
    content = good.read_bytes()
    bad.write_bytes(content[: int(share * len(content))])
    check(capsys, good, bad, "truncated")


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_truncated_file_that_still_decodes(
    capsys: pytest.CaptureFixture[str], good: Path, tmp_path: Path, throw_frames: Frames, suffix: str
) -> None:
    av = pytest.importorskip("av")
    whole = tmp_path / f"whole.{suffix}"
    with av.open(str(whole), "w") as container:
        stream = container.add_stream("mpeg4", rate=16)
        stream.height, stream.width = throw_frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in throw_frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    assert main(["score", str(whole), "--json"]) == 0
    capsys.readouterr()
    bad = tmp_path / f"short.{suffix}"
    content = whole.read_bytes()
    bad.write_bytes(content[: len(content) // 2])
    check(capsys, good, bad, "truncated")


def test_single_frame(capsys: pytest.CaptureFixture[str], good: Path, write: Write, throw_frames: Frames) -> None:
    check(capsys, good, write(throw_frames[:1], "one.mp4"), "a single frame")


def test_three_frames(capsys: pytest.CaptureFixture[str], good: Path, write: Write, throw_frames: Frames) -> None:
    check(capsys, good, write(throw_frames[:3], "three.mp4"), "only 3 frames")


def test_no_motion(capsys: pytest.CaptureFixture[str], good: Path, write: Write) -> None:
    still = compose([parabola((60, 60), (0, 0), (0, 0))], size=128, radius=12)
    check(capsys, good, write(still, "still.mp4"), "no motion")


def test_uniform_video(capsys: pytest.CaptureFixture[str], good: Path, write: Write) -> None:
    check(capsys, good, write(np.full((12, 64, 64, 3), 90, dtype=np.uint8), "grey.mp4"), "no motion")


def test_mask_of_another_size(capsys: pytest.CaptureFixture[str], write: Write, throw_frames: Frames) -> None:
    other = write(compose([parabola((60, 60), (60, 0), (0, 60))], size=128, radius=12), "other.mp4")
    good = write(throw_frames, "good.mp4")
    path = good.with_name("mask.npy")
    np.save(path, np.ones(throw_frames.shape[1:3], dtype=bool))
    check(capsys, good, other, "mask.npy is 192x192, the video is 128x128", "--mask", str(path))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (np.ones((5, 192, 192), dtype=np.uint8), "5 frames"),
        (np.zeros((192, 192), dtype=np.uint8), "is empty"),
        (np.ones(4), "must be (H, W) or (T, H, W)"),
    ],
)
def test_other_bad_masks(capsys: pytest.CaptureFixture[str], good: Path, content: np.ndarray, cause: str) -> None:
    path = good.with_name("mask.npy")
    np.save(path, content)
    assert main(["score", str(good), "--mask", str(path)]) == 1
    err = capsys.readouterr().err
    assert cause in err
    assert "mask.npy" in err
    assert str(good) in err
    assert len(err.splitlines()) == 1


def test_a_mask_that_is_no_mask(capsys: pytest.CaptureFixture[str], good: Path) -> None:
    for name in ("mask.npy", "mask.png"):
        path = good.with_name(name)
        path.write_bytes(b"nothing")
        assert main(["score", str(good), "--mask", str(path)]) == 1
        err = capsys.readouterr().err
        assert name in err
        assert "not a readable" in err
        assert len(err.splitlines()) == 1


def test_folder_without_videos(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    assert main(["score", str(tmp_path)]) == 1
    assert "holds no video file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--fps", "0"],
        ["--fps", "nan"],
        ["--pixels-per-meter", "-3"],
        ["--frames", "5:5"],
        ["--frames", "7"],
        ["--max-entities", "0"],
        ["--report"],
    ],
)
def test_bad_options_exit_with_2(capsys: pytest.CaptureFixture[str], good: Path, options: list[str]) -> None:
    try:
        status = main(["score", str(good), *options])
    except SystemExit as error:
        status = int(str(error.code))
    assert status == 2
    assert options[0] in capsys.readouterr().err


def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    assert main(["score", str(good)]) == 1
    err = capsys.readouterr().err
    assert "opencv-python-headless" in err
    assert "kinetrace[video]" in err
