"""What rewards share: the call forms of trainers, logging, and what becomes of undefined values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.rewards import _columns
from kinetrace.rewards._arguments import finite_or_zero

Float = npt.NDArray[np.float64]


class TrainerReward:
    """A reward as trainers call it; subclasses say what it is made of.

    `reward(completions=..., **columns)` (TRL; ms-swift gives the completions by position) returns list[float | None];
    `reward(solution_str=..., ground_truth=..., extra_info=...)` (verl, one sample) a dict with "score";
    `reward(solution_strs=..., ...)` (verl's batch manager) a list of them.
    """

    #: What verl's ground_truth stands for.
    truth_column = "solution"
    #: Components that are logged as metrics.
    logged: tuple[str, ...] = ()
    #: Components that verl does not get.
    unreported: tuple[str, ...] = ()
    #: What verl gets for a reward that is undefined.
    undefined: float = 0.0
    #: Whether a response's reward depends on the others of its group, which must then all be given.
    whole_groups = False

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, Float]:
        """Components by name, one number per completion; "total" is the reward, NaN where undefined."""
        raise NotImplementedError

    def __call__(self, completions: Any = None, **columns: Any) -> Any:
        """Rewards of a batch, as the trainer at hand wants them.

        Args:
            completions: texts, or conversations, of which the first message counts.
            **columns: one entry per completion each; those that are not used are ignored.

        Returns:
            list[float | None]: finite, or None where the reward is undefined. In verl's call forms dicts of finite
            numbers.

        Raises:
            ValueError: a column is missing or has another length.
            TypeError: a completion is no text.
        """
        if completions is None and "solution_str" in columns:
            return self.compute_score(**columns)
        if completions is None and "solution_strs" in columns:
            return self.compute_scores(**columns)
        log_metric, log_extra = columns.pop("log_metric", None), columns.pop("log_extra", None)
        parts = self._evaluate(completions, columns)
        totals = [total if math.isfinite(total) else None for total in parts["total"].tolist()]
        if log_metric is not None and totals:
            for key in self.logged:
                known = parts[key][np.isfinite(parts[key])]
                if known.size:
                    log_metric(f"{self.__name__}/{key}", float(known.mean()))
        if log_extra is not None:
            log_extra(self.__name__, totals)
        return totals

    def components(self, completions: Any = None, **columns: Any) -> list[dict[str, float]]:
        """What the rewards are made of, the same keys for every completion; NaN where undefined."""
        columns = {name: value for name, value in columns.items() if name not in ("log_metric", "log_extra")}
        parts = self._evaluate(completions, columns)
        rows = zip(*(values.tolist() for values in parts.values()), strict=True)
        return [dict(zip(parts, row, strict=True)) for row in rows]

    def compute_score(
        self,
        data_source: Any = None,
        solution_str: str = "",
        ground_truth: Any = None,
        extra_info: Any = None,
        **kwargs: Any,
    ) -> dict[str, float]:
        """One sample in verl's form; the columns come from extra_info and ground_truth."""
        return self.compute_scores([data_source], [solution_str], [ground_truth], [extra_info], **kwargs)[0]

    def compute_scores(
        self,
        data_sources: Any = None,
        solution_strs: Any = (),
        ground_truths: Any = None,
        extra_infos: Any = None,
        *,
        fallback: float | None = None,
        **kwargs: Any,
    ) -> list[dict[str, float]]:
        """A batch in verl's form: "score" and the components, finite numbers all.

        Undefined components are 0; the score of what cannot be scored is `fallback`, or without one `undefined`.
        """
        instead = self.undefined if fallback is None else float(fallback)
        if not math.isfinite(instead):
            raise ValueError(f"fallback: expected a finite number, got {fallback!r}")
        count = len(solution_strs)
        infos = [dict(info or {}) for info in (extra_infos if extra_infos is not None else [None] * count)]
        truths = list(ground_truths) if ground_truths is not None else [None] * count
        for info, truth in zip(infos, truths, strict=True):
            if isinstance(truth, Mapping):
                info.update(truth)
            elif self._is_truth(truth) and info.get(self.truth_column) is None:
                info[self.truth_column] = truth
        names = dict.fromkeys(key for info in infos for key in info if key != "completions")
        columns = {name: [info.get(name) for info in infos] for name in names}
        left_out = {"total", *self.unreported}
        return [
            {"score": row["total"] if math.isfinite(row["total"]) else instead}
            | {k: finite_or_zero(v) for k, v in row.items() if k not in left_out}
            for row in self.components(list(solution_strs), **columns)
        ]

    def _is_truth(self, truth: Any) -> bool:
        """Whether verl's ground_truth, which is no dict, may stand for the column `truth_column`."""
        return True


def values_of(source: Any, name: str, completions: Any, columns: Mapping[str, Any], count: int) -> Float:
    """Numbers of another reward (a callable, or the name of a column); None and non-finite ones are NaN.

    Raises:
        ValueError: not one per completion.
        TypeError: a value is no number.
    """
    values = source(completions=completions, **columns) if callable(source) else _columns.column(columns, source, count)
    listed = list(values)
    if len(listed) != count:
        raise ValueError(f"{name}: expected {count} values, one per completion, got {len(listed)}")
    numbers = np.array([math.nan if value is None else float(value) for value in listed], dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)
