"""track_residual in torch; see _torch/residual.py."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from kinetrace._torch.residual import register


def _shapes(positions: Tensor, _dt: float, norm: str, reduction: str, _num_threads: Any) -> tuple[list[Any], Any]:
    *batch, t, n, d = positions.shape
    coordinates = [d] if norm == "signed" else []
    if reduction == "none":
        return [*batch, t - 3, n, *coordinates], 0
    return [*batch, *coordinates], batch[0] if batch else 1


_OPTIONS = "float dt, str norm, str reduction, int? num_threads"
#: The operator: what calls under torch.compile go through.
call, operator = register("track_residual", "positions", "visible", _OPTIONS, _shapes)
