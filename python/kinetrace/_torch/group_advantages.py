"""torch.ops.kinetrace.group_advantages."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define(
    "group_advantages(Tensor rewards, Tensor groups, str mode, bool apart, float[]? weights, Tensor? lengths, "
    "float eps, int ddof, float var_floor, float f_norm, str singleton, str nan_policy, bool scale, "
    "int? num_threads) -> Tensor",
    tags=TAGS,
)


def _run(rewards: Tensor, groups: Tensor, *options: Any) -> Tensor:
    result: Tensor = backend_for(rewards, "rewards").group_advantages(rewards, groups, *options)
    return result


def _fake(rewards: Tensor, groups: Tensor, mode: str, apart: bool, *options: Any) -> Tensor:
    columns = rewards.shape[1:] if apart else ()
    return rewards.new_empty((rewards.shape[0], *columns))


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("group_advantages", _run, _key)
torch.library.register_fake("kinetrace::group_advantages", _fake, lib=LIBRARY)

#: The operator; calls under torch.compile go through it.
operator = torch.ops.kinetrace.group_advantages.default
