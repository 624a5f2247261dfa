"""Mask kernels and the PISA scores beside SciPy, OpenCV, NumPy and torch, on one core: clips of 32 masks of 512 x 512."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest

import kinetrace as kt
import mask_peers as peers
from kinetrace import _reference
from measure import Case, Comparison, Contender

PAIRS = 2  # masks of a clip that every Chamfer distance is checked on


@dataclass
class Clip:
    """One round's masks of an object and of its prediction, and what they must give."""

    a: np.ndarray  # (T, H, W) bool
    b: np.ndarray
    rows: np.ndarray  # frames that chamfer is known for
    chamfer: np.ndarray


def make_clip(seed: int, frames: int, size: int, radius: float, off: float) -> Clip:
    """An ellipse that falls and drifts, and one of another shape that runs away from it by up to `off` pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    start, drift = rng.uniform(0.3, 0.5, 2) * size, rng.uniform(-0.2, 0.2) * size / frames
    axes, other = rng.uniform(0.7, 1.3, (2, 2)) * radius
    angle = rng.uniform(0, 6)
    clip = []
    for shape, error in ((axes, 0.0), (other, off)):
        masks = np.empty((frames, size, size), bool)
        for t in range(frames):
            cx = np.clip(start[0] + drift * t + error * np.cos(angle) * t / frames, 0, size)
            cy = np.clip(start[1] + 0.3 * size * (t / frames) ** 2 + error * np.sin(angle) * t / frames, 0, size)
            masks[t] = ((x - cx) / shape[0]) ** 2 + ((y - cy) / shape[1]) ** 2 <= 1
        clip.append(masks)
    rows = np.sort(rng.choice(frames, PAIRS, replace=False))
    return Clip(*clip, rows, peers.chamfer_trees(clip[0][rows], clip[1][rows]))


def _inputs(quick: bool, radius: float = 40, off: float = 60) -> tuple[Callable[[int], Clip], int]:
    """Maker of a round's clip, and the bytes of one of its two stacks of masks."""
    frames, size, shrink = (4, 64, 0.1) if quick else (32, 512, 1.0)
    make = partial(make_clip, frames=frames, size=size, radius=radius * shrink, off=off * shrink)
    return make, frames * size * size


def on_some(run: Callable[[np.ndarray, np.ndarray], np.ndarray], share: int) -> Contender:
    """A slow peer on every `share`-th frame, multiplied up; NaN where it was left out."""

    def some(clip: Clip) -> np.ndarray:
        out = np.full(len(clip.a), np.nan)
        out[::share] = run(clip.a[::share], clip.b[::share])
        return out

    return Contender(some, scale=share)


def check_chamfer(name: str, clip: Clip, answer: np.ndarray) -> None:
    got = np.asarray(answer)[clip.rows]
    known = ~np.isnan(got)
    assert known.all() or name.startswith("torch")
    np.testing.assert_allclose(got[known], clip.chamfer[known], rtol=1e-5 if "cv2" in name else 1e-6, err_msg=name)


def check_centroids(name: str, clip: Clip, answer: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(answer), _reference.mask_centroids(clip.a), rtol=1e-12, err_msg=name)


def check_iou(name: str, clip: Clip, answer: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(answer), _reference.mask_iou(clip.a, clip.b), rtol=1e-12, err_msg=name)


def check_pisa(name: str, clip: Clip, answer: dict[str, Any]) -> None:
    expected = peers.pisa_published(clip.a, clip.b)
    np.testing.assert_allclose([answer[k] for k in expected], list(expected.values()), rtol=1e-10, err_msg=name)


def _chamfer_case(name: str, radius: float, off: float, quick: bool) -> Case:
    inputs, nbytes = _inputs(quick, radius, off)
    contenders: dict[str, Any] = {
        "kinetrace": lambda x: kt.mask_chamfer(x.a, x.b, num_threads=1),
        "scipy cKDTree": lambda x: peers.chamfer_trees(x.a, x.b),
        "scipy edt": lambda x: peers.chamfer_edt(x.a, x.b),
        "cv2 precise": lambda x: peers.chamfer_cv2(x.a, x.b),
    }
    if radius <= 40:
        contenders["torch cdist"] = on_some(peers.chamfer_cdist, 4)
    return Case(f"masks/{name}", contenders, inputs, check_chamfer, bytes_read=2 * nbytes, problems=32)


def case_chamfer(quick: bool = False) -> Case:
    """An object of 80 pixels across, as PISA drops them, and a prediction that is off by up to 60."""
    return _chamfer_case("chamfer", 40, 60, quick)


def case_chamfer_far(quick: bool = False) -> Case:
    """The same, off by up to 250 pixels."""
    return _chamfer_case("chamfer_far", 40, 250, quick)


def case_chamfer_large(quick: bool = False) -> Case:
    """An object that fills a third of the image."""
    return _chamfer_case("chamfer_large", 160, 40, quick)


def _many(quick: bool) -> tuple[Callable[[int], Clip], int]:
    """Four clips in a row: where counting takes less than a millisecond, a call with empty caches shows."""
    make, nbytes = _inputs(quick)

    def inputs(seed: int) -> Clip:
        clip = make(seed)
        return Clip(np.tile(clip.a, (4, 1, 1)), np.tile(clip.b, (4, 1, 1)), clip.rows, clip.chamfer)

    return inputs, 4 * nbytes


def case_centroids(quick: bool = False) -> Case:
    """Centroids of 128 masks."""
    inputs, nbytes = _many(quick)
    contenders = {
        "kinetrace": lambda x: kt.mask_centroids(x.a, num_threads=1),
        "numpy where": lambda x: peers.centroids_nonzero(x.a),
        "numpy counts": lambda x: peers.centroids_counts(x.a),
        "cv2 moments": lambda x: peers.centroids_cv2(x.a),
        "torch sums": lambda x: peers.centroids_torch(x.a),
    }
    return Case("masks/centroids", contenders, inputs, check_centroids, bytes_read=nbytes, problems=128)


def case_iou(quick: bool = False) -> Case:
    """IoU of 128 pairs of masks."""
    inputs, nbytes = _many(quick)
    contenders = {
        "kinetrace": lambda x: kt.mask_iou(x.a, x.b, num_threads=1),
        "numpy": lambda x: peers.iou_numpy(x.a, x.b),
        "torch": lambda x: peers.iou_torch(x.a, x.b),
    }
    return Case("masks/iou", contenders, inputs, check_iou, bytes_read=2 * nbytes, problems=128)


def case_pisa(quick: bool = False) -> Case:
    """The three scores of one clip."""
    inputs, nbytes = _inputs(quick)
    contenders = {
        "kinetrace": lambda x: kt.metrics.pisa(x.a, x.b, num_threads=1),
        "published form": lambda x: peers.pisa_published(x.a, x.b),
    }
    return Case("masks/pisa", contenders, inputs, check_pisa, bytes_read=2 * nbytes, problems=1)


def case_work(quick: bool = False) -> Case:
    """Two threads against one, by processor time: the clip's masks over threads."""
    inputs, _ = _inputs(quick)
    contenders = {
        "kinetrace 1 thread": lambda x: kt.mask_chamfer(x.a, x.b, num_threads=1),
        "kinetrace 2 threads": Contender(lambda x: kt.mask_chamfer(x.a, x.b, num_threads=2), scale=0.5),
    }
    return Case("masks/work", contenders, inputs, check_chamfer, problems=32, threads=2)


CASES = {
    "chamfer": case_chamfer,
    "chamfer_far": case_chamfer_far,
    "chamfer_large": case_chamfer_large,
    "centroids": case_centroids,
    "iou": case_iou,
    "pisa": case_pisa,
    "work": case_work,
}


@pytest.mark.parametrize("name", list(CASES))
def test_masks(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    cv2.setNumThreads(1)
    compare(CASES[name](quick), rounds=8)
