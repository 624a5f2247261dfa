"""Weighted quadratic fits as others write them in NumPy and torch: the peers of fit_kinematics.

Each takes positions (B, T, 2) and weights (B, T) and returns coefficients (B, 3, 2) of 1, u, u^2 with u from
-1 to 1 over the frames, and the weighted RMS residual (B,). None has statuses, or survives an empty track.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch


def basis(frames: int, dtype: Any = np.float32) -> np.ndarray:
    """(T, 3): 1, u, u^2."""
    return np.vander(np.linspace(-1, 1, frames), 3, increasing=True).astype(dtype)


def numpy_einsum(y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations and residual by einsum with the contraction order optimised, LAPACK for the solve."""
    p = basis(y.shape[1], y.dtype)
    normal = np.einsum("bt,ti,tj->bij", w, p, p, optimize=True)
    moment = np.einsum("bt,ti,btd->bid", w, p, y, optimize=True)
    c = np.linalg.solve(normal, moment)
    r = y - np.einsum("ti,bid->btd", p, c, optimize=True)
    return c, np.sqrt(np.einsum("bt,btd,btd->b", w, r, r, optimize=True) / w.sum(1))


def numpy_gemm(y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power moments and residuals by matrix products per coordinate, LAPACK for the solve."""
    p = basis(y.shape[1], y.dtype)
    powers = np.concatenate([p, p[:, 1:2] * p[:, 2:], p[:, 2:] ** 2], axis=1)
    m = w @ powers
    normal = np.stack([m[:, 0:3], m[:, 1:4], m[:, 2:5]], axis=1)
    moment = np.stack([(w * y[:, :, d]) @ p for d in range(2)], axis=2)
    c = np.linalg.solve(normal, moment)
    sse = np.zeros(len(y), y.dtype)
    for d in range(2):
        r = y[:, :, d] - c[:, :, d] @ p.T
        r *= r
        sse += np.einsum("bt,bt->b", w, r)
    return c, np.sqrt(sse / m[:, 0])


def _solve3(m: np.ndarray, b0: np.ndarray, b1: np.ndarray, b2: np.ndarray) -> list[np.ndarray]:
    """3 x 3 normal equations with the power moments m (5, B), by elimination on whole arrays."""
    l1, l2 = m[1] / m[0], m[2] / m[0]
    d1, e1, d2 = m[2] - l1 * m[1], m[3] - l1 * m[2], m[4] - l2 * m[2]
    l3 = e1 / d1
    b1 = b1 - l1 * b0
    b2 = b2 - l2 * b0 - l3 * b1
    c2 = b2 / (d2 - l3 * e1)
    c1 = (b1 - e1 * c2) / d1
    return [(b0 - m[1] * c1 - m[2] * c2) / m[0], c1, c2]


def numpy_blocked(y: np.ndarray, w: np.ndarray, block: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """The products in blocks whose temporaries stay in cache, elimination written out: expert NumPy."""
    p = basis(y.shape[1], y.dtype)
    powers = np.concatenate([p, p[:, 1:2] * p[:, 2:], p[:, 2:] ** 2], axis=1)
    c, rms = np.empty((len(y), 3, 2), y.dtype), np.empty(len(y), y.dtype)
    for i in range(0, len(y), block):
        part, weight = y[i : i + block], w[i : i + block]
        m = (weight @ powers).T
        sse = np.zeros(len(part), y.dtype)
        for d in range(2):
            x = np.ascontiguousarray(part[:, :, d])
            k = np.stack(_solve3(m, *((weight * x) @ p).T))
            c[i : i + block, :, d] = k.T
            x -= k.T @ p.T
            x *= x
            sse += np.einsum("bt,bt->b", weight, x)
        rms[i : i + block] = np.sqrt(sse / m[0])
    return c, rms


def torch_einsum(y: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal equations by einsum, batched Cholesky."""
    p = torch.from_numpy(basis(y.shape[1]))
    normal = torch.einsum("bt,ti,tj->bij", w, p, p)
    moment = torch.einsum("bt,ti,btd->bid", w, p, y)
    c = torch.cholesky_solve(moment, torch.linalg.cholesky(normal))
    r = y - torch.einsum("ti,bid->btd", p, c)
    return c, torch.sqrt(torch.einsum("bt,btd->b", w, r * r) / w.sum(1))


def torch_gemm(y: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Power moments and residuals by matrix products per coordinate, batched Cholesky."""
    p = torch.from_numpy(basis(y.shape[1]))
    return _torch_gemm(y, w, p)


def _torch_gemm(y: torch.Tensor, w: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    powers = torch.cat([p, p[:, 1:2] * p[:, 2:], p[:, 2:] ** 2], dim=1)
    m = w @ powers
    normal = torch.stack([m[:, 0:3], m[:, 1:4], m[:, 2:5]], dim=1)
    moment = torch.stack([(w * y[:, :, d]) @ p for d in range(2)], dim=2)
    c = torch.cholesky_solve(moment, torch.linalg.cholesky(normal))
    sse = sum((w * (y[:, :, d] - c[:, :, d] @ p.T) ** 2).sum(1) for d in range(2))
    return c, torch.sqrt(sse / m[:, 0])


@cache
def _compiled() -> Callable[..., Any]:
    return torch.compile(_torch_gemm)


def torch_compile(y: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """torch.compile of the matrix-product form."""
    c, rms = _compiled()(y, w, torch.from_numpy(basis(y.shape[1])))
    return c, rms


def torch_gels(y: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """torch.linalg.lstsq (QR) of rows multiplied by the square root of the weight."""
    p = torch.from_numpy(basis(y.shape[1]))
    s = w.sqrt()[:, :, None]
    c = torch.linalg.lstsq(s * p, s * y, driver="gels").solution
    r = s * (y - p @ c)
    return c, torch.sqrt((r * r).sum((1, 2)) / w.sum(1))


def lstsq_loop(y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.linalg.lstsq, one track at a time; coefficients only, the RMS is left out (NaN)."""
    p = basis(y.shape[1], y.dtype)
    s = np.sqrt(w)[:, :, None]
    return np.stack([np.linalg.lstsq(s[i] * p, s[i] * y[i], rcond=None)[0] for i in range(len(y))]), np.full(
        len(y), np.nan
    )


def polyfit_loop(y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.polyfit, one track at a time; coefficients only, the RMS is left out (NaN)."""
    u, s = np.linspace(-1, 1, y.shape[1]), np.sqrt(w)
    return np.stack([np.polyfit(u, y[i], 2, w=s[i])[::-1] for i in range(len(y))]), np.full(len(y), np.nan)
