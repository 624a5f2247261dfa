"""Helpers of the NewtonBench tests: clips rendered by the command, and a truth made without a renderer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kinetrace.benchmarks.newtonbench import ClipSpec, Truth, place_camera, simulate
from kinetrace.benchmarks.newtonbench.motion import reach
from kinetrace.benchmarks.newtonbench.truth import make_truth, save_truth
from kinetrace.video.render import write_clip


def command(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `kinetrace` in a process of its own: MuJoCo reads MUJOCO_GL when it is imported, and this process is
    left alone."""
    return subprocess.run(
        [sys.executable, "-m", "kinetrace", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=300,
    )


def render(out: Path, *options: str) -> Path:
    """Renders clips; where nothing can be rendered the tests that need them are skipped, in CI they fail."""
    done = command("simulate", "newtonbench", "--out", str(out), *options)
    if done.returncode != 0:
        cause = done.stderr.strip()
        missing = "error: mujoco is not installed" in cause or "error: MuJoCo has no OpenGL library" in cause
        if missing and os.environ.get("CI") != "true":
            pytest.skip(cause)
        pytest.fail(f"kinetrace simulate newtonbench: {cause}")
    return out


def disc_clip(spec: ClipSpec) -> tuple[npt.NDArray[np.uint8], Truth]:
    """A clip and its truth with a plain disc as the object: no renderer, the same files."""
    motion = simulate(spec)
    camera = place_camera(spec, reach(spec))
    centres = camera.project(motion.positions_m)
    z = camera.depth(motion.positions_m)
    y, x = np.mgrid[: spec.size_px, : spec.size_px]
    rng = np.random.default_rng(spec.seed)
    scene = 110 + 6 * rng.standard_normal((spec.size_px, spec.size_px, 3))
    frames, masks, depth = [], [], []
    for (u, v), distance, there in zip(centres, z, motion.present, strict=True):
        inside = ((x - u) ** 2 + (y - v) ** 2 <= (spec.radius_m * camera.focal_px / distance) ** 2) & there
        picture = scene.copy()
        picture[inside] = (40, 190, 220)
        frames.append(np.clip(picture, 0, 255).astype(np.uint8))
        masks.append(inside)
        depth.append(np.where(inside, distance, distance + 6).astype(np.float32))
    truth = make_truth(spec, motion, camera, np.stack(masks), np.stack(depth), driver="analytic")
    return np.stack(frames), truth


def write_disc(folder: Path, spec: ClipSpec) -> Truth:
    """Writes what `generate` would."""
    frames, truth = disc_clip(spec)
    (folder / spec.split).mkdir(parents=True, exist_ok=True)
    write_clip(folder / spec.split / f"{spec.name}.mp4", frames, spec.fps)
    save_truth(truth, folder / spec.split / spec.name)
    return truth


def same_files(one: Path, two: Path) -> dict[str, Any]:
    """Names in either folder and whether the two hold the same bytes."""
    names = sorted({p.relative_to(folder) for folder in (one, two) for p in folder.rglob("*") if p.is_file()})
    return {
        str(n): (one / n).is_file() and (two / n).is_file() and (one / n).read_bytes() == (two / n).read_bytes()
        for n in names
    }
