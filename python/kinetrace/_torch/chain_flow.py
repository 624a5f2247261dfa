"""torch.ops.kinetrace.chain_flow."""

from __future__ import annotations

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define(
    "chain_flow(Tensor flow, Tensor points, Tensor? backward_flow, Tensor? start_each, int start, "
    "float? max_cycle_error, int? num_threads) -> (Tensor, Tensor, Tensor?)",
    tags=TAGS,
)


def _run(
    flow: Tensor,
    points: Tensor,
    backward_flow: Tensor | None,
    start_each: Tensor | None,
    start: int,
    max_cycle_error: float | None,
    num_threads: int | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    result: tuple[Tensor, Tensor, Tensor | None] = backend_for(flow, "flow").chain_flow(
        flow, points, backward_flow, start_each, start, max_cycle_error, num_threads
    )
    return result


def _fake(
    flow: Tensor,
    points: Tensor,
    backward_flow: Tensor | None,
    start_each: Tensor | None,
    start: int,
    max_cycle_error: float | None,
    num_threads: int | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    batch = flow.shape[:-4]
    shape = (*batch, flow.shape[-4] + 1, points.shape[-2])
    error = None if backward_flow is None else flow.new_empty(shape)
    return flow.new_empty((*shape, 2)), flow.new_empty(shape, dtype=torch.bool), error


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("chain_flow", _run, _key)
torch.library.register_fake("kinetrace::chain_flow", _fake, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.chain_flow.default
