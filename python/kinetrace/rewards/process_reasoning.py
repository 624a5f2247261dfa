"""The process reasoning reward: how well a generated reasoning trace follows a reference, by dynamic time warping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.rewards import _alignment, _columns
from kinetrace.rewards._alignment import Costs, Float
from kinetrace.rewards._arguments import choice, missing, number, weights_of
from kinetrace.rewards._explanation import Explanation
from kinetrace.rewards._presets import PRESETS
from kinetrace.rewards._trainer import TrainerReward
from kinetrace.step_pattern import StepPattern
from kinetrace.traces import split_steps

_MAPS: dict[str, Callable[[Float], Float]] = {
    "exp": lambda x: np.exp(-np.maximum(x, -700)),
    "linear": lambda x: np.maximum(0, 1 - x),
    "reciprocal": lambda x: 1 / (1 + np.maximum(x, 0)),
}


class ProcessReasoningReward(TrainerReward):
    """Aligns the steps of a completion with the steps of its reference and pays for the alignment's cost.

    The idea is MOSS-ChatV's process reward (arXiv 2509.21113): DTW between reasoning traces, without a reward model
    [published]. Its details are not published, so every one is an argument here; the defaults are kinetrace's choice
    [derived] unless marked otherwise, and `PRESETS` says what is known of each preset.

    With n reference and m generated steps: d = distance of the alignment, divided as `normalize` says, plus
    length_penalty * max(0, m - length_allowance * n) / n; the process reward is map(alpha * d). It is 0 where there is
    no alignment (fewer generated steps than the step pattern needs) and where nothing was generated. The total is
    total_weights . (accuracy, format, process).

    Called as trainers call rewards: `reward(completions=..., reference_steps=..., **columns)` (TRL; ms-swift gives the
    completions by position), `reward(solution_str=..., ground_truth=..., extra_info=...)` (verl, one sample, a dict
    with "score"), `reward(solution_strs=..., ...)` (verl's batch manager). It pickles if its callables do, works in any
    thread, and releases the interpreter while it computes.

    Args:
        split: "sentence" (`kinetrace.split_steps`), "markers" (the same with markers=True), or a function from a text to
            its steps [unknown in the paper].
        metric: "rouge": 1 - weighted mean of ROUGE-1, -2, -L F-measures of two steps (the three are known from the
            reviews, their combination is unknown); "cosine": 1 - cosine of embeddings; "matrix": costs given.
        rouge_weights: of ROUGE-1, -2, -L; the equal weights are Video-R1's text reward [published there].
        stem: whether ROUGE compares stems.
        embed: function from a list of steps to an array (steps, D), for metric="cosine"; without it the columns
            named by `embedding_columns` hold such arrays (tensors on a GPU are read back).
        step: `StepPattern` or its name; x is the reference, y the generated trace [unknown in the paper].
        jump: longest step along the generated trace of "sequential_jump" and "classic_jump" (2: figure caption).
        subsequence: True: the reference may match any contiguous part of the trace; "start" or "end" free only that
            end; False: the whole trace.
        normalize: "x" (by n), "y", "sum", "path" or None.
        map: "exp", exp(-v); "linear", max(0, 1 - v); "reciprocal", 1 / (1 + v); or a function of an array.
        alpha: v = alpha * d, > 0. The paper has such a factor; its value is unpublished.
        length_penalty: lambda >= 0, for traces much longer than the reference.
        length_allowance: kappa >= 0: up to kappa * n steps are free of it.
        drop_repeats: leave generated steps out whose words occurred in an earlier step of the trace.
        empty_reference: "zero": the process reward of an empty reference is 0; "nan": it is undefined, None.
        accuracy: name of a column, or a reward function; None: not part of the total.
        format: the same for the format reward.
        total_weights: of accuracy, format and process.
        gate_on_correct: pay the process reward only where accuracy > 0.
        reference_column: name of the column with lists of steps (or texts, to be split).
        embedding_columns: names of the columns with embeddings of the reference's and of the completion's steps.
        cost_column: name of the column with matrices (n, m), for metric="matrix".
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Raises:
        ValueError: an argument out of its range, or a name that is none of the above.
        TypeError: an argument of another type.

    Example:
        >>> import kinetrace as kt
        >>> reward = kt.rewards.ProcessReasoningReward()
        >>> reference = ["The ball falls.", "It bounces twice.", "It stops."]
        >>> good = "<think>Look. The ball falls. It bounces twice. It stops.</think>"
        >>> bad = "<think>It stops. The ball rolls. It is red. The end.</think>"
        >>> [round(r, 3) for r in reward(completions=[good, bad], reference_steps=[reference] * 2)]
        [1.0, 0.486]
    """

    logged = ("process", "generated_steps")
    unreported = ("distance",)

    def __init__(
        self,
        *,
        split: str | Callable[[str], Sequence[str]] = "sentence",
        metric: str = "rouge",
        rouge_weights: Sequence[float] = (1, 1, 1),
        stem: bool = True,
        embed: Callable[[list[str]], Any] | None = None,
        step: str | StepPattern = "sequential_jump",
        jump: int = 2,
        subsequence: bool | str = True,
        normalize: str | None = "x",
        map: str | Callable[[Float], Float] = "exp",
        alpha: float = 1.0,
        length_penalty: float = 0.0,
        length_allowance: float = 1.0,
        drop_repeats: bool = False,
        empty_reference: str = "zero",
        accuracy: str | Callable[..., Iterable[float | None]] | None = None,
        format: str | Callable[..., Iterable[float | None]] | None = None,
        total_weights: Sequence[float] = (1, 1, 1),
        gate_on_correct: bool = False,
        reference_column: str = "reference_steps",
        embedding_columns: tuple[str, str] = ("reference_embeddings", "completion_embeddings"),
        cost_column: str = "cost",
        num_threads: int | None = None,
    ) -> None:
        super().__init__("process_reasoning_reward")
        self.split = split if callable(split) else choice(split, "split", ("sentence", "markers"))
        self.metric = choice(metric, "metric", ("rouge", "cosine", "matrix"))
        self.rouge_weights = weights_of(rouge_weights, "rouge_weights")
        self.stem, self.embed, self.drop_repeats = bool(stem), embed, bool(drop_repeats)
        self.step = step if isinstance(step, StepPattern) else StepPattern.named(step, jump=jump)
        self.subsequence = choice(subsequence, "subsequence", (True, False, "start", "end"))
        self.normalize = choice(normalize, "normalize", (None, "x", "y", "sum", "path"))
        self.map = map if callable(map) else choice(map, "map", tuple(_MAPS))
        self.alpha = number(alpha, "alpha", above=True)
        self.length_penalty = number(length_penalty, "length_penalty")
        self.length_allowance = number(length_allowance, "length_allowance")
        self.empty_reference = choice(empty_reference, "empty_reference", ("zero", "nan"))
        self.accuracy, self.format = accuracy, format
        self.total_weights = weights_of(total_weights, "total_weights", signed=True)
        if gate_on_correct and accuracy is None:
            raise ValueError("gate_on_correct: expected False without accuracy, got True")
        self.gate_on_correct = bool(gate_on_correct)
        self.reference_column = self.truth_column = reference_column
        self.cost_column = cost_column
        self.embedding_columns = (embedding_columns[0], embedding_columns[1])
        self.num_threads = num_threads

    @classmethod
    def preset(cls, name: str, **arguments: Any) -> ProcessReasoningReward:
        """The reward of a preset, with arguments of one's own beside or instead of its.

        Raises:
            ValueError: no such preset.
        """
        return cls(**{**PRESETS[choice(name, "preset", tuple(PRESETS))].arguments, **arguments})

    def from_cost(self, cost: Any, *, x_lengths: Any = None, y_lengths: Any = None) -> npt.NDArray[np.float64]:
        """Process rewards of a batch of cost matrices: alignment, length penalty and map, without any text.

        Args:
            cost (array on the CPU, (B, N, M), float32 | float64): what generated step j costs as reference step i.
            x_lengths (array, (B,), int32 | int64): reference steps; None: N.
            y_lengths (array, (B,), int32 | int64): generated steps; None: M.

        Returns:
            (B,) float64: the process reward, NaN where it is undefined.

        Raises:
            ValueError: shape, dtype or range, as in `kinetrace.dtw_from_cost`.
        """
        given = np.asarray(cost)
        if given.ndim != 3:
            raise ValueError(f"cost: expected shape (B, N, M), got {given.shape}")
        lengths = (x_lengths, given.shape[1]), (y_lengths, given.shape[2])
        n, m = (np.full(len(given), full, np.int32) if own is None else np.asarray(own) for own, full in lengths)
        costs = Costs(given, n, m)
        distance = _alignment.align(costs, self.step, self.subsequence, self.normalize, self.num_threads)
        return self._process(distance.astype(np.float64), n, m)[0]

    def components(self, completions: Any = None, **columns: Any) -> list[dict[str, float]]:
        """What the rewards are made of, the same keys for every completion.

        Returns:
            Per completion: "total", "process" (before the gate; NaN where undefined), "accuracy", "format" (0 without
            them), "gate" (0 or 1), "distance" (normalised; inf where there is no alignment, NaN where a trace is
            empty), "length_penalty", "reference_steps", "generated_steps".
        """
        return super().components(completions, **columns)

    def _is_truth(self, truth: Any) -> bool:
        return truth is not None and not isinstance(truth, str)  # a string is an answer, no reference

    def explain(self, completion: Any, reference: Any, **columns: Any) -> Explanation:
        """The alignment of one completion with its reference.

        Args:
            completion: a text or a conversation.
            reference: list of steps, or a text to be split.
            **columns: this completion's entries of the embedding or cost columns, where the metric needs them.

        Returns:
            Explanation: steps, cost, path, distance and reward; its `draw()` makes the picture.
        """
        texts = [_columns.text_of(completion)]
        single = {name: [value] for name, value in columns.items()} | {self.reference_column: [reference]}
        steps, references = self._steps(texts[0]), self._steps(reference, False)
        costs = self._costs(texts, single, 1)
        cost = np.asarray(costs.cost[0, : costs.n[0], : costs.m[0]])
        if cost.shape != (len(references), len(steps)):
            raise ValueError(
                f"cost: expected shape {(len(references), len(steps))}, one entry per step, got {cost.shape}"
            )
        found = _alignment.align_one(cost, self.step, self.subsequence, self.normalize)
        process, penalty = self._process(np.array([found.distance]), costs.n, costs.m)
        value = math.nan if self.metric != "matrix" and missing(reference) else float(process[0])
        return Explanation(
            references, steps, cost, found.path, found.distance, float(penalty[0]), None if math.isnan(value) else value
        )

    def _evaluate(self, completions: Any, columns: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float64]]:
        texts = _columns.texts_of(completions)
        count = len(texts)
        costs = self._costs(texts, columns, count)
        distance = _alignment.align(costs, self.step, self.subsequence, self.normalize, self.num_threads)
        process, penalty = self._process(distance, costs.n, costs.m)
        if self.metric != "matrix" and self.reference_column in columns:
            absent = [missing(reference) for reference in columns[self.reference_column]]
            process = np.where(absent, np.nan, process)
        accuracy, form = (
            np.array(self._other(which, name, completions, columns, count))
            for which, name in ((self.accuracy, "accuracy"), (self.format, "format"))
        )
        gate = (accuracy > 0).astype(np.float64) if self.gate_on_correct else np.ones(count)
        w = self.total_weights
        return {
            "total": w[0] * accuracy + w[1] * form + w[2] * gate * process,
            "process": process,
            "accuracy": accuracy,
            "format": form,
            "gate": gate,
            "distance": distance,
            "length_penalty": penalty,
            "reference_steps": costs.n.astype(np.float64),
            "generated_steps": costs.m.astype(np.float64),
        }

    def _other(self, which: Any, name: str, completions: Any, columns: Mapping[str, Any], count: int) -> list[float]:
        """Values of the accuracy or format reward."""
        if which is None:
            return [0.0] * count
        values = (
            which(completions=completions, **columns) if callable(which) else _columns.column(columns, which, count)
        )
        return _columns.numbers(values, name, count)

    def _process(self, distance: Float, n: Any, m: Any) -> tuple[Float, Float]:
        """Process rewards, NaN where undefined, and what the length adds to the distance."""
        rows = np.maximum(n, 1)
        penalty = self.length_penalty * np.maximum(0, m - self.length_allowance * n) / rows
        v = self.alpha * (distance + penalty)
        reachable = np.isfinite(v)
        mapped = (self.map if callable(self.map) else _MAPS[self.map])(np.where(reachable, v, 0.0))
        process = np.where(reachable, mapped, np.where(np.isnan(distance), np.nan, 0.0))
        process = np.where(m == 0, 0.0, process)
        return np.where(n == 0, np.nan if self.empty_reference == "nan" else 0.0, process), penalty

    def _costs(self, texts: list[str], columns: Mapping[str, Any], count: int) -> Costs:
        if self.metric == "matrix":
            return _alignment.padded(_columns.column(columns, self.cost_column, count))
        if self.metric == "cosine" and self.embed is None:
            reference, completion = (_columns.column(columns, name, count) for name in self.embedding_columns)
            return _alignment.cosine_costs(reference, completion, self.embedding_columns)
        references = [[] if missing(r) else r for r in _columns.column(columns, self.reference_column, count)]
        if self.metric == "cosine":
            return _alignment.cosine_costs(*self._embedded(references, texts), ("embed", "embed"))
        natively = isinstance(self.split, str) and not self.drop_repeats
        return _alignment.text_costs(
            references if isinstance(self.split, str) else [self._steps(r, False) for r in references],
            texts if natively else [self._steps(text) for text in texts],
            weights=self.rouge_weights,
            stem=self.stem,
            markers=self.split == "markers",
            num_threads=self.num_threads,
        )

    def _steps(self, trace: Any, may_drop: bool = True) -> list[str]:
        """Steps of a trace; a list is taken as it is."""
        if not isinstance(trace, str):
            return [] if missing(trace) else list(trace)
        steps = list(self.split(trace)) if callable(self.split) else split_steps(trace, markers=self.split == "markers")
        return _alignment.without_repeats(steps) if self.drop_repeats and may_drop else steps

    def _embedded(self, references: list[Any], texts: list[str]) -> tuple[list[Any], list[Any]]:
        """Embeddings of all steps, from one call of `embed` on the different ones."""
        traces = [self._steps(r, False) for r in references] + [self._steps(text) for text in texts]
        place = {step: i for i, step in enumerate(dict.fromkeys(step for trace in traces for step in trace))}
        if not place:
            return [np.empty((0, 0))] * len(references), [np.empty((0, 0))] * len(texts)
        assert self.embed is not None
        table = self.embed(list(place))
        rows = [table[[place[step] for step in trace]] for trace in traces]
        return rows[: len(references)], rows[len(references) :]
