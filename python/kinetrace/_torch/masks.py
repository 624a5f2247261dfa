"""torch.ops.kinetrace.mask_centroids, mask_iou and mask_chamfer."""

from __future__ import annotations

import torch
from torch import Tensor

from kinetrace._dispatch import backend_for
from kinetrace._torch import LIBRARY, TAGS

LIBRARY.define("mask_centroids(Tensor masks, int? num_threads) -> Tensor", tags=TAGS)
LIBRARY.define("mask_iou(Tensor a, Tensor b, int? num_threads) -> Tensor", tags=TAGS)
LIBRARY.define("mask_chamfer(Tensor a, Tensor b, int? num_threads) -> Tensor", tags=TAGS)


def _run_centroids(masks: Tensor, num_threads: int | None) -> Tensor:
    result: Tensor = backend_for(masks, "masks").mask_centroids(masks, num_threads)
    return result


def _fake_centroids(masks: Tensor, num_threads: int | None) -> Tensor:
    return masks.new_empty((*masks.shape[:-2], 2), dtype=torch.float64)


def _run_iou(a: Tensor, b: Tensor, num_threads: int | None) -> Tensor:
    result: Tensor = backend_for(a, "a").mask_iou(a, b, num_threads)
    return result


def _run_chamfer(a: Tensor, b: Tensor, num_threads: int | None) -> Tensor:
    result: Tensor = backend_for(a, "a").mask_chamfer(a, b, num_threads)
    return result


def _fake_pair(a: Tensor, b: Tensor, num_threads: int | None) -> Tensor:
    return a.new_empty(a.shape[:-2], dtype=torch.float64)


for _key in ("CPU", "CUDA"):
    LIBRARY.impl("mask_centroids", _run_centroids, _key)
    LIBRARY.impl("mask_iou", _run_iou, _key)
    LIBRARY.impl("mask_chamfer", _run_chamfer, _key)
torch.library.register_fake("kinetrace::mask_centroids", _fake_centroids, lib=LIBRARY)
torch.library.register_fake("kinetrace::mask_iou", _fake_pair, lib=LIBRARY)
torch.library.register_fake("kinetrace::mask_chamfer", _fake_pair, lib=LIBRARY)

#: The operators; calls under torch.compile go through them.
centroids = torch.ops.kinetrace.mask_centroids.default
pairs = {
    "mask_iou": torch.ops.kinetrace.mask_iou.default,
    "mask_chamfer": torch.ops.kinetrace.mask_chamfer.default,
}
