"""Reasoning traces: their steps, and how much two texts or two lists of steps share (ROUGE)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kinetrace import _cpu


class RougeCost(NamedTuple):
    """Result of `rouge_cost`: NumPy arrays, as the alignment functions take them."""

    cost: np.ndarray[Any, Any]
    """(B, N, M) float64 (or float32): 1 - weighted mean of the F-measures, in [0, 1]; NaN beyond the lengths."""
    x_lengths: np.ndarray[Any, Any]
    """(B,) int32: number of reference steps."""
    y_lengths: np.ndarray[Any, Any]
    """(B,) int32: number of candidate steps."""


def extract_tag(text: str, tag: str, *, strip: bool = True) -> str | None:
    """What the first <tag>...</tag> of a text encloses.

    The pair is the first <tag> and the nearest </tag> behind it, across lines. Tags are compared letter by letter; a
    <tag> inside is nothing special.

    Args:
        text: a completion.
        tag: name of the tag, such as "think" or "answer".
        strip: without white space at both ends.

    Returns:
        The text inside, or None where there is no such pair.

    Raises:
        TypeError: text or tag is not a string.

    Example:
        >>> import kinetrace as kt
        >>> kt.extract_tag("<think>It falls.</think> <answer> B </answer>", "answer")
        'B'
        >>> kt.extract_tag("It falls.", "answer") is None
        True
    """
    for name, value in (("text", text), ("tag", tag)):
        if not isinstance(value, str):
            raise TypeError(f"{name}: expected str, got {type(value).__name__}")
    start = text.find(f"<{tag}>")
    if start < 0:
        return None
    start += len(tag) + 2
    end = text.find(f"</{tag}>", start)
    if end < 0:
        return None
    return text[start:end].strip() if strip else text[start:end]


def split_steps(text: str, *, markers: bool = False) -> list[str]:
    """Splits a reasoning trace into its steps.

    No publication states the rule by which MOSS-ChatV (arXiv 2509.21113) serialises reasoning steps; this one is
    kinetrace's choice:

    1. The thought is what the first <think>...</think> encloses. Without such a pair it is the whole text, in which
       <think>, <answer> and <observation> tags count as line ends.
    2. Lines end at line feeds and carriage returns. A line loses one enumerator at its start: "Step 3:" (step, Step,
       STEP; then one of : . ) -), "3." or "(3)", "-", "*" or "•", if white space or the end of the line follows.
    3. A line ends a sentence after . ! ? ; before white space, and after 。！？ always.
    4. Pieces are stripped, and dropped without a letter or digit (white space, letters and digits as in Unicode).

    Args:
        text: a completion.
        markers: "Step 3:" within a line begins a step too.

    Returns:
        The steps in their order; empty if there are none.

    Raises:
        TypeError: text is not a string, or markers not a bool.

    Example:
        >>> import kinetrace as kt
        >>> kt.split_steps("<think>1. The ball falls at 3.5 m/s. It bounces!\\n2. It stops</think>")
        ['The ball falls at 3.5 m/s.', 'It bounces!', 'It stops']
    """
    return list(_cpu.split_steps(text, markers))


def rouge(
    references: Sequence[str],
    candidates: Sequence[str],
    *,
    stem: bool = True,
    num_threads: int | None = None,
) -> np.ndarray[Any, Any]:
    """F-measures of ROUGE-1, ROUGE-2 and ROUGE-L, as the rouge-score package computes them.

    Tokens are the runs of ASCII letters and digits of the lower-cased text, all else separates them (so a text in
    another script has none); ROUGE-n is the clipped overlap of n-grams, ROUGE-L the longest common subsequence; with
    precision hits / tokens of the candidate and recall hits / tokens of the reference, F = 2 P R / (P + R), 0 without a
    hit. Published: Lin 2004, and google-research/rouge for tokens and stems. Values agree with it to the last bit.

    Args:
        references: B texts, or one for all candidates.
        candidates: B texts.
        stem: tokens longer than three characters become Porter's stems (NLTK's variant), as with use_stemmer=True.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        (B, 3) float64: F of ROUGE-1, -2, -L in [0, 1].

    Raises:
        ValueError: numbers of references and candidates differ.
        TypeError: an argument is no list of strings.

    Example:
        >>> import kinetrace as kt
        >>> kt.rouge(["the quick brown fox jumps"], ["A quick fox jumped"]).round(3).tolist()
        [[0.667, 0.286, 0.667]]
    """
    return np.asarray(_cpu.rouge(references, candidates, stem, num_threads))


def rouge_cost(
    references: Sequence[Sequence[str]],
    candidates: Sequence[Sequence[str]],
    *,
    weights: Sequence[float] = (1 / 3, 1 / 3, 1 / 3),
    stem: bool = True,
    dtype: str | type = "float64",
    num_threads: int | None = None,
) -> RougeCost:
    """Cost of aligning each reference step with each candidate step: 1 - weighted mean of ROUGE-1, -2 and -L.

    The mean of the three F-measures is Video-R1's text reward (published code); that MOSS-ChatV uses the three is known
    from its reviews, how it weighs them is not published. A step of one token has no bigram: two equal ones cost 1/3
    under equal weights. Each step is tokenised and stemmed once; references of equal content share their work.

    Args:
        references: B lists of steps, or one list for all candidates.
        candidates: B lists of steps.
        weights: of ROUGE-1, -2, -L; >= 0, divided by their sum.
        stem: as in `rouge`.
        dtype: "float64" or "float32" (NumPy's types too): what the float64 values are rounded to.
        num_threads: CPU threads; None: KINETRACE_NUM_THREADS or the process's processors. Same bits for any number.

    Returns:
        RougeCost: cost (B, N, M) with N and M the longest lists, and both lengths (B,).

    Raises:
        ValueError: numbers of references and candidates differ; weights; dtype.
        TypeError: references or candidates are not lists of lists of strings.

    Example:
        >>> import kinetrace as kt
        >>> trace = kt.rouge_cost([["A ball falls.", "It bounces."]], [["The ball falls.", "It rolls.", "It bounces."]])
        >>> trace.cost.round(2).tolist(), trace.x_lengths.tolist(), trace.y_lengths.tolist()
        ([[[0.39, 1.0, 1.0], [1.0, 0.67, 0.0]]], [2], [3])
    """
    return RougeCost(
        *_cpu.rouge_cost(references, candidates, weights, stem, False, False, dtype_name(dtype), num_threads)
    )


def dtype_name(dtype: Any) -> Any:
    """ "float32" or "float64" for NumPy's ways to say so; anything else as it is, for the native layer to refuse."""
    try:
        return np.dtype(dtype).name if dtype is not None else dtype
    except TypeError:
        return dtype
