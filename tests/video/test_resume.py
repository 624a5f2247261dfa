"""A killed run goes on where it stopped, and ends with the results of an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kinetrace.cli import main
from kinetrace.video import jobs
from kinetrace.video.render import write_clip
from video_clips import compose, parabola

CLIPS = 30
KILLS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty small clips of different motions."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for i in range(CLIPS):
        path = parabola((30, 30), rng.uniform(20, 60, 2), rng.uniform(-20, 60, 2), 10)
        write_clip(folder / f"clip{i:02d}.mp4", compose([path], size=96, radius=11, seed=i), 16.0)
    return folder


def command(folder: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "kinetrace", "score", str(folder), "--out", str(out), "--no-plots"]


def contents(out: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(out.iterdir())}


def start_and_kill(run: list[str], out: Path, clock: random.Random, per_clip: float) -> bool:
    """Kills a run at a random moment after none to two new results; whether it was still running."""
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before, wanted = len(list(out.glob("clip*.json"))), clock.choice((0, 1, 1, 2))
    while process.poll() is None and len(list(out.glob("clip*.json"))) < before + wanted:
        time.sleep(0.002)
    time.sleep(clock.uniform(0, 1.5 * per_clip if wanted else 1.5))
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_twenty_times_gives_the_same_results(folder: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    begun = time.monotonic()
    subprocess.run(command(folder, calm), check=True, stdout=subprocess.DEVNULL)
    per_clip = (time.monotonic() - begun) / CLIPS
    clock = random.Random(1)
    out = tmp_path / "killed"
    out.mkdir()
    killed = 0
    for _ in range(3 * KILLS):
        if killed == KILLS:
            break
        killed += start_and_kill(command(folder, out), out, clock, per_clip)
        for path in out.glob("*.json"):
            json.loads(path.read_text())
        if (out / "results.json").exists():
            # It got to the end: take some results away, as if it had been killed before them.
            (out / "results.json").unlink()
            for path in sorted(out.glob("clip*.json"))[::2]:
                path.unlink()
    assert killed == KILLS
    subprocess.run(command(folder, out), check=True, stdout=subprocess.DEVNULL)
    assert contents(out) == contents(calm)
    assert len(json.loads((out / "results.json").read_text())["clips"]) == CLIPS


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are really analysed."""
    seen: list[str] = []
    real = jobs.analyse_file

    def spy(path, options, **rest):  # type: ignore[no-untyped-def]
        seen.append(path.name)
        return real(path, options, **rest)

    monkeypatch.setattr(jobs, "analyse_file", spy)
    return seen


def test_only_what_changed_is_computed_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("clip00.mp4", "clip01.mp4"):
        (source / name).write_bytes((folder / name).read_bytes())
    out = tmp_path / "out"
    run = ["score", str(source), "--out", str(out)]
    seen = counted(monkeypatch)
    assert main([*run, "--no-plots"]) == 0
    assert seen == ["clip00.mp4", "clip01.mp4"]
    first = capsys.readouterr().out
    seen.clear()
    assert main([*run, "--no-plots"]) == 0
    assert seen == []
    assert capsys.readouterr().out == first, "a finished result prints the same table"
    assert main([*run, "--no-plots", "--fps", "8"]) == 0
    assert seen == ["clip00.mp4", "clip01.mp4"], "other options"
    seen.clear()
    (source / "clip00.mp4").write_bytes((folder / "clip05.mp4").read_bytes())
    assert main([*run, "--no-plots", "--fps", "8"]) == 0
    assert seen == ["clip00.mp4"], "another content"
    seen.clear()
    (out / "clip01.json").write_text((out / "clip01.json").read_text()[:100])
    assert main([*run, "--no-plots", "--fps", "8"]) == 0
    assert seen == ["clip01.mp4"], "a torn result"
    seen.clear()
    assert main([*run, "--fps", "8"]) == 0
    assert seen == ["clip00.mp4", "clip01.mp4"], "plots wanted now"
    seen.clear()
    (out / "clip01.fit.png").unlink()
    assert main([*run, "--fps", "8"]) == 0
    assert seen == ["clip01.mp4"], "a plot is gone"
    seen.clear()
    assert main([*run, "--fps", "8", "--force"]) == 0
    assert seen == ["clip00.mp4", "clip01.mp4"]


def test_what_a_killed_write_left_behind_is_overwritten(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".clip00.json.part").write_text('{"file": "half')
    assert main(["score", str(folder / "clip00.mp4"), "--out", str(out), "--no-plots"]) == 0
    assert {p.name for p in out.iterdir()} == {"clip00.json", "results.json", ".lock"}


def test_a_second_run_into_the_same_folder_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["score", str(folder / "clip00.mp4"), "--out", str(out)]) == 1
    assert "another run" in capsys.readouterr().err
