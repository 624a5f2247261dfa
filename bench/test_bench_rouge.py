"""From strings to process rewards beside loops over rouge-score, nltk, rapidfuzz and a compiled DTW; ROUGE alone too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from nltk.stem.porter import PorterStemmer
from rapidfuzz.distance import LCSseq
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize

import kinetrace as kt
from kinetrace import _reference
from measure import Case, Comparison, Contender

NAMES = ("rouge1", "rouge2", "rougeL")
JUMP = 2
LOOP = 8  # completions that the slowest loops run on
GROUP = 8  # completions per prompt


class Batch(NamedTuple):
    """One round's completions and the reference steps of each."""

    completions: list[str]
    references: list[list[str]]
    cost: np.ndarray  # (B, N, M): random costs of that shape, for the part without text


@cache
def vocabulary() -> list[str]:
    """3,000 words of English-like letters, plain and inflected."""
    rng = np.random.default_rng(7)
    letters = np.array(list("etaoinshrdlucmfwygpb"))
    endings = ["", "", "", "s", "ed", "ing", "ly", "ness", "ation"]
    return ["".join(rng.choice(letters, rng.integers(2, 9))) + endings[k % len(endings)] for k in range(3000)]


def sentences(rng: np.random.Generator, count: int) -> list[str]:
    """Steps of 8 to 30 words, whose frequencies fall as in natural text."""
    lengths = rng.integers(8, 31, count)
    weights = np.cumsum(1 / np.arange(1, len(vocabulary()) + 1))
    words = np.array(vocabulary())[np.searchsorted(weights / weights[-1], rng.random(lengths.sum()))]
    return [" ".join(part).capitalize() + "." for part in np.split(words, np.cumsum(lengths)[:-1])]


def make_batch(seed: int, completions: int, references: int = 12, steps: int = 15) -> Batch:
    """Groups of completions with a common reference, half of whose steps turn up in each completion."""
    rng = np.random.default_rng(seed)
    texts, listed = [], []
    for b in range(completions):
        if b % GROUP == 0:
            reference = sentences(rng, references)
        trace = sentences(rng, steps)
        for k in rng.choice(min(references, steps), references // 2, replace=False):
            trace[k] = reference[k]
        texts.append("<think>" + " ".join(trace) + "</think><answer>B</answer>")
        listed.append(list(reference))  # equal, but no one object
    return Batch(texts, listed, rng.random((completions, references, steps)))


def ours(batch: Batch, threads: int = 1) -> list[float | None]:
    reward = kt.rewards.ProcessReasoningReward(jump=JUMP, num_threads=threads)
    rewards: list[float | None] = reward(completions=batch.completions, reference_steps=batch.references)
    return rewards


def ours_from_cost(batch: Batch) -> np.ndarray:
    return kt.rewards.ProcessReasoningReward(jump=JUMP, num_threads=1).from_cost(batch.cost)


@numba.njit(cache=False)
def compiled_reward(cost: np.ndarray, jump: int) -> float:
    """The alignment as a compiled loop: the fastest DTW that Python code calls for one matrix at a time."""
    n, m = cost.shape
    row = cost[0].copy()
    for i in range(1, n):
        for j in range(m - 1, -1, -1):
            best = np.inf
            for k in range(1, min(jump, j) + 1):
                best = min(best, row[j - k])
            row[j] = best + cost[i, j]
    return math.exp(-row.min() / n)


def compiled_loop(batch: Batch) -> list[float]:
    return [compiled_reward(cost, JUMP) for cost in batch.cost]


def rouge_score_loop(batch: Batch) -> list[float]:
    """What reward code does today: rouge-score on each pair of steps, then the alignment."""
    scorer = RougeScorer(NAMES, use_stemmer=True)
    rewards = []
    for completion, reference in list(zip(batch.completions, batch.references, strict=True))[:LOOP]:
        steps = kt.split_steps(completion)
        scores = [[scorer.score(r, s) for s in steps] for r in reference]
        cost = 1 - np.array([[sum(s[name].fmeasure for name in NAMES) / 3 for s in row] for row in scores])
        rewards.append(compiled_reward(cost, JUMP))
    return rewards


def _f_measure(hits: int, predicted: int, expected: int) -> float:
    return 2 * hits / (predicted + expected) if hits else 0.0


def careful_loop(batch: Batch) -> list[float]:
    """Python written with care: each step tokenised once, counters kept, rapidfuzz for the subsequence."""
    stemmer = PorterStemmer()
    rewards = []
    kept: dict[str, tuple[list[str], Counter[Any], Counter[Any]]] = {}

    def tokens(step: str) -> tuple[list[str], Counter[Any], Counter[Any]]:
        if step not in kept:
            words = tokenize(step, stemmer)
            kept[step] = words, Counter(words), Counter(pairwise(words))
        return kept[step]

    for completion, reference in list(zip(batch.completions, batch.references, strict=True))[: 4 * LOOP]:
        steps = [tokens(step) for step in kt.split_steps(completion)]
        cost = np.empty((len(reference), len(steps)))
        for i, (x, x1, x2) in enumerate(map(tokens, reference)):
            for j, (y, y1, y2) in enumerate(steps):
                f = _f_measure((x1 & y1).total(), len(y), len(x)) + _f_measure(
                    (x2 & y2).total(), len(y) - 1, len(x) - 1
                )
                cost[i, j] = 1 - (f + _f_measure(LCSseq.similarity(x, y), len(y), len(x))) / 3
        rewards.append(compiled_reward(cost, JUMP))
    return rewards


def check(name: str, batch: Batch, answer: Any) -> None:
    """Equal to the definition on the first completions; the loops are, on all they did."""
    got = np.asarray(answer, dtype=np.float64)[:LOOP]
    expected = []
    for completion, reference in list(zip(batch.completions, batch.references, strict=True))[: len(got)]:
        cost = _reference.rouge_cost(reference, _reference.split_steps(completion))
        distance = _reference.dtw_from_cost(cost[None], step="sequential_jump", subsequence=True, normalize="x")
        expected.append(math.exp(-distance[0]))
    np.testing.assert_allclose(got, expected, rtol=1e-12, err_msg=name)
    assert got.min() > 0.3


def check_from_cost(name: str, batch: Batch, answer: Any) -> None:
    expected = _reference.dtw_from_cost(batch.cost[:LOOP], step="sequential_jump", subsequence=True, normalize="x")
    np.testing.assert_allclose(np.asarray(answer)[:LOOP], np.exp(-expected), rtol=1e-12, err_msg=name)


def case_reward(quick: bool = False) -> Case:
    """1,024 completions of 15 steps of 8 to 30 words against 12 reference steps, from strings to rewards, on one core."""
    count = 4 * LOOP if quick else 1024
    compiled_reward(np.zeros((2, 2)), JUMP)
    contenders = {
        "kinetrace": ours,
        "rouge-score loop": Contender(rouge_score_loop, scale=count / LOOP, max_rounds=4),
        "careful loop": Contender(careful_loop, scale=count / (4 * LOOP), max_rounds=4),
    }
    return Case("rouge/reward", contenders, lambda seed: make_batch(seed, count), check, problems=count)


def case_threads(quick: bool = False) -> Case:
    """The same on two cores against one, elapsed time."""
    count = 2 * LOOP if quick else 1024
    contenders = {"kinetrace 1 thread": ours, "kinetrace 2 threads": lambda batch: ours(batch, 2)}
    inputs = lambda seed: make_batch(seed, count)  # noqa: E731
    return Case("rouge/threads", contenders, inputs, check, problems=count, clock="wall", threads=2)


def case_from_cost(quick: bool = False) -> Case:
    """16,384 cost matrices of 12 x 15 to rewards on one core."""
    count = 64 if quick else 16384
    compiled_reward(np.zeros((2, 2)), JUMP)

    def inputs(seed: int) -> Batch:
        return Batch([], [], np.random.default_rng(seed).random((count, 12, 15)))

    contenders = {"kinetrace": ours_from_cost, "compiled loop": compiled_loop}
    return Case("rouge/from_cost", contenders, inputs, check_from_cost, bytes_read=count * 12 * 15 * 8, problems=count)


def case_documents(quick: bool = False) -> Case:
    """Pairs of documents of 2,000 words: ROUGE-1, -2 and -L against rapidfuzz's subsequence of the tokens alone."""
    count, words = (2, 200) if quick else (16, 2000)

    def inputs(seed: int) -> list[tuple[str, str, list[str], list[str]]]:
        rng = np.random.default_rng(seed)
        texts = [" ".join(np.array(vocabulary())[rng.integers(0, 1000, words)]) for _ in range(2 * count)]
        return [(a, b, a.split(), b.split()) for a, b in zip(texts[::2], texts[1::2], strict=True)]

    def rouge(pairs: list[Any]) -> np.ndarray:
        return kt.rouge([p[0] for p in pairs], [p[1] for p in pairs], stem=False, num_threads=1)[:, 2]

    def rapidfuzz(pairs: list[Any]) -> np.ndarray:
        return np.array([LCSseq.similarity(p[2], p[3]) / words for p in pairs])

    def right(name: str, pairs: list[Any], answer: Any) -> None:
        np.testing.assert_allclose(answer, rapidfuzz(pairs), rtol=1e-12, err_msg=name)

    return Case(
        "rouge/documents", {"kinetrace": rouge, "rapidfuzz LCS alone": rapidfuzz}, inputs, right, problems=count
    )


CASES = {"reward": case_reward, "threads": case_threads, "from_cost": case_from_cost, "documents": case_documents}


@pytest.mark.parametrize("name", list(CASES))
def test_rouge(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=8)
