"""kinematic_residual in torch; see _torch/residual.py."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from kinetrace._torch.residual import register


def _shapes(flow: Tensor, _mode: str, norm: str, reduction: str, *_rest: Any) -> tuple[list[Any], Any]:
    *batch, t, _, h, w = flow.shape
    channels = [2] if norm == "signed" else []
    if reduction == "none":
        return [*batch, t - 2, *channels, h, w], 0
    return [*batch, *channels], batch[0] if batch else 1


_OPTIONS = "str mode, str norm, str reduction, float dt, str mask_rule, int iterations, int? num_threads"
#: The operator: what calls under torch.compile go through.
call, operator = register("kinematic_residual", "flow", "mask", _OPTIONS, _shapes)
