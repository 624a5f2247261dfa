"""The rewards of PA-GRPO: perception judged by any callable, reasoning by rule, and the tokens that each belongs to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace._presets import PROCESS_AWARE, arguments_of
from kinetrace.rewards import _columns
from kinetrace.rewards._arguments import choice, number
from kinetrace.rewards._trainer import Float, TrainerReward, values_of
from kinetrace.rewards.accuracy import AccuracyReward

Judge = Callable[..., Iterable[Any]]

_END = "</observation>"
_PERCEPTION = re.compile(r"\s*<observation>(.*?)</observation>", re.DOTALL)
_REASONING = re.compile(r"\s*<think>.*?</think>\s*<answer>.*?</answer>\s*", re.DOTALL)
_JUDGEMENT = re.compile(r"<judgement>\s*(yes|no)\s*</judgement>", re.IGNORECASE)


def perception_end(text: str) -> int:
    """Where perception ends: after the first `</observation>`, 0 without one [derived]."""
    at = text.find(_END)
    return at + len(_END) if at >= 0 else 0


def token_segments(
    completions: Sequence[Any], offsets: Sequence[Sequence[Sequence[int]]], *, num_tokens: int | None = None
) -> npt.NDArray[np.int64]:
    """Segment of every token for `kinetrace.segment_advantages`: 0 perception, 1 reasoning, -1 padding.

    Perception is everything up to the end of the first `</observation>`, reasoning the rest up to and including the
    end-of-sequence token; a token belongs to the segment of its first character; without `</observation>` everything is
    reasoning (kinetrace's choice, the paper does not say [derived]).

    Args:
        completions: texts or conversations.
        offsets: per completion (start, end) in characters of every token, as fast tokenizers give them. Tokens that
            follow others but start at 0 again (special tokens) count as the end of the text.
        num_tokens: T; None: the longest.

    Returns:
        (B, T) int64.

    Raises:
        ValueError: another number of offsets than completions, or more than num_tokens.

    Example:
        >>> import kinetrace as kt
        >>> text = "<observation>x</observation><answer>C</answer>"
        >>> kt.rewards.token_segments([text], [[(0, 14), (14, 28), (28, 46), (0, 0)]]).tolist()
        [[0, 0, 1, 1]]
    """
    texts = _columns.texts_of(completions)
    if len(offsets) != len(texts):
        raise ValueError(f"offsets: expected {len(texts)} entries, one per completion, got {len(offsets)}")
    longest = max((len(spans) for spans in offsets), default=0)
    if num_tokens is not None and longest > num_tokens:
        raise ValueError(f"num_tokens: expected at least {longest}, got {num_tokens}")
    segments = np.full((len(texts), longest if num_tokens is None else num_tokens), -1, dtype=np.int64)
    for row, text, spans in zip(segments, texts, offsets, strict=True):
        starts = np.array([span[0] for span in spans], dtype=np.int64)
        row[: len(starts)] = np.maximum.accumulate(starts) >= perception_end(text) if len(starts) else 0
    return segments


def process_aware_rewards(
    accuracy: npt.ArrayLike,
    form: npt.ArrayLike,
    lengths: npt.ArrayLike,
    *,
    length_bonus: float = 0.2,
    bands: Sequence[tuple[int, int]] = ((128, 320), (320, 512)),
    len_gate: str = "per_segment",
) -> Float:
    """Rewards of both processes, accuracy + format + length bonus (VideoP2R, eq. 5 [published]).

    Args:
        accuracy ((B, 2)): of perception and reasoning; NaN: unknown.
        form ((B, 2)): format rewards.
        lengths ((B, 2)): tokens of the segments.
        length_bonus: paid where accuracy and format are not 0 and the length is within the band.
        bands: lowest and highest length of each segment, both included.
        len_gate: "per_segment": each segment by its own conditions; "both": all conditions must hold, then both are
            paid [unknown in the paper].

    Returns:
        (B, 2) float64.
    """
    a, f, n = (np.asarray(x, dtype=np.float64).reshape(-1, 2) for x in (accuracy, form, lengths))
    low, high = np.array(bands, dtype=np.float64).T
    passed = (a != 0) & ~np.isnan(a) & (f != 0) & (n >= low) & (n <= high)
    if len_gate == "both":
        passed = np.repeat(passed.all(axis=1, keepdims=True), 2, axis=1)
    return np.asarray(a + f + length_bonus * passed)


class ProcessAwareReward(TrainerReward):
    """The rewards of VideoP2R's PA-GRPO (arXiv 2511.11113): perception and reasoning, each accuracy + format + length.

    Template: `<observation>...</observation> <think>...</think><answer>...</answer>`. Called as a plain reward it
    returns the sum of both; `segment_rewards` gives both for `kinetrace.segment_advantages`, with the tokens'
    segments from `token_segments`. A completion without `</observation>` has perception rewards 0, which still count
    in its group's statistics [derived].

    Args:
        judge: is the observation sufficient to answer? A callable `judge(observations=[...], completions=...,
            **columns)` that returns one verdict per completion, or the name of a column of verdicts made offline. A
            verdict is a bool, a number, a reply with `<judgement>Yes</judgement>` or `No` (the paper's prompt), or None
            where there is none: that completion is unscorable. Only completions with an observation are judged: the
            columns are cut to those. In the paper Claude 3.7 Sonnet judges, given question, answer and observation.
        accuracy: of the reasoning; a reward, or the name of a column. None: `AccuracyReward()`.
        tokenizer: callable(text) -> tokens (anything with a length, or a mapping with "input_ids"), for the lengths of
            the segments; tag tokens count [unknown in the paper]. None: the column `segment_lengths` of (perception,
            reasoning) pairs; without both there is no length bonus.
        length_bonus: 0.2 in the paper.
        perception_band, reasoning_band: lowest and highest number of tokens, both included.
        len_gate: "per_segment" or "both", see `process_aware_rewards`.
        segment_lengths_column: see tokenizer.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> import kinetrace as kt
        >>> def judge(*, observations, **columns):
        ...     return ["ball" in text for text in observations]
        >>> reward = kt.rewards.ProcessAwareReward(judge=judge)
        >>> text = "<observation>A ball.</observation><think>t</think><answer>B</answer>"
        >>> columns = {"solution": ["<answer>B</answer>"] * 2, "problem_type": ["multiple choice"] * 2}
        >>> reward(completions=[text, "<think>t</think><answer>B</answer>"], **columns)
        [4.0, 2.0]
    """

    logged = segment_names = ("perception", "reasoning")

    def __init__(
        self,
        *,
        judge: Judge | str,
        accuracy: Callable[..., Iterable[float | None]] | str | None = None,
        tokenizer: Callable[[str], Any] | None = None,
        length_bonus: float = 0.2,
        perception_band: tuple[int, int] = (128, 320),
        reasoning_band: tuple[int, int] = (320, 512),
        len_gate: str = "per_segment",
        segment_lengths_column: str = "segment_lengths",
    ) -> None:
        super().__init__("process_aware_reward")
        self.judge, self.tokenizer = judge, tokenizer
        self.accuracy = AccuracyReward() if accuracy is None else accuracy
        self.length_bonus = number(length_bonus, "length_bonus")
        for name, band in (("perception_band", perception_band), ("reasoning_band", reasoning_band)):
            if len(band) != 2 or not 0 <= band[0] <= band[1]:
                raise ValueError(f"{name}: expected (lowest, highest), got {band!r:.60}")
        self.bands = (perception_band, reasoning_band)
        self.len_gate = choice(len_gate, "len_gate", ("per_segment", "both"))
        self.segment_lengths_column = segment_lengths_column

    @classmethod
    def preset(cls, name: str, **arguments: Any) -> ProcessAwareReward:
        """The reward of a preset ("videop2r"), with arguments of one's own beside or instead of its.

        Raises:
            ValueError: no such preset.
        """
        return cls(**{**arguments_of(PROCESS_AWARE, name), **arguments})

    def segment_rewards(self, completions: Any = None, **columns: Any) -> Float:
        """(B, 2) rewards of perception and reasoning; NaN where unscorable."""
        parts = self._evaluate(completions, columns)
        return np.stack([parts["perception"], parts["reasoning"]], axis=1)

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, Float]:
        texts = _columns.texts_of(completions)
        count = len(texts)
        cuts = [perception_end(text) for text in texts]
        seen = np.array([cut > 0 for cut in cuts], dtype=bool)
        accuracy, form = np.zeros((count, 2)), np.zeros((count, 2))
        accuracy[:, 0] = self._verdicts(texts, seen, completions, columns)
        accuracy[:, 1] = values_of(self.accuracy, "accuracy", completions, columns, count)
        form[:, 0] = [float(_PERCEPTION.match(text) is not None) for text in texts]
        form[:, 1] = [
            float(_REASONING.fullmatch(text[cut:]) is not None) for text, cut in zip(texts, cuts, strict=True)
        ]
        lengths = self._lengths(texts, cuts, columns)
        rewards = process_aware_rewards(
            accuracy, form, lengths, length_bonus=self.length_bonus, bands=self.bands, len_gate=self.len_gate
        )
        rewards[~seen, 0] = 0.0
        result = {"total": rewards.sum(axis=1), "perception": rewards[:, 0], "reasoning": rewards[:, 1]}
        for name, both in (("accuracy", accuracy), ("format", form), ("length", lengths)):
            result[f"perception_{name}"], result[f"reasoning_{name}"] = both[:, 0], both[:, 1]
        return result

    def _verdicts(self, texts: list[str], seen: npt.NDArray[np.bool_], completions: Any, columns: Any) -> Float:
        """0 where there is no observation, NaN where there is no verdict."""
        count, rows = len(texts), np.flatnonzero(seen).tolist()
        verdicts = np.zeros(count)
        if isinstance(self.judge, str):
            given = _columns.column(columns, self.judge, count)
            found = [given[i] for i in rows]
        elif rows:
            whole = (list, tuple, np.ndarray)
            own = {
                name: [column[i] for i in rows] if isinstance(column, whole) and len(column) == count else column
                for name, column in columns.items()
            }
            matches = [_PERCEPTION.match(texts[i]) for i in rows]
            observations = [
                m.group(1).strip() if m else texts[i][: perception_end(texts[i])]
                for m, i in zip(matches, rows, strict=True)
            ]
            found = list(self.judge(observations=observations, completions=[completions[i] for i in rows], **own))
        else:
            found = []
        if len(found) != len(rows):
            raise ValueError(f"judge: expected {len(rows)} verdicts, one per observation, got {len(found)}")
        verdicts[rows] = [_verdict(value) for value in found]
        return verdicts

    def _lengths(self, texts: list[str], cuts: list[int], columns: Mapping[str, Any]) -> Float:
        if columns.get(self.segment_lengths_column) is not None:
            pairs = _columns.column(columns, self.segment_lengths_column, len(texts))
            return np.array(pairs, dtype=np.float64).reshape(-1, 2)
        if self.tokenizer is None:
            return np.full((len(texts), 2), -1.0)
        both = [(text[:cut], text[cut:]) for text, cut in zip(texts, cuts, strict=True)]
        return np.array([[self._count(part) for part in pair] for pair in both], dtype=np.float64).reshape(-1, 2)

    def _count(self, text: str) -> int:
        assert self.tokenizer is not None
        tokens: Any = self.tokenizer(text) if text else []
        return len(tokens["input_ids"] if hasattr(tokens, "keys") else tokens)


def _verdict(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        found = _JUDGEMENT.search(value)
        word = found.group(1) if found else value.strip()
        return {"yes": 1.0, "no": 0.0}.get(word.lower(), math.nan)
    real = float(value)
    return real if math.isfinite(real) else math.nan
