"""Ray: rewards and clips as batch transforms of Ray Data; the same rows as without it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinetrace.integrations._rewards import numbers, reward_of
from kinetrace.rewards._trainer import TrainerReward


class RewardTransform:
    """Adds a column of rewards to batches: `dataset.map_batches(RewardTransform, fn_constructor_args=("process",), ...)`.

    A reward that compares the responses of a group needs whole groups in a batch: use `groupby(...).map_groups`.

    Args:
        reward: a name, "module:attribute", or a callable that pickles; see `kinetrace.integrations.verl.compute_score`.
        arguments: of the reward's class.
        completions: the column of completions; all others are the reward's columns.
        output: the column that is added: float64, null where a completion cannot be scored.
        components: also adds the columns `<output>_<component>`, null where undefined.
        fallback: in place of null.

    Use batch_format="pyarrow" (or "numpy": None in an object array stands for null).
    """

    def __init__(
        self,
        reward: Any = "process",
        arguments: Mapping[str, Any] | None = None,
        *,
        completions: str = "completions",
        output: str = "reward",
        components: bool = False,
        fallback: float | None = None,
    ) -> None:
        self.reward = reward_of(reward, arguments)
        if components and not isinstance(self.reward, TrainerReward):
            raise ValueError("components: expected False for a reward without components, got True")
        self.completions, self.output, self.components, self.fallback = completions, output, components, fallback

    def __call__(self, batch: Any) -> Any:
        """The batch, a pyarrow table or a dict of arrays, with the columns added."""
        arrow = hasattr(batch, "append_column")
        names = list(batch.column_names if arrow else batch)
        columns = {name: batch.column(name).to_pylist() if arrow else _listed(batch[name]) for name in names}
        texts = columns.pop(self.completions)
        added = self._added(texts, columns)
        if not arrow:
            import numpy as np

            return {**batch, **{name: np.array(values, dtype=object) for name, values in added.items()}}
        import pyarrow

        for name, values in added.items():
            batch = batch.append_column(name, pyarrow.array(values, pyarrow.float64()))
        return batch

    def _added(self, texts: list[Any], columns: dict[str, list[Any]]) -> dict[str, list[float | None]]:
        if not self.components:
            return {self.output: self._filled(list(self.reward(completions=texts, **columns)))}
        assert isinstance(self.reward, TrainerReward)
        rows = self.reward.components(texts, **columns)
        names = list(rows[0]) if rows else ["total"]
        return {
            self.output if name == "total" else f"{self.output}_{name}": self._filled([row[name] for row in rows])
            for name in names
        }

    def _filled(self, values: list[Any]) -> list[float | None]:
        finite = numbers(values, len(values), float("nan"))
        return [self.fallback if value != value else value for value in finite]


def _listed(column: Any) -> list[Any]:
    return [entry.tolist() if hasattr(entry, "tolist") else entry for entry in column]


class ClipTransform:
    """Scores video files as `kinetrace score` does: rows {"index", "job"} to {"index", "record"} (JSON).

    Args:
        jobs: `kinetrace.video.jobs.Job`s, by index.
    """

    def __init__(self, jobs: Sequence[Any]) -> None:
        self.jobs = jobs

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Records of a batch of rows with "index"."""
        from kinetrace.video.jobs import score_job

        places = [int(i) for i in batch["index"]]
        return {"index": places, "record": [json.dumps(score_job(self.jobs[i]), allow_nan=False) for i in places]}


def score_clips(jobs: Sequence[Any], *, workers: int = 1, batch_size: int = 4) -> Iterator[dict[str, Any]]:
    """Records of `kinetrace.video.jobs.Job`s in their order, computed by Ray workers of one processor each.

    The workers read and write the files under the same names: with several machines they must share them. Ray is
    started where it does not run yet.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        from kinetrace.video.errors import MissingExtraError

        raise MissingExtraError(
            f"ray is not installed ({error}); --engine ray needs: pip install 'ray[data]'"
        ) from None
    if not jobs:
        return
    rows = ray.data.from_items([{"index": i} for i in range(len(jobs))], override_num_blocks=max(1, workers))
    scored = rows.map_batches(
        ClipTransform,
        fn_constructor_args=(list(jobs),),
        batch_size=min(batch_size, -(-len(jobs) // workers)),
        concurrency=workers,
        num_cpus=1,
    )
    waiting: dict[int, dict[str, Any]] = {}
    following = 0
    for row in scored.iter_rows():
        waiting[int(row["index"])] = json.loads(row["record"])
        while following in waiting:
            yield waiting.pop(following)
            following += 1
