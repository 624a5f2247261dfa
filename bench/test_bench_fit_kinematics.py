"""fit_kinematics beside NumPy and torch: weighted quadratics with residual, 100,000 tracks of 49 frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

import fit_peers as peers
import kinetrace as kt
from measure import Case, Comparison, Contender, repeated

FRAMES = 49
LOOP = 300  # tracks that the loops over single tracks are timed on; their times are multiplied up


@dataclass
class Tracks:
    """One round's tracks in the layouts that callers have."""

    positions: np.ndarray  # (B, T, 2)
    weights: np.ndarray  # (B, T)
    frame_major: np.ndarray  # (T, B, 2) seen as (B, T, 2)
    weights_frame_major: np.ndarray  # (T, B) seen as (B, T)
    visible: np.ndarray  # (B, T) uint8


def make_tracks(seed: int, problems: int, frames: int = FRAMES, occluded: float = 0.15) -> Tracks:
    """Parabolas of some hundred pixels, 0.3 px noise, weights 0.1 to 1, some points occluded (weight 0)."""
    rng = np.random.default_rng(seed)
    u = np.linspace(-1, 1, frames, dtype=np.float32)
    c = rng.standard_normal((problems, 3, 2), dtype=np.float32) * np.float32([[150], [80], [30]]) + np.float32(
        [[400], [0], [0]]
    )
    y = np.einsum("tk,bkd->btd", np.stack([u**0, u, u * u], axis=1), c, optimize=True)
    y = np.ascontiguousarray(y)  # einsum may return a transposed view
    y += np.float32(0.3) * rng.standard_normal(y.shape, dtype=np.float32)
    w = np.float32(0.1) + np.float32(0.9) * rng.random((problems, frames), dtype=np.float32)
    visible = (rng.random((problems, frames), dtype=np.float32) >= occluded).astype(np.uint8)
    w *= visible
    frame_major = np.ascontiguousarray(y.transpose(1, 0, 2)).transpose(1, 0, 2)
    return Tracks(y, w, frame_major, np.ascontiguousarray(w.T).T, visible)


def truth(y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The definition, in float64: fitted positions (B, T, 2) and weighted RMS residual (B,)."""
    p, y, w = peers.basis(y.shape[1], np.float64), y.astype(np.float64), w.astype(np.float64)
    c = np.linalg.solve(np.einsum("bt,ti,tj->bij", w, p, p), np.einsum("bt,ti,btd->bid", w, p, y))
    r = y - p @ c
    return p @ c, np.sqrt(np.einsum("bt,btd,btd->b", w, r, r) / w.sum(1))


def fitted_by(name: str, answer: Any, rows: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Fitted positions at all frames and RMS of the sampled rows, from any contender's answer."""
    if isinstance(answer, kt.KinematicFit):
        t = np.arange(frames, dtype=np.float64)
        p, c, rms = np.stack([t**0, t, t * t / 2], axis=1), answer.coefficients, answer.residual_rms
        assert not np.asarray(answer.status).any()
    else:
        p, (c, rms) = peers.basis(frames, np.float64), answer
    return p @ np.asarray(c)[rows].astype(np.float64), np.asarray(rms)[rows]


def check(name: str, tracks: Tracks, answer: Any) -> None:
    """Fitted positions within 0.01 px and RMS within 0.001 px of float64, on a sample of the tracks."""
    count = len(answer[0])
    if "huber" in name:
        return check_huber(tracks, answer)
    rows = np.random.default_rng(1).integers(0, count, 200)
    want, want_rms = truth(
        tracks.positions[rows], tracks.weights[rows] if "visible" not in name else tracks.visible[rows]
    )
    got, got_rms = fitted_by(name, answer, rows, tracks.positions.shape[1])
    np.testing.assert_allclose(got, want, rtol=0, atol=0.01, err_msg=name)
    if "loop" not in name:
        np.testing.assert_allclose(got_rms, want_rms, rtol=0, atol=1e-3, err_msg=name)


def check_huber(tracks: Tracks, answer: kt.KinematicFit) -> None:
    """Against the same call in float64, on a sample of the tracks."""
    rows = np.random.default_rng(1).integers(0, len(answer[0]), 50)
    y, w = (x[rows].astype(np.float64) for x in (tracks.positions, tracks.weights))
    want = kt.fit_kinematics(y, weights=w, robust="huber", num_threads=1)
    np.testing.assert_allclose(answer.coefficients[rows], want.coefficients, rtol=1e-3, atol=0.02)
    np.testing.assert_allclose(answer.residual_rms[rows], want.residual_rms, rtol=1e-2)


def ours(tracks: Tracks, **options: Any) -> kt.KinematicFit:
    return kt.fit_kinematics(tracks.positions, weights=tracks.weights, **options)


def on_torch(peer: Callable[..., Any]) -> Callable[[Tracks], Any]:
    return lambda tracks: peer(torch.from_numpy(tracks.positions), torch.from_numpy(tracks.weights))


def on_numpy(peer: Callable[..., Any], rows: int | None = None) -> Callable[[Tracks], Any]:
    return lambda tracks: peer(tracks.positions[:rows], tracks.weights[:rows])


def case_typical(quick: bool = False) -> Case:
    """All peers at 100,000 tracks, one core, caches empty."""
    problems = 2_000 if quick else 100_000
    loop = problems / LOOP
    contenders = {
        "kinetrace": lambda x: ours(x, num_threads=1),
        "kinetrace (T, B, 2)": lambda x: kt.fit_kinematics(x.frame_major, weights=x.weights_frame_major, num_threads=1),
        "kinetrace visible": lambda x: kt.fit_kinematics(x.positions, visible=x.visible, num_threads=1),
        "kinetrace huber x5": lambda x: ours(x, robust="huber", num_threads=1),
        "numpy einsum": on_numpy(peers.numpy_einsum),
        "numpy gemm": on_numpy(peers.numpy_gemm),
        "numpy gemm in blocks": on_numpy(peers.numpy_blocked),
        "torch compile": on_torch(peers.torch_compile),
        "torch gemm": on_torch(peers.torch_gemm),
        "torch einsum": on_torch(peers.torch_einsum),
        "torch gels": Contender(on_torch(peers.torch_gels), max_rounds=4),
        "np.linalg.lstsq loop": Contender(on_numpy(peers.lstsq_loop, LOOP), scale=loop, max_rounds=4),
        "np.polyfit loop": Contender(on_numpy(peers.polyfit_loop, LOOP), scale=loop, max_rounds=4),
    }
    return Case(
        "fit_kinematics/typical", contenders, lambda seed: make_tracks(seed, problems), check,
        bytes_read=problems * FRAMES * 12, problems=problems,
    )  # fmt: skip


def case_ours(quick: bool = False) -> Case:
    """kinetrace alone, for tuning and for comparing two builds: the layouts and options that matter."""
    problems = 2_000 if quick else 100_000
    contenders = {
        "kinetrace": lambda x: ours(x, num_threads=1),
        "kinetrace (T, B, 2)": lambda x: kt.fit_kinematics(x.frame_major, weights=x.weights_frame_major, num_threads=1),
        "kinetrace visible": lambda x: kt.fit_kinematics(x.positions, visible=x.visible, num_threads=1),
        "kinetrace huber x5": lambda x: ours(x, robust="huber", num_threads=1),
    }
    return Case(
        "fit_kinematics/ours", contenders, lambda seed: make_tracks(seed, problems), check,
        bytes_read=problems * FRAMES * 12, problems=problems,
    )  # fmt: skip


def case_tiny(quick: bool = False) -> Case:
    """One clip's 16 tracks, caches warm: what a call costs."""
    contenders = {
        "kinetrace": repeated(lambda x: ours(x, num_threads=1)),
        "numpy gemm": repeated(on_numpy(peers.numpy_gemm)),
        "numpy gemm in blocks": repeated(on_numpy(peers.numpy_blocked)),
        "torch gemm": repeated(on_torch(peers.torch_gemm)),
    }
    return Case("fit_kinematics/tiny", contenders, lambda seed: make_tracks(seed, 16), check, problems=16, cold=False)


def case_threads(quick: bool = False) -> Case:
    """Two cores against one, elapsed time; the plain read on two cores says what the memory allows."""
    problems = 2_000 if quick else 100_000
    contenders = {
        "kinetrace 1 thread": lambda x: ours(x, num_threads=1),
        "kinetrace 2 threads": lambda x: ours(x, num_threads=2),
        "kinetrace huber x5 1 thread": lambda x: ours(x, robust="huber", num_threads=1),
        "kinetrace huber x5 2 threads": lambda x: ours(x, robust="huber", num_threads=2),
    }
    return Case(
        "fit_kinematics/threads", contenders, lambda seed: make_tracks(seed, problems), check,
        bytes_read=problems * FRAMES * 12, problems=problems, clock="wall", threads=2,
    )  # fmt: skip


def case_work(quick: bool = False) -> Case:
    """The same by processor time, that of two threads halved: memory and bookkeeping count, other programs do not."""
    elapsed = case_threads(quick)
    contenders = {n: Contender(run, scale=0.5 if "2 threads" in n else 1.0) for n, run in elapsed.contenders.items()}
    return replace(elapsed, name="fit_kinematics/work", contenders=contenders, clock="cpu", bytes_read=0)


CASES = {
    "typical": case_typical,
    "tiny": case_tiny,
    "threads": case_threads,
    "work": case_work,
    "ours": case_ours,
}


@pytest.mark.filterwarnings("default")  # torch.compile warns about its own internals
@pytest.mark.parametrize("name", ["typical", "tiny", "threads", "work"])
def test_fit_kinematics(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick))


@pytest.mark.parametrize(("window", "limit"), [(8, 1e-2), (4, 1e-2)])
def test_short_window_accuracy(window: int, limit: float, benchmark: Any) -> None:
    """float32 error of c2 (px per [-1, 1]^2 over 49 frames, true size about 30) when few are visible."""
    problems = 20_000
    tracks = make_tracks(window, problems, occluded=0.0)
    start = np.random.default_rng(0).integers(0, FRAMES - window + 1, problems)
    t = np.arange(FRAMES)
    visible = (t >= start[:, None]) & (t < start[:, None] + window)
    y, w = tracks.positions, tracks.weights
    fit = benchmark.pedantic(kt.fit_kinematics, args=(y,), kwargs={"weights": w, "visible": visible}, rounds=1)
    want = kt.fit_kinematics(y.astype(np.float64), weights=w.astype(np.float64), visible=visible)
    half = (FRAMES - 1) / 2
    error = np.abs(fit.coefficients[:, 2] - want.coefficients[:, 2]) * half**2 / 2
    benchmark.extra_info.update(window=window, c2_error_max=float(error.max()), c2_error_median=float(np.median(error)))
    assert not fit.status.any()
    assert error.max() < limit
