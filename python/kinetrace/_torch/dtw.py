"""torch.ops.kinetrace.dtw: one operator for all functions of kinetrace.dtw."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define(
    "dtw(Tensor? x, Tensor? y, Tensor? cost, Tensor? x_lengths, Tensor? y_lengths, str metric, int[] moves, "
    "float[] weights, int? radius, float? fraction, str free, str? normalize, str wanted, str pairing, "
    "int direction_bytes, int? num_threads) -> (Tensor, Tensor, Tensor?, Tensor?, Tensor?, Tensor?)",
    tags=TAGS,
)
Outcome = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None]
_FREE = {"both": True, "none": False}


def call(arguments: tuple[Any, ...]) -> Outcome:
    """The operator on the arguments of the native function (without a callback)."""
    *arrays, metric, _, steps, window, subsequence, normalize, wanted, pairing, direction_bytes, num_threads = arguments
    moves = [move for step in steps for move in step[:2]]
    fraction = window if isinstance(window, float) else None
    free = {True: "both", False: "none"}.get(subsequence, subsequence)
    outcome: Outcome = torch.ops.kinetrace.dtw.default(
        *arrays,
        metric,
        moves,
        [step[2] for step in steps],
        None if isinstance(window, float) else window,
        fraction,
        free,
        normalize,
        wanted,
        pairing,
        direction_bytes,
        num_threads,
    )
    return outcome


def _run(*given: Any) -> Outcome:
    x, y, cost, x_lengths, y_lengths, metric, moves, weights, radius, fraction, free, *rest = given
    steps = tuple(zip(moves[::2], moves[1::2], weights, strict=True))
    first, name = (x, "x") if cost is None else (cost, "cost")
    window = fraction if radius is None else radius
    outcome: Outcome = backend_for(first, name).dtw(
        x, y, cost, x_lengths, y_lengths, metric, None, steps, window, _FREE.get(free, free), *rest
    )
    return outcome


def _fake(*given: Any) -> Outcome:
    x, y, cost, _, _, _, moves, _, _, _, _, _, wanted, pairing, _, _ = given
    if cost is not None:
        first, batch, rows, columns = cost, cost.shape[0], cost.shape[1], cost.shape[2]
    else:
        first, rows, columns = x, x.shape[1], y.shape[1]
        batch = y.shape[0] if x.shape[0] == 1 else x.shape[0]
    shape = (batch,) if pairing == "zipped" else (x.shape[0], y.shape[0])
    pairs = batch if pairing == "zipped" else x.shape[0] * y.shape[0]
    integers = {"dtype": torch.int32}
    path = lengths = curve = rewards = None
    if wanted == "path":
        bounds = ([rows] if all(moves[::2]) else []) + ([columns] if all(moves[1::2]) else [])
        longest = (min(bounds) if bounds else rows + columns - 1) if rows and columns else 0
        path, lengths = first.new_empty((pairs, longest, 2), **integers), first.new_empty((pairs,), **integers)
    if wanted == "curve":
        curve = first.new_empty((pairs, columns))
    if wanted == "rewards":
        rewards = first.new_empty((pairs, rows))
    return first.new_empty(shape), first.new_empty((pairs,), **integers), path, lengths, curve, rewards


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("dtw", _run, _key)
torch.library.register_fake("kinetrace::dtw", _fake, lib=LIBRARY)
