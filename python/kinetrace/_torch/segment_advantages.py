"""torch.ops.kinetrace.segment_advantages."""

from __future__ import annotations

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define(
    "segment_advantages(Tensor advantages, Tensor segments, int columns, int? num_threads) -> Tensor", tags=TAGS
)


def _run(advantages: Tensor, segments: Tensor, columns: int, num_threads: int | None) -> Tensor:
    result: Tensor = backend_for(advantages, "advantages").segment_advantages(
        advantages, segments, columns, num_threads
    )
    return result


def _fake(advantages: Tensor, segments: Tensor, columns: int, num_threads: int | None) -> Tensor:
    return advantages.new_empty(segments.shape)


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("segment_advantages", _run, _key)
torch.library.register_fake("kinetrace::segment_advantages", _fake, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.segment_advantages.default
