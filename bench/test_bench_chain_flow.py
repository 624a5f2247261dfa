"""chain_flow beside loops over cv2.remap, torch's grid_sample and SciPy: 4,096 points through 80 flows of 480 x 832."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.ndimage
import torch

import kinetrace as kt
from kinetrace import _reference
from measure import Case, Comparison

LINE = 64  # bytes that memory gives at once
SAMPLE = 48  # points that an answer is checked on


@dataclass
class Flows:
    """One round's flows and points."""

    flow: np.ndarray  # (T, 2, H, W)
    points: np.ndarray  # (N, 2)
    channels_last: np.ndarray  # (T, H, W, 2) seen as (T, 2, H, W)


def make_flows(seed: int, points: int, steps: int, height: int, width: int) -> Flows:
    """Smooth flow of up to 2 px a frame that changes from frame to frame, and points spread over the image."""
    rng = np.random.default_rng(seed)
    flow = np.empty((steps, 2, height, width), np.float32)
    for t in range(steps):
        for c in range(2):
            a, b = (
                np.sin(rng.uniform(0.01, 0.03) * np.arange(n) + rng.uniform(0, 6), dtype=np.float32)
                for n in (height, width)
            )
            np.multiply(2 * a[:, None], b, out=flow[t, c])
    start = rng.uniform([0, 0], [width - 1, height - 1], (points, 2)).astype(np.float32)
    return Flows(flow, start, np.moveaxis(np.ascontiguousarray(np.moveaxis(flow, 1, -1)), -1, 1))


def ours(flows: Flows, **options: Any) -> np.ndarray:
    return kt.chain_flow(flows.flow, flows.points, **options).positions


def ours_channels_last(flows: Flows) -> np.ndarray:
    return kt.chain_flow(flows.channels_last, flows.points, num_threads=1).positions


def grid_sample_loop(flows: Flows) -> np.ndarray:
    """What tracking code does in torch: normalised coordinates, one call a frame."""
    flow, p = torch.from_numpy(flows.flow), torch.from_numpy(flows.points)
    scale = torch.tensor([2 / (flow.shape[3] - 1), 2 / (flow.shape[2] - 1)])
    out = [p]
    for f in flow:
        grid = (p * scale - 1)[None, None]
        p = p + torch.nn.functional.grid_sample(f[None], grid, align_corners=True)[0, :, 0].T
        out.append(p)
    return torch.stack(out).numpy()


def remap_loop(flows: Flows) -> np.ndarray:
    """OpenCV, one call a frame and channel."""
    out = np.empty((len(flows.flow) + 1, *flows.points.shape), np.float32)
    out[0] = flows.points
    for t, f in enumerate(flows.flow):
        x, y = np.ascontiguousarray(out[t].T).reshape(2, -1, 64)  # OpenCV's images end at 32767 a side
        for c in range(2):
            step = cv2.remap(f[c], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            out[t + 1, :, c] = out[t, :, c] + step.ravel()
    return out


def map_coordinates_loop(flows: Flows) -> np.ndarray:
    """SciPy, one call a frame and channel."""
    out = np.empty((len(flows.flow) + 1, *flows.points.shape), np.float32)
    out[0] = flows.points
    for t, f in enumerate(flows.flow):
        at = out[t].T[::-1]
        for c in range(2):
            out[t + 1, :, c] = out[t, :, c] + scipy.ndimage.map_coordinates(f[c], at, order=1, mode="nearest")
    return out


def check(name: str, flows: Flows, answer: np.ndarray) -> None:
    """Within 0.01 px of the definition on a sample of the points, as long as they are in the image."""
    rows = np.random.default_rng(1).integers(0, len(flows.points), SAMPLE)
    want = _reference.chain_flow(flows.flow, flows.points[rows])
    assert want.visible.mean() > 0.5
    got = np.asarray(answer)[:, rows]
    np.testing.assert_allclose(got[want.visible], want.positions[want.visible], rtol=0, atol=0.01, err_msg=name)


def _inputs(quick: bool) -> tuple[Callable[[int], Flows], int]:
    """Maker of a round's inputs, and the bytes of lines that its points touch: two rows of two channels each."""
    points, steps, size = (256, 6, (48, 64)) if quick else (4096, 80, (480, 832))
    return lambda seed: make_flows(seed, points, steps, *size), points * steps * 4 * LINE


def case_typical(quick: bool = False) -> Case:
    """All peers on one core."""
    inputs, nbytes = _inputs(quick)
    contenders = {
        "kinetrace": lambda x: ours(x, num_threads=1),
        "kinetrace channels last": ours_channels_last,
        "kinetrace cycle": lambda x: ours(x, backward_flow=x.channels_last, num_threads=1),
        "cv2 remap loop": remap_loop,
        "torch grid_sample loop": grid_sample_loop,
        "scipy map_coordinates loop": map_coordinates_loop,
    }
    return Case("chain_flow/typical", contenders, inputs, check, bytes_read=nbytes, problems=1)


def case_threads(quick: bool = False) -> Case:
    """Two cores against one, elapsed time; the plain read on two cores says what the memory allows."""
    inputs, nbytes = _inputs(quick)
    contenders = {
        "kinetrace 1 thread": lambda x: ours(x, num_threads=1),
        "kinetrace 2 threads": lambda x: ours(x, num_threads=2),
        "torch grid_sample loop": grid_sample_loop,
    }
    return Case("chain_flow/threads", contenders, inputs, check, bytes_read=nbytes, problems=1, clock="wall", threads=2)


def case_dense(quick: bool = False) -> Case:
    """Every pixel through 8 flows, caches empty."""
    steps, height, width = (3, 24, 64) if quick else (8, 480, 832)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2).astype(np.float32)

    def inputs(seed: int) -> Flows:
        flows = make_flows(seed, 1, steps, height, width)
        return Flows(flows.flow, grid, flows.channels_last)

    contenders = {"kinetrace": lambda x: ours(x, num_threads=1), "torch grid_sample loop": grid_sample_loop}
    return Case("chain_flow/dense", contenders, inputs, check, bytes_read=steps * 2 * height * width * 4, problems=1)


CASES = {"typical": case_typical, "threads": case_threads, "dense": case_dense}


@pytest.mark.parametrize("name", list(CASES))
def test_chain_flow(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    cv2.setNumThreads(1)
    compare(CASES[name](quick), rounds=8)
