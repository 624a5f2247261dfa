"""The `kinetrace score` command: many files, results as they come, resumable, bad files reported."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .analyse import Options
from .decode import VIDEO_SUFFIXES
from .errors import InputError, load_av, load_cv2, load_pyplot
from .jobs import Job, run_jobs
from .progress import Progress
from .report import clip_text, html_page
from .results import error_record, output_names, write_bytes, write_json

Record = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="video files or folders of them")
    parser.add_argument("--fps", type=_positive, help="frames per second, instead of the file's own times")
    parser.add_argument("--pixels-per-meter", type=_positive, metavar="N", help="report meters instead of pixels")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="image, .npy or video; points are seeded inside it")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write JSON and PNG plots here; a rerun goes on there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--report", action="store_true", help="also write report.html (needs --out)")
    parser.add_argument("--no-plots", action="store_true", help="write no PNG plots")
    parser.add_argument(
        "--frames",
        type=_span,
        default=(0, None),
        metavar="A:B",
        help="score only frames A to B-1 (either may be left out)",
    )
    parser.add_argument("--max-entities", type=_count, default=16, metavar="N", help="keep the N heaviest (16)")
    parser.add_argument("--force", action="store_true", help="compute again what --out already holds")
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="clips in work at a time (1)")
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="threads of this process, or Ray Data (local)"
    )
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=None, help="progress bar on stderr"
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def _span(text: str) -> tuple[int, int | None]:
    first, colon, last = text.partition(":")
    try:
        start, stop = int(first or 0), int(last) if last else None
    except ValueError:
        start, stop = -1, None
    if not colon or start < 0 or (stop is not None and stop <= start):
        raise argparse.ArgumentTypeError(f"expected A:B with 0 <= A < B, got {text}")
    return start, stop


def run(args: argparse.Namespace) -> int:
    """Scores all inputs; 0 when every file could be scored, else 1."""
    if args.report and args.out is None:
        print("kinetrace score: --report needs --out", file=sys.stderr)
        return 2
    load_av()
    load_cv2()
    plots = args.out is not None and not args.no_plots
    if plots:
        load_pyplot()
    options = Options(args.fps, args.pixels_per_meter, args.mask, args.frames, args.max_entities)
    files, records = expand_inputs(args.inputs)
    for record in records:
        _complain(record)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
    with _lock(args.out):
        records += _score_files(files, options, args, plots)
        summary = {"clips": [_without_paths(r) for r in records]}
        if args.out is not None:
            write_json(args.out / "results.json", summary)
            if args.report:
                write_bytes(args.out / "report.html", html_page(records).encode("utf-8"))
    if args.json:
        print(json.dumps(summary, indent=1, allow_nan=False))
    return int(any(r["status"] != "ok" for r in records))


def _score_files(files: list[Path], options: Options, args: argparse.Namespace, plots: bool) -> list[Record]:
    progress = Progress(len(files), wanted=args.progress)
    jobs = [
        Job(str(path), stem, options, args.out, plots, args.force)
        for path, stem in zip(files, output_names(files), strict=True)
    ]
    records = []
    found = run_jobs(
        jobs,
        engine=args.engine,
        workers=args.workers,
        tick=lambda job, stage: progress.stage(Path(job.path).name, stage),
    )
    for record in found:
        records.append(record)
        progress.advance()
        progress.clear()
        if record["status"] != "ok":
            _complain(record)
        elif not args.json:
            print(clip_text(record), flush=True)
    return records


def expand_inputs(inputs: list[str]) -> tuple[list[Path], list[Record]]:
    """Files in a fixed order, folders opened (recursively, sorted, video suffixes only), and errors."""
    files: list[Path] = []
    errors: list[Record] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
            inside = [p for p in inside if not p.name.startswith(".")]
            if not inside:
                errors.append(error_record(text, "the folder holds no video file"))
            files += inside
        else:
            files.append(path)
    return list(dict.fromkeys(files)), errors


def _complain(record: Record) -> None:
    print(f"kinetrace score: error: {record['file']}: {record['error']}", file=sys.stderr, flush=True)


def _without_paths(record: Record) -> Record:
    if record["status"] != "ok":
        return record
    entities = [{k: v for k, v in e.items() if k != "path"} for e in record["entities"]]
    return {**record, "entities": entities}


@contextmanager
def _lock(folder: Path | None) -> Iterator[None]:
    """Keeps a second run out of the same output folder, where the system can; it ends with the process."""
    try:
        import fcntl
    except ImportError:
        fcntl = None  # type: ignore[assignment]
    if folder is None or fcntl is None:
        yield
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(folder, "another run is writing to this folder") from None
        yield
