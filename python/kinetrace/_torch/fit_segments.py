"""torch.ops.kinetrace.fit_segments."""

from __future__ import annotations

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define(
    "fit_segments(Tensor positions, Tensor? times, Tensor? weights, Tensor? visible, float dt, int order, "
    "int max_segments, int? min_points, str criterion, float? noise, int? num_threads) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    tags=TAGS,
)


def _run(
    positions: Tensor,
    times: Tensor | None,
    weights: Tensor | None,
    visible: Tensor | None,
    dt: float,
    order: int,
    max_segments: int,
    min_points: int | None,
    criterion: str,
    noise: float | None,
    num_threads: int | None,
) -> tuple[Tensor, ...]:
    result: tuple[Tensor, ...] = backend_for(positions, "positions").fit_segments(
        positions, times, weights, visible, dt, order, max_segments, min_points, criterion, noise, num_threads
    )
    return result


def _fake(
    positions: Tensor,
    times: Tensor | None,
    weights: Tensor | None,
    visible: Tensor | None,
    dt: float,
    order: int,
    max_segments: int,
    min_points: int | None,
    criterion: str,
    noise: float | None,
    num_threads: int | None,
) -> tuple[Tensor, ...]:
    b, _, d = positions.shape
    splits = max_segments - 1
    return (
        positions.new_empty((b,), dtype=torch.int32),
        positions.new_empty((b, splits), dtype=torch.int32),
        positions.new_empty((b, splits)),
        positions.new_empty((b, max_segments, order + 1, d)),
        positions.new_empty((b,)),
        positions.new_empty((b,), dtype=torch.int32),
    )


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("fit_segments", _run, _key)
torch.library.register_fake("kinetrace::fit_segments", _fake, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.fit_segments.default
