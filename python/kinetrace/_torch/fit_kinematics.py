"""torch.ops.kinetrace.fit_kinematics."""

from __future__ import annotations

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define(
    "fit_kinematics(Tensor positions, Tensor? times, Tensor? weights, Tensor? visible, float dt, int order, str? robust, "
    "float? robust_threshold, int robust_iterations, int? num_threads) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    tags=TAGS,
)


def _run(
    positions: Tensor,
    times: Tensor | None,
    weights: Tensor | None,
    visible: Tensor | None,
    dt: float,
    order: int,
    robust: str | None,
    robust_threshold: float | None,
    robust_iterations: int,
    num_threads: int | None,
) -> tuple[Tensor, ...]:
    result: tuple[Tensor, ...] = backend_for(positions, "positions").fit_kinematics(
        positions, times, weights, visible, dt, order, robust, robust_threshold, robust_iterations, num_threads
    )
    return result


def _fake(
    positions: Tensor,
    times: Tensor | None,
    weights: Tensor | None,
    visible: Tensor | None,
    dt: float,
    order: int,
    robust: str | None,
    robust_threshold: float | None,
    robust_iterations: int,
    num_threads: int | None,
) -> tuple[Tensor, ...]:
    b, _, d = positions.shape
    k = order + 1
    shapes = ((b, k, d), (b,), (b, k, k), (b,))
    floats = [positions.new_empty(shape) for shape in shapes]
    return (*floats, *(positions.new_empty((b,), dtype=torch.int32) for _ in range(2)))


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("fit_kinematics", _run, _key)
torch.library.register_fake("kinetrace::fit_kinematics", _fake, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.fit_kinematics.default
