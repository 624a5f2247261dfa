"""The `kinetrace demo` command: rendered motions with known accelerations, measured from the pixels alone."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..primitives import PRIMITIVES
from .analyse import Options, analyse_file
from .errors import load_av, load_cv2, load_pyplot
from .progress import Progress
from .render import draw_look, render, write_clip
from .report import table
from .results import write_json
from .scenes import FPS, SIZE_PX, Scene, make_pair

RADIUS_PX = (16.0, 34.0)


@dataclass(frozen=True)
class Outcome:
    """What the pipeline made of one rendered clip; acceleration (2,) px/s^2, NaN where nothing was found."""

    scene: Scene
    acceleration: npt.NDArray[np.float64]
    residual_rms: float
    score: float
    notes: tuple[str, ...]

    @property
    def record(self) -> dict[str, Any]:
        """The clip's entry in the JSON output."""
        return {
            "kind": self.scene.kind,
            "lawful": self.scene.lawful,
            "true_acceleration": [round(float(v), 4) for v in self.scene.acceleration],
            "measured_acceleration": [round(float(v), 4) for v in self.acceleration],
            "residual_rms": round(self.residual_rms, 5),
            "score": round(self.score, 6),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("--seed", type=int, default=0, help="random seed of motions and looks (0)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the clips, their plots and demo.json here")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=None, help="progress bar on stderr"
    )


def run(args: argparse.Namespace) -> int:
    """Renders, writes, reads back and scores the ten clips; 0 when every lawful clip beats its twin."""
    load_av()
    load_cv2()
    if args.out is not None:
        load_pyplot()
        args.out.mkdir(parents=True, exist_ok=True)
        outcomes = run_demo(args.seed, args.out, plots=True, wanted=args.progress)
    else:
        with tempfile.TemporaryDirectory(prefix="kinetrace-demo-") as folder:
            outcomes = run_demo(args.seed, Path(folder), plots=False, wanted=args.progress)
    content = {"clips": [o.record for o in outcomes], "unit": "px/s^2", "y_axis": "down", "seed": args.seed}
    if args.out is not None:
        write_json(args.out / "demo.json", content)
    if args.json:
        print(json.dumps(content, indent=1))
    else:
        print(demo_text(outcomes))
    return int(any(law.score <= twin.score for law, twin in pairs(outcomes)))


def run_demo(seed: int, folder: Path, *, plots: bool, wanted: bool | None = False) -> list[Outcome]:
    """The ten clips of a seed, each lawful one before its twin; clips (and plots) are written to `folder`."""
    progress = Progress(2 * len(PRIMITIVES), wanted=wanted, stream=sys.stderr)
    outcomes = []
    for index, kind in enumerate(PRIMITIVES):
        rng = np.random.default_rng([seed, index])
        radius = float(rng.uniform(*RADIUS_PX))
        scenes = make_pair(kind, rng, radius_px=radius)
        look = draw_look(rng, radius_px=radius, size_px=SIZE_PX)
        for scene in scenes:
            progress.stage(scene.kind, "rendering")
            path = folder / f"{scene.kind}.mp4"
            write_clip(path, render(scene, look), FPS)
            outcomes.append(_measure(scene, path, progress, folder if plots else None))
            progress.advance()
    progress.clear()
    return outcomes


def _measure(scene: Scene, path: Path, progress: Progress, plots: Path | None) -> Outcome:
    """Scores the written file; the scene is only carried along, nothing of it reaches the pipeline."""
    result = analyse_file(path, Options(), tick=lambda stage: progress.stage(scene.kind, stage))
    if plots is not None:
        from .plots import write_plots

        progress.stage(scene.kind, "plots")
        write_plots(result, plots, scene.kind)
    main = result.scores[0]
    return Outcome(scene, main.acceleration, main.residual_rms, result.score, main.notes)


def pairs(outcomes: list[Outcome]) -> list[tuple[Outcome, Outcome]]:
    """Lawful clips with their twins."""
    return list(zip(outcomes[::2], outcomes[1::2], strict=True))


def demo_text(outcomes: list[Outcome]) -> str:
    """The table of measured against true accelerations and the verdict of each pair."""
    rows = []
    for law, twin in pairs(outcomes):
        error = float(np.linalg.norm(law.acceleration - law.scene.acceleration))
        size = float(np.linalg.norm(law.scene.acceleration))
        obeys = law if law.score > twin.score else twin
        rows.append(
            [
                law.scene.kind,
                _pair(law.scene.acceleration),
                _pair(law.acceleration),
                f"{100 * error / size:.2f} %",
                f"{law.residual_rms:.3f}",
                f"{law.score:.3f}",
                twin.scene.kind,
                f"{twin.residual_rms:.3f}",
                f"{twin.score:.3f}",
                obeys.scene.kind,
            ]
        )
    header = ["lawful clip", "true a", "measured a", "error", "RMS px", "score"]
    header += ["unlawful twin", "RMS px", "score", "obeys"]
    lines = ["Accelerations (x, y) in px/s2, x right and y down, from the pixels of 512x512 clips at 16 fps."]
    lines += table(header, rows)
    right = sum(law.score > twin.score for law, twin in pairs(outcomes))
    lines.append(f"{right} of {len(outcomes) // 2} lawful clips score above their twins.")
    return "\n".join(lines)


def _pair(values: npt.NDArray[np.float64]) -> str:
    return f"{values[0]:.2f}, {values[1]:.2f}"
