#!/usr/bin/env python3
"""Many small video files through `kinetrace score`, once with Ray and once with threads: the rows must be the same text.

    python scripts/ray_clips.py --clips 10000 --workers 2

Needs Ray Data, PyAV and OpenCV (pip install "kinetrace[trainers,video]"). Exit status 1 where a row differs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace import cli
from kinetrace.video.render import write_clip

FPS = 16.0


def draw(rng: np.random.Generator, size: int, frames: int) -> npt.NDArray[np.uint8]:
    """A textured disc on a parabola before a chequered wall, (frames, size, size, 3)."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    at, per_frame = rng.uniform(0.3, 0.7, 2) * size, rng.uniform(-0.04, 0.04, 2) * size
    fall = np.array([0.0, rng.uniform(0.0, 0.006) * size])
    wall = np.kron(rng.integers(60, 120, (8, 8)), np.ones((size // 8, size // 8)))
    clip = np.empty((frames, size, size, 3), np.uint8)
    for t in range(frames):
        dx, dy = (axis - c for axis, c in zip((x, y), at + per_frame * t + fall * t * t / 2, strict=True))
        cover = np.clip(size / 8 - np.hypot(dx, dy) + 0.5, 0, 1)
        disc = 200 + 30 * np.sin(1.3 * dx) * np.cos(1.1 * dy)
        clip[t] = np.rint(wall * (1 - cover) + disc * cover).astype(np.uint8)[..., None]
    return clip


def score(folder: Path, *options: str) -> tuple[Any, float]:
    """What `kinetrace score` prints, and the seconds it took."""
    printed, complaints, start = io.StringIO(), io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaints):
        cli.main(["score", str(folder), "--json", "--no-progress", *options])
    return json.loads(printed.getvalue())["clips"], time.perf_counter() - start


def main(arguments: list[str] | None = None) -> int:
    """Makes the clips, scores them both ways, compares every row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--size", type=int, default=32, help="pixels, a multiple of 8")
    parser.add_argument("--frames", type=int, default=10)
    options = parser.parse_args(arguments)
    import ray

    if not ray.is_initialized():
        path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
        ray.init(
            num_cpus=options.workers,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=200 << 20,
            runtime_env={"env_vars": path},
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(options.clips):
            clip = draw(np.random.default_rng(i), options.size, options.frames)
            write_clip(folder / f"{i:05d}.mp4", clip, FPS)
        workers = ("--workers", str(options.workers))
        there, ray_s = score(folder, "--engine", "ray", *workers)
        here, local_s = score(folder, *workers)
    differing = sum(a != b for a, b in zip(here, there, strict=True))
    statuses = dict(Counter(row["status"] for row in here))
    different = len({json.dumps(row["score"]) for row in here if row["status"] == "ok"})
    print(
        f"{len(here)} clips, {statuses}, {different} different scores: {differing} rows differ; "
        f"Ray {ray_s:.0f} s, threads {local_s:.0f} s, {options.workers} workers each"
    )
    return int(differing > 0 or len(here) != options.clips)


if __name__ == "__main__":
    sys.exit(main())
