"""Accuracy by type of problem, and format, by the rules of Video-R1."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kinetrace.rewards import _columns
from kinetrace.rewards._rules import RULES, answer_of
from kinetrace.rewards._trainer import Float, TrainerReward
from kinetrace.traces import rouge

_FORMAT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


class AccuracyReward(TrainerReward):
    """Compares the answer of a completion with its solution, by type of problem.

    The answer is the inside of the first `<answer>...</answer>` of completion and solution alike. Types, as Video-R1's
    data spell them (tulerfeng/Video-R1 @59d65c3, grpo.py [published code]): "multiple choice" (equal texts), "numerical"
    (equal to two decimals; both or neither have a decimal mark), "OCR" (1 - word error rate), "free-form" (mean of
    ROUGE-1, -2, -L), "regression" (1 - relative error). Any other type scores 0.

    Safe by default: an empty answer is no right choice, NaN and infinities are no regression answers, and an exact
    regression answer scores 1. `compat=True` gives what Video-R1's code gives: two empty choices are equal, NaN scores
    1 (a reward hack), 0 against 0 scores 0.

    Args:
        compat: Video-R1's quirks.
        solution_column: the solutions, with or without `<answer>` tags as `solution_tags` says.
        problem_type_column: the types.
        problem_type: the type of all problems; the column is then not read.
        solution_tags: whether solutions are wrapped in `<answer>` (Video-R1); False takes them as they are.

    Raises:
        ValueError: an unknown problem_type.

    Example:
        >>> import kinetrace as kt
        >>> kt.rewards.accuracy_reward(
        ...     completions=["<answer>B</answer>", "<answer>9</answer>", "none"],
        ...     solution=["<answer>B</answer>", "<answer>10</answer>", None],
        ...     problem_type=["multiple choice", "regression", "numerical"],
        ... )
        [1.0, 0.89999999991, None]
    """

    logged = ("accuracy",)

    def __init__(
        self,
        *,
        compat: bool = False,
        solution_column: str = "solution",
        problem_type_column: str = "problem_type",
        problem_type: str | None = None,
        solution_tags: bool = True,
    ) -> None:
        super().__init__("accuracy_reward")
        known = (*RULES, "free-form")
        if problem_type is not None and problem_type not in known:
            raise ValueError(f"problem_type: expected one of {', '.join(map(repr, known))}, got {problem_type!r:.60}")
        self.compat, self.solution_tags, self.problem_type = bool(compat), bool(solution_tags), problem_type
        self.solution_column = self.truth_column = solution_column
        self.problem_type_column = problem_type_column

    def score(self, texts: list[str], solutions: list[Any], types: list[Any]) -> Float:
        """Accuracies, NaN where the solution or its type is missing.

        Args:
            texts: completions.
            solutions: texts or numbers; None: missing.
            types: of the problems; None: missing.
        """
        scores = np.full(len(texts), math.nan)
        free: list[tuple[int, str, str]] = []
        for i, (text, solution, kind) in enumerate(zip(texts, solutions, types, strict=True)):
            if solution is None or kind is None:
                continue
            answer = answer_of(text)
            target = answer_of(str(solution)) if self.solution_tags else str(solution).strip()
            if kind == "free-form":
                free.append((i, target, answer))
            else:
                rule = RULES.get(kind)
                scores[i] = rule(answer, target, self.compat) if rule else 0.0
        if free:
            rows, targets, answers = (list(part) for part in zip(*free, strict=True))
            f = np.asarray(rouge(targets, answers, stem=True), dtype=np.float64)
            scores[rows] = np.clip(f.sum(axis=1) / 3, 0.0, 1.0)
        return scores

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, Float]:
        texts = _columns.texts_of(completions)
        count = len(texts)
        solutions = _columns.column(columns, self.solution_column, count)
        types = (
            _columns.column(columns, self.problem_type_column, count)
            if self.problem_type is None
            else [self.problem_type] * count
        )
        scores = self.score(texts, solutions, types)
        return {"total": scores, "accuracy": scores}


class FormatReward(TrainerReward):
    """1 iff the whole completion is `<think>...</think>`, white space, `<answer>...</answer>`, else 0.

    As Video-R1's format_reward [published code]; white space before or after fails, further tags inside pass.

    Args:
        count_tags: every tag must occur exactly once.
    """

    logged = ("format",)

    def __init__(self, *, count_tags: bool = False) -> None:
        super().__init__("format_reward")
        self.count_tags = bool(count_tags)

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, Float]:
        scores = np.array([self._score(text) for text in _columns.texts_of(completions)], dtype=np.float64)
        return {"total": scores, "format": scores}

    def _score(self, text: str) -> float:
        if not (text.startswith("<think>") and text.endswith("</answer>")):
            return 0.0
        if self.count_tags and any(text.count(tag) != 1 for tag in _TAGS):
            return 0.0
        return float(_FORMAT.fullmatch(text) is not None)


def accuracy_reward(completions: Any = None, *, compat: bool = False, **columns: Any) -> Any:
    """`AccuracyReward` as a plain function: columns `solution` and `problem_type`, or verl's keywords.

    Args:
        completions: texts or conversations.
        compat: Video-R1's quirks.
        **columns: one entry per completion each.

    Returns:
        list[float | None]; in verl's call form a dict with "score".
    """
    return AccuracyReward(compat=compat)(completions, **columns)


def format_reward(completions: Any = None, *, count_tags: bool = False, **columns: Any) -> Any:
    """`FormatReward` as a plain function.

    Args:
        completions: texts or conversations.
        count_tags: every tag must occur exactly once.
        **columns: ignored but for verl's keywords.

    Returns:
        list[float | None]; in verl's call form a dict with "score".
    """
    return FormatReward(count_tags=count_tags)(completions, **columns)
