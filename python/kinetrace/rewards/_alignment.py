"""From traces to distances: costs of steps against steps by text, embeddings or matrices, and their alignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace import _cpu
from kinetrace.dtw import dtw_from_cost
from kinetrace.step_pattern import StepPattern

Float = npt.NDArray[np.float64]
Embed = Callable[[list[str]], Any]


class Costs(NamedTuple):
    """Padded costs of a batch."""

    cost: npt.NDArray[Any]  # (B,N,M), what lies beyond the lengths does not count
    n: npt.NDArray[np.int32]  # (B,) reference steps
    m: npt.NDArray[np.int32]  # (B,) generated steps


class Aligned(NamedTuple):
    """One pair's alignment."""

    distance: float
    path: npt.NDArray[np.int32]  # (P,2), empty where there is none


def align(
    costs: Costs, step: StepPattern, subsequence: bool | str, normalize: str | None, num_threads: int | None
) -> Float:
    """Distances (B,): +inf where no path exists, NaN where a trace is empty or a cost is not finite."""
    if not costs.cost.size:
        return np.full(len(costs.n), np.nan)
    options: dict[str, Any] = {"step": step, "subsequence": subsequence, "normalize": normalize}
    options["num_threads"] = num_threads
    return np.asarray(dtw_from_cost(costs.cost, x_lengths=costs.n, y_lengths=costs.m, **options))


def align_one(cost: Float, step: StepPattern, subsequence: bool | str, normalize: str | None) -> Aligned:
    """The alignment of one pair (n,m)."""
    if not cost.size:
        return Aligned(float("nan"), np.empty((0, 2), dtype=np.int32))
    options: dict[str, Any] = {"step": step, "subsequence": subsequence, "normalize": normalize}
    found = dtw_from_cost(cost[None], return_path=True, **options)
    length = int(found.path_lengths[0])
    return Aligned(float(found.distance[0]), np.asarray(found.path[0][:length], dtype=np.int32))


def text_costs(
    references: Sequence[Any],
    candidates: Sequence[Any],
    *,
    weights: Sequence[float],
    stem: bool,
    markers: bool,
    num_threads: int | None,
) -> Costs:
    """ROUGE costs. A string among the references or candidates is split into steps on the way."""
    return Costs(*_cpu.rouge_cost(references, candidates, weights, stem, True, markers, "float64", num_threads))


def cosine_costs(references: Sequence[Any], candidates: Sequence[Any], names: tuple[str, str]) -> Costs:
    """1 - cosine of embeddings, arrays (n,D) and (m,D) each; 1 where an embedding is zero."""
    pairs = zip(references, candidates, strict=True)
    return padded([_cosine(_rows(r, names[0]), _rows(c, names[1]), names[1]) for r, c in pairs])


def _rows(embeddings: Any, name: str) -> Float:
    """Unit rows; zero rows stay zero. Torch tensors are read back: rewards are numbers, without a gradient."""
    if hasattr(embeddings, "detach"):  # torch
        embeddings = embeddings.detach().cpu().double().numpy()
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.size == 0:
        return np.empty((len(rows), 0))
    if rows.ndim != 2:
        raise ValueError(f"{name}: expected arrays (steps, D), got shape {rows.shape}")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float = np.divide(rows, norms, out=np.zeros_like(rows), where=norms != 0)
    return unit


def _cosine(reference: Float, candidate: Float, name: str) -> Float:
    if not (len(reference) and len(candidate)):
        return np.empty((len(reference), len(candidate)))
    if reference.shape[1] != candidate.shape[1]:
        raise ValueError(f"{name}: expected {reference.shape[1]} coordinates, got {candidate.shape[1]}")
    return np.asarray(np.maximum(1 - reference @ candidate.T, 0))


def padded(matrices: Sequence[Any]) -> Costs:
    """Cost matrices (n,m) as one batch."""
    arrays = [np.asarray(matrix, dtype=np.float64) for matrix in matrices]
    for array in arrays:
        if array.ndim != 2:
            raise ValueError(f"cost: expected a matrix (n, m) per completion, got shape {array.shape}")
    n, m = (np.array([array.shape[k] for array in arrays], dtype=np.int32) for k in (0, 1))
    cost = np.full((len(arrays), n.max(initial=0), m.max(initial=0)), np.nan)
    for b, array in enumerate(arrays):
        cost[b, : n[b], : m[b]] = array
    return Costs(cost, n, m)


def without_repeats(steps: Sequence[str]) -> list[str]:
    """The steps whose words did not occur before: letters and digits in the Unicode sense, whatever case."""
    seen: set[str] = set()
    kept = []
    for step in steps:
        words = " ".join("".join(c if c.isalnum() else " " for c in step.casefold()).split())
        if words not in seen:
            seen.add(words)
            kept.append(step)
    return kept
