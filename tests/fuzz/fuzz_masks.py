"""Fuzzed calls of mask_centroids, mask_iou and mask_chamfer: judged by their definitions, whatever the masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from fuzz_inputs import BAD, Call, Rng, break_array, chance, lay_out, pick, size
from kinetrace import _reference
from mask_cases import KINDS, draw_mask
from tolerances import rounding


def _masks(rng: Rng, lead: tuple[int, ...], height: int, width: int) -> Any:
    masks = np.zeros((*lead, height, width), dtype=bool)
    for index in np.ndindex(lead):
        masks[index] = draw_mask(rng, height, width, pick(rng, KINDS))
    return masks if chance(rng, 0.5) else masks * rng.integers(1, 256, masks.shape).astype(np.uint8)


def _call(rng: Rng, names: tuple[str, ...]) -> Call:
    lead = pick(rng, ((1,), (2,), (0,), (1, 2), (2, 1), (2, 0)))
    largest = 90 if chance(rng, 0.1) else 24
    height, width = size(rng, largest), size(rng, 300 if chance(rng, 0.1) else largest)
    if height * width > 4000:
        lead = (1,)
    arrays = {name: _masks(rng, lead, height, width) for name in names}
    options: dict[str, Any] = {}
    broken = ""
    if chance(rng, 0.15):
        broken = pick(rng, [*names, "num_threads"])
        if broken in arrays:
            arrays[broken] = break_array(rng, arrays[broken])
        else:
            options[broken] = pick(rng, BAD["threads"])
    elif chance(rng, 0.5):
        options["num_threads"] = pick(rng, (None, 1, 2, 5))
    laid = [lay_out(rng, x) if name != broken else x for name, x in arrays.items()]
    return Call(tuple(laid), options, np.float64, "plain", broken)


def mask_centroids_call(rng: Rng) -> Call:
    """Any call of mask_centroids."""
    return _call(rng, ("masks",))


def mask_pair_call(rng: Rng) -> Call:
    """Any call of mask_iou or mask_chamfer."""
    return _call(rng, ("a", "b"))


def _arrays(call: Call) -> list[Any]:
    return [np.asarray(x) for x in call.args]


def judge_mask_centroids(call: Call, value: Any) -> None:
    """Raises AssertionError unless every bit is right."""
    np.testing.assert_array_equal(np.asarray(value), _reference.mask_centroids(*_arrays(call)), strict=True)


def judge_mask_iou(call: Call, value: Any) -> None:
    """As judge_mask_centroids."""
    np.testing.assert_array_equal(np.asarray(value), _reference.mask_iou(*_arrays(call)), strict=True)


def judge_mask_chamfer(call: Call, value: Any) -> None:
    """As judge_mask_centroids, up to the rounding of sums."""
    expected = _reference.mask_chamfer(*_arrays(call))
    bound = rounding("mask_chamfer", "value", np.float64)
    np.testing.assert_allclose(np.asarray(value), expected, rtol=bound, atol=0, strict=True)
