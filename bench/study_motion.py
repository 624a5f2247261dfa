"""Measures point trackers on rendered accelerating objects: the table of docs/motion-estimation.md.

Run: python bench/study_motion.py [--seeds N]. Objects of several radii speed up from rest to several top
speeds over a textured background; 40 points are given on the object in the middle frame, every tracker
carries them to both ends.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from kinetrace.video.analyse import one_thread
from kinetrace.video.lucas_kanade import LucasKanade
from kinetrace.video.motion import ChainedFlow, DISFlow, PointTracker
from kinetrace.video.render import draw_look, render
from kinetrace.video.report import table
from kinetrace.video.rigid import solve_rigid
from kinetrace.video.scenes import Scene

FRAMES, SIZE, FPS = 32, 384, 16.0
RADII, SPEEDS = (10.0, 16.0, 24.0, 32.0), (3.0, 6.0, 12.0)


def trackers() -> dict[str, PointTracker]:
    """The candidates; None limits mean that no check stops a point."""
    return {
        "DIS medium, chained": ChainedFlow(DISFlow("medium"), max_cycle_error_px=1e6),
        "DIS medium, chained, cycle < 1 px": ChainedFlow(DISFlow("medium"), max_cycle_error_px=1.0),
        "LK 4 levels from rest, cycle < 0.5 px": LucasKanade(predict=False),
        "LK predicted + block match (default)": LucasKanade(),
        "the same + DIS as a start": LucasKanade(flow=DISFlow("medium")),
    }


def clip(radius: float, speed: float, seed: int) -> tuple[Any, Any, float]:
    """Grey frames, true positions (T, 2) and the acceleration in px per frame^2 along x."""
    import cv2

    rng = np.random.default_rng([seed, int(radius), int(speed)])
    acceleration = speed / (FRAMES - 1)
    t = np.arange(FRAMES)
    path = np.column_stack([70 + 0.5 * acceleration * t * t, np.full(FRAMES, SIZE / 2) + rng.uniform(-1, 1)])
    path += rng.uniform(-0.5, 0.5, 2)
    scene = Scene("study", "free_fall", True, path, np.ones(FRAMES, dtype=bool), np.zeros(2), None)
    frames = render(scene, draw_look(rng, radius_px=radius, size_px=SIZE))
    return np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]), path, acceleration


def measure(tracker: PointTracker, frames: Any, path: Any, acceleration: float, radius: float) -> tuple[float, ...]:
    """Share of point-frames within 1 px of the truth, error of the acceleration in %, seconds."""
    rng = np.random.default_rng(7)
    middle = FRAMES // 2
    angle, distance = rng.uniform(0, 2 * np.pi, 40), 0.8 * radius * np.sqrt(rng.uniform(0, 1, 40))
    offset = np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])
    begun = time.perf_counter()
    tracks = tracker.track(frames, path[middle] + offset, np.full(40, middle))
    seconds = time.perf_counter() - begun
    truth = path[:, None] + offset[None]
    near = tracks.visible & (np.linalg.norm(np.nan_to_num(tracks.positions) - truth, axis=-1) < 1.0)
    motion = solve_rigid(tracks.positions, tracks.visible)
    seen = np.flatnonzero(motion.seen)
    error = 100.0
    if len(seen) > 8:
        fit = np.polynomial.polynomial.polyfit(seen.astype(float), motion.centre[seen], 2)
        error = 100 * float(np.hypot(2 * fit[2, 0] - acceleration, 2 * fit[2, 1])) / acceleration
    return float(near.mean()), error, seconds


def main() -> None:
    """Prints one table per top speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    results: dict[tuple[str, float, float], list[tuple[float, ...]]] = {}
    with one_thread():
        for radius in RADII:
            for speed in SPEEDS:
                for seed in range(seeds):
                    frames, path, acceleration = clip(radius, speed, seed)
                    for name, tracker in trackers().items():
                        found = measure(tracker, frames, path, acceleration, radius)
                        results.setdefault((name, radius, speed), []).append(found)
    for speed in SPEEDS:
        print(f"\ntop speed {speed:g} px a frame: held % / acceleration error %, median of {seeds} clips")
        rows = []
        for name in trackers():
            cells = [np.median(results[name, radius, speed], axis=0) for radius in RADII]
            seconds = np.median([c[2] for c in cells])
            rows.append([name, *(f"{100 * c[0]:.0f} / {c[1]:.2f}" for c in cells), f"{seconds:.2f}"])
        print("\n".join(table(["tracker", *(f"radius {r:g}" for r in RADII), "s"], rows)))


if __name__ == "__main__":
    main()
