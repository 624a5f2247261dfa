"""`kinetrace simulate newtonbench` and `kinetrace eval newtonbench`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from kinetrace.primitives import PRIMITIVES
from kinetrace.video.errors import InputError, load_av, load_cv2
from kinetrace.video.progress import Progress
from kinetrace.video.report import table
from kinetrace.video.results import write_json

from .evaluate import Settings, evaluate
from .generate import DRIVERS, clip_specs, generate
from .measures import MEASURES
from .renderer import default_gl, load_mujoco
from .spec import SPLITS, VARIANTS, VIEWS, load_ranges


def add_simulate(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `simulate newtonbench`."""
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="write clips and truth here")
    parser.add_argument("--split", choices=SPLITS, action="append", help="may be given twice (both)")
    parser.add_argument("--primitive", choices=PRIMITIVES, action="append", help="may be repeated (all five)")
    parser.add_argument("--clips", type=int, default=10, metavar="N", help="clips per primitive and split (10)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same clips (0)")
    parser.add_argument("--view", choices=VIEWS, default="parallel", help="camera parallel to the motion, or oblique")
    parser.add_argument(
        "--variant",
        choices=(*VARIANTS, "all"),
        action="append",
        default=[],
        help="also write this unlawful twin of each clip; may be repeated",
    )
    parser.add_argument(
        "--driver", choices=DRIVERS, default="analytic", help="who moves the object: the law, or MuJoCo's dynamics"
    )
    parser.add_argument("--ranges", type=Path, metavar="FILE", help="TOML ranges instead of the package's own")
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=None, help="progress bar on stderr"
    )
    parser.set_defaults(run=run_simulate)


def add_eval(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `eval newtonbench`."""
    parser.add_argument("--predictions", type=Path, metavar="DIR", required=True, help="SPLIT/NAME.mp4 or .npz")
    parser.add_argument("--truth", type=Path, metavar="DIR", required=True, help="what simulate newtonbench wrote")
    parser.add_argument("--dt", type=float, help="seconds between frames in v and a (from the clip); 1: per frame")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on lengths in pixels (1)")
    parser.add_argument("--norm", choices=("vector", "component"), default="vector", help="inside the RMSE")
    parser.add_argument(
        "--against", choices=("mask", "projection"), default="mask", help="true centroid: of the mask, or of the solid"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the JSON here")
    parser.set_defaults(run=run_eval)


def run_simulate(args: argparse.Namespace) -> int:
    """Renders the clips; MUJOCO_GL is set to osmesa for this process when it is unset and there is no display."""
    load_av()
    load_cv2()
    default_gl()
    load_mujoco()
    try:
        ranges = None if args.ranges is None else load_ranges(args.ranges)
        variants = VARIANTS if "all" in args.variant else args.variant
        if args.driver != "analytic" and variants:
            raise ValueError("variant: expected none with the driver mujoco, whose motion is lawful")
        specs = list(
            clip_specs(
                splits=args.split or SPLITS,
                primitives=args.primitive or PRIMITIVES,
                clips=args.clips,
                variants=variants,
                view=args.view,
                seed=args.seed,
                ranges=ranges,
            )
        )
    except (ValueError, KeyError) as error:
        raise InputError(args.ranges or "simulate newtonbench", str(error)) from error
    progress = Progress(len(specs), wanted=args.progress, stream=sys.stderr)
    started = 0

    def tick(spec: Any) -> None:
        nonlocal started
        if started:
            progress.advance()
        started += 1
        progress.stage(f"{spec.split}/{spec.name}", "rendering")

    generate(args.out, specs, driver=args.driver, ranges=ranges, tick=tick)
    progress.clear()
    print(f"{len(specs)} clips in {args.out}")
    return 0


def run_eval(args: argparse.Namespace) -> int:
    """Scores the predictions; 0 when every clip could be scored, else 1."""
    load_av()
    load_cv2()
    if not args.truth.is_dir():
        raise InputError(args.truth, "no such folder")
    if not args.predictions.is_dir():
        raise InputError(args.predictions, "no such folder")
    for name in ("dt", "scale"):
        value = getattr(args, name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"--{name}", f"expected a positive number, got {value}")
    settings = Settings(args.dt, args.scale, args.norm, args.against)
    result = evaluate(args.predictions, args.truth, settings=settings, seed=args.seed)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(args.out, result)
    print(json.dumps(result, indent=1) if args.json else eval_text(result))
    return int(any(clip["status"] == "failed" for clip in result["clips"]))


def eval_text(result: dict[str, Any]) -> str:
    """The table by split and primitive, then the clips that failed."""
    s = result["settings"]
    dt = "the clip's seconds" if s["dt"] is None else f"{s['dt']:g}"
    lines = [
        f"Means over clips [95 % bootstrap interval]; dt {dt}, scale {s['scale']:g} per px, norm {s['norm']}, "
        f"true centroid of the {s['against']}.",
    ]
    header = ["split", "primitive", "clips", *MEASURES]
    rows = []
    for row in result["rows"]:
        count = str(row["clips"]) + (f" ({row['failed']} failed)" if row["failed"] else "")
        rows.append([row["split"], row["primitive"], count, *(_interval(row[m]) for m in MEASURES)])
    lines += table(header, rows)
    lines += [f"failed: {c['clip']}: {c['reason']}" for c in result["clips"] if c["status"] == "failed"]
    return "\n".join(lines)


def _interval(value: dict[str, float | None]) -> str:
    if value["mean"] is None:
        return "-"
    text = f"{value['mean']:.3g}"
    return text if value["low"] is None else f"{text} [{value['low']:.3g}, {value['high']:.3g}]"
