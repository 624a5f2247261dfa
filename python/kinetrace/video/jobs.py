"""Many clips at once: in this process, in threads, or with Ray; records come back in the order of the clips."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .analyse import Options, analyse_file
from .errors import InputError
from .results import clip_record, error_record, read_finished, result_key, write_json

Record = dict[str, Any]
Tick = Callable[[str], None]

_PLOTTING = threading.Lock()  # matplotlib draws one picture at a time


@dataclass(frozen=True)
class Job:
    """A clip to be scored, with everything that a worker elsewhere needs.

    Attributes:
        path: the file, as it was named.
        stem: of the names of its result files.
        options: of the analysis.
        out: folder of the result files; None: none are written.
        plots: whether pictures are written there.
        force: compute again what the folder already holds.
    """

    path: str
    stem: str
    options: Options = field(default_factory=Options)
    out: Path | None = None
    plots: bool = False
    force: bool = False


def score_job(job: Job, tick: Tick | None = None) -> Record:
    """The record of one clip, which says so where the file is bad; finished ones are read from the folder."""
    from .. import __version__

    path, out = Path(job.path), job.out
    target = None if out is None else out / f"{job.stem}.json"
    key = result_key(path, job.options, __version__) if target is not None else ""
    if target is not None and not job.force:
        finished = read_finished(target, key)
        if finished is not None and (not job.plots or finished.get("plots")):
            return {**finished, "file": job.path}
    try:
        result = analyse_file(path, job.options, tick=tick or (lambda stage: None))
    except InputError as error:
        if target is not None:
            target.unlink(missing_ok=True)
        return {**error_record(job.path, error.cause), **({} if error.path == job.path else {"error": str(error)})}
    record = clip_record(result, name=job.path, options=job.options, key=key)
    if target is not None and out is not None:
        if job.plots:
            from .plots import write_plots

            if tick is not None:
                tick("plots")
            with _PLOTTING:
                record["plots"] = write_plots(result, out, job.stem)
        # Written last: a clip counts as finished only when all its files are there.
        write_json(target, record)
    return record


def run_jobs(
    jobs: Sequence[Job], *, engine: str = "local", workers: int = 1, tick: Callable[[Job, str], None] | None = None
) -> Iterator[Record]:
    """Records one after another, as soon as they and all before them are there.

    Args:
        jobs: the clips.
        engine: "local": this process, with `workers` threads; "ray": Ray Data with `workers` workers.
        workers: clips in work at a time.
        tick: told what is being done, with one local worker.
    """
    if engine == "ray":
        from ..integrations.ray import score_clips

        yield from score_clips(jobs, workers=workers)
    elif workers == 1:
        for job in jobs:
            yield score_job(job, None if tick is None else lambda stage, job=job: tick(job, stage))  # type: ignore[misc]
    else:
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(score_job, job) for job in jobs]
            try:
                for future in futures:
                    yield future.result()
            finally:
                for future in futures:
                    future.cancel()
