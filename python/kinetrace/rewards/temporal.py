"""The reward of T-GRPO: accuracy, format, and a bonus for using the order of the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kinetrace._presets import TEMPORAL, arguments_of
from kinetrace.rewards import _columns
from kinetrace.rewards._arguments import choice
from kinetrace.rewards._trainer import Float, TrainerReward, values_of
from kinetrace.rewards.accuracy import AccuracyReward, FormatReward
from kinetrace.temporal_bonus import _options, temporal_bonus

Reward = Callable[..., Iterable[float | None]]

#: Columns that tell prompts of equal text apart.
_MEDIA = ("problem_id", "prompt_id", "video", "video_path", "path", "image_path")


class TemporalReward(TrainerReward):
    """Accuracy + format + temporal bonus + length bonus of T-GRPO, see `kinetrace.temporal_bonus`.

    The bonus compares a group's accuracy with that of responses to shuffled frames, which come from a second rollout:
    their accuracies are a column, or their texts are and the same accuracy rule scores them. It needs whole groups:
    with TRL a plain reward function may see half a group per process. `group_size` makes that an error instead of a
    wrong bonus.

    Args:
        preset: "video_r1_code" (with accuracy rules in compat) or "video_r1_paper"; see `TEMPORAL_PRESETS`.
        accuracy: a reward (`AccuracyReward`), or the name of a column of accuracies. None: `AccuracyReward` with
            compat as the preset.
        format: a reward, or the name of a column; None: no format reward.
        parts: "total": the sum; "bonus": temporal and length bonus alone, beside rewards for accuracy and format.
        group_column: ids of the groups; None: completions of equal prompts (text, and the columns problem_id,
            prompt_id, video, video_path, path, image_path where given) are a group.
        group_size: responses that every group must have; None: not checked.
        shuffled_column: per completion the accuracies of its group's responses to shuffled frames (a list, or their
            mean), the same in every row of a group; None in groups without.
        shuffled_completions_column: texts instead (a list per completion), where shuffled_column is not given.
        data_type_column: "image" rows get no temporal bonus; without the column all are videos.
        length_column: tokens per completion; without the column those of `completion_ids`; without both there is no
            length bonus.
        **overrides: as in `kinetrace.temporal_bonus`.

    Raises:
        ValueError: an unknown preset, or an argument out of range.
        TypeError: an unknown override.

    Example:
        >>> import kinetrace as kt
        >>> reward = kt.rewards.TemporalReward(preset="video_r1_code", accuracy="accuracy", format=None)
        >>> reward(
        ...     completions=["a", "b", "c"],
        ...     prompts=["p"] * 3,
        ...     accuracy=[1.0, 1.0, 0.0],
        ...     shuffled_accuracy=[[0.0, 1.0]] * 3,
        ... )
        [1.3, 1.3, 0.0]
    """

    logged = ("accuracy", "temporal", "length", "active")
    whole_groups = True

    def __init__(
        self,
        *,
        preset: str = "video_r1_paper",
        accuracy: Reward | str | None = None,
        format: Reward | str | None = FormatReward(),  # noqa: B008
        parts: str = "total",
        group_column: str | None = None,
        group_size: int | None = None,
        shuffled_column: str = "shuffled_accuracy",
        shuffled_completions_column: str = "shuffled_completions",
        data_type_column: str = "data_type",
        length_column: str = "completion_lengths",
        **overrides: Any,
    ) -> None:
        super().__init__("temporal_reward")
        _options(preset, dict(overrides))
        self.preset, self.overrides, self.parts = preset, dict(overrides), choice(parts, "parts", ("total", "bonus"))
        self.accuracy = AccuracyReward(compat=preset == "video_r1_code") if accuracy is None else accuracy
        self.format, self.group_column, self.group_size = format, group_column, group_size
        self.shuffled_column, self.shuffled_completions_column = shuffled_column, shuffled_completions_column
        self.data_type_column, self.length_column = data_type_column, length_column

    @property
    def options(self) -> dict[str, Any]:
        """The preset's arguments with the overrides."""
        return arguments_of(TEMPORAL, self.preset) | self.overrides

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, Float]:
        count = len(_columns.texts_of(completions))
        groups = self._groups(columns, count)
        accuracy = values_of(self.accuracy, "accuracy", completions, columns, count)
        other = np.zeros(count)
        if self.format is not None:
            other = np.nan_to_num(values_of(self.format, "format", completions, columns, count))
        shuffled, shuffled_groups = self._shuffled(groups, columns, count)
        result = temporal_bonus(
            accuracy,
            shuffled,
            groups,
            shuffled_groups,
            preset=self.preset,
            other=other,
            lengths=self._lengths(columns, count),
            video=self._videos(columns, count),
            **self.overrides,
        )
        paid = result.temporal if self.options["apply_to"] == "reward" else np.zeros(count)
        bonus = np.where(np.isnan(accuracy), np.nan, paid + result.length)
        return {
            "total": result.rewards if self.parts == "total" else bonus,
            "accuracy": accuracy,
            "format": other,
            "temporal": result.temporal,
            "length": result.length,
            "active": result.active.astype(np.float64),
            "advantage": result.advantages,
        }

    def _groups(self, columns: Mapping[str, Any], count: int) -> Any:
        """A number per completion, equal in a group."""
        keys: list[Any]
        if self.group_column is not None:
            keys = _columns.column(columns, self.group_column, count)
        else:
            prompts = [_key(prompt) for prompt in _columns.column(columns, "prompts", count)]
            more = [_columns.column(columns, name, count) for name in _MEDIA if columns.get(name) is not None]
            keys = list(zip(prompts, *([_key(value) for value in column] for column in more), strict=True))
        numbers: dict[Any, int] = {}
        groups = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
        if self.group_size is not None and count:
            sizes = np.bincount(groups)
            if (sizes != self.group_size).any():
                raise ValueError(
                    f"group_size: expected {self.group_size} completions in every group, got {int(sizes.min())} to "
                    f"{int(sizes.max())}; a process that sees part of a group cannot compute this reward"
                )
        return groups

    def _shuffled(self, groups: Any, columns: Mapping[str, Any], count: int) -> tuple[Float, Any]:
        """Accuracies of the responses to shuffled frames, and their groups; each group's first row speaks for it."""
        first = [int(i) for i in np.unique(groups, return_index=True)[1]]
        if columns.get(self.shuffled_column) is not None:
            entries = _columns.column(columns, self.shuffled_column, count)
            lists = [_as_list(entries[i]) for i in first]
        else:
            texts = _columns.column(columns, self.shuffled_completions_column, count)
            lists = [list(texts[i] or []) for i in first]
            repeated = [(i, text) for i, listed in zip(first, lists, strict=True) for text in listed]
            own = {
                n: _picked(column, [i for i, _ in repeated])
                for n, column in columns.items()
                if _is_column(column, count)
            }
            if isinstance(self.accuracy, str):
                raise ValueError(f"{self.shuffled_column}: expected this column where accuracy is a column, got None")
            flat = values_of(self.accuracy, "accuracy", [text for _, text in repeated], own, len(repeated))
            return flat, np.array([groups[i] for i, _ in repeated], dtype=np.int64)
        values = np.array([np.nan if v is None else float(v) for listed in lists for v in listed], dtype=np.float64)
        of_group = [groups[i] for i, listed in zip(first, lists, strict=True) for _ in listed]
        return values, np.array(of_group, dtype=np.int64)

    def _lengths(self, columns: Mapping[str, Any], count: int) -> Any:
        if columns.get(self.length_column) is not None:
            return np.array(_columns.column(columns, self.length_column, count), dtype=np.int64)
        if columns.get("completion_ids") is not None:
            return np.array([len(ids) for ids in _columns.column(columns, "completion_ids", count)], dtype=np.int64)
        return None

    def _videos(self, columns: Mapping[str, Any], count: int) -> Any:
        if columns.get(self.data_type_column) is None:
            return True
        return np.array([kind != "image" for kind in _columns.column(columns, self.data_type_column, count)])


def _as_list(entry: Any) -> list[Any]:
    if entry is None:
        return []
    return list(entry) if isinstance(entry, Sequence | np.ndarray) and not isinstance(entry, str) else [entry]


def _is_column(column: Any, count: int) -> bool:
    return isinstance(column, list | tuple | np.ndarray) and len(column) == count


def _picked(column: Any, rows: list[int]) -> list[Any]:
    return [column[i] for i in rows]


def _key(value: Any) -> Any:
    """Something hashable that is equal for equal prompts: the texts of conversations."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    if isinstance(value, Mapping):
        return tuple((name, _key(part)) for name, part in sorted(value.items()))
    if isinstance(value, Sequence):
        return tuple(_key(part) for part in value)
    raise ValueError(
        f"group_column: expected a column of group ids where prompts hold more than texts, got {type(value).__name__}"
    )
