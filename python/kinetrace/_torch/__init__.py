"""Torch: custom operators, gradients, and what a call must refuse. Imported only once a tensor has arrived."""

from __future__ import annotations

from typing import Any

import torch

#: All operators of kinetrace live in torch.ops.kinetrace.
LIBRARY = torch.library.Library("kinetrace", "DEF")

#: No tag promises more than holds: outputs depend on inputs only.
TAGS = (torch.Tag.pt2_compliant_tag,)


def needs_grad(*tensors: Any) -> bool:
    """Whether autograd would record a call on these arguments (None and other arrays count as constants)."""
    return torch.is_grad_enabled() and any(isinstance(x, torch.Tensor) and x.requires_grad for x in tensors)


def refuse_grad(function: str, **tensors: Any) -> None:
    """Raises ValueError for a tensor whose gradient `function` would silently drop."""
    if torch.is_grad_enabled():
        for name, x in tensors.items():
            if isinstance(x, torch.Tensor) and x.requires_grad:
                raise ValueError(
                    f"{name}: expected a tensor without requires_grad ({function} has no gradient), "
                    "got one with it; pass .detach() if no gradient is wanted"
                )


def is_compiling() -> bool:
    """Whether torch.compile is tracing: then calls go through torch.ops.kinetrace."""
    return torch.compiler.is_compiling()


def through_operator(*arrays: Any) -> bool:
    """Whether a call goes through torch.ops.kinetrace: under torch.compile, and for tensors that only stand for others.

    A subclass with its own __torch_dispatch__ (a FakeTensor, a DTensor) has no data of its own to read.
    """
    if torch.compiler.is_compiling():
        return True
    return any(
        type(x) is not torch.Tensor
        and isinstance(x, torch.Tensor)
        and type(x).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
        for x in arrays
    )
