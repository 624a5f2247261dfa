"""The kernels that the video part calls, in plain NumPy until the compiled ones take their place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class KinematicFit(NamedTuple):
    coefficients: Array
    residual_rms: Array
    covariance: Array
    r_squared: Array
    n_points: Array
    status: Array


class SegmentFit(NamedTuple):
    n_segments: Array
    boundaries: Array
    contact_times: Array
    coefficients: Array
    residual_rms: Array
    status: Array


class Tracks(NamedTuple):
    positions: Array
    visible: Array
    cycle_error: Array | None


def _basis(t: Array, order: int) -> Array:
    columns = [np.ones_like(t)]
    for k in range(1, order + 1):
        columns.append(columns[-1] * t / k)
    return np.stack(columns, axis=-1)


def fit_kinematics(
    positions: Array,
    *,
    dt: float = 1.0,
    times: Array | None = None,
    order: int = 2,
    weights: Array | None = None,
    visible: Array | None = None,
    robust: str | None = None,
) -> KinematicFit:
    """Least squares of a polynomial in time per track (no robust weights in this stand-in)."""
    b, n, d = positions.shape
    t_all = np.broadcast_to(np.arange(n) * dt if times is None else times, (b, n))
    m = order + 1
    out = KinematicFit(
        np.full((b, m, d), np.nan),
        np.full(b, np.nan),
        np.full((b, m, m), np.nan),
        np.full(b, np.nan),
        np.zeros(b, np.int32),
        np.zeros(b, np.int32),
    )
    for i in range(b):
        w = np.ones(n) if weights is None else weights[i].astype(float)
        if visible is not None:
            w = np.where(visible[i], w, 0.0)
        use = w > 0
        out.n_points[i] = use.sum()
        if use.sum() < m:
            out.status[i] = 1
            continue
        t, p, w = t_all[i][use], positions[i][use].astype(float), w[use]
        centre = t.mean()
        a = _basis(t - centre, order) * np.sqrt(w)[:, None]
        local, *_ = np.linalg.lstsq(a, p * np.sqrt(w)[:, None], rcond=None)
        r = p - _basis(t - centre, order) @ local
        shift = np.zeros((m, m))
        for row in range(m):
            for col in range(row, m):
                shift[row, col] = _basis(np.array([-centre]), order)[0, col - row]
        out.coefficients[i] = shift @ local
        out.covariance[i] = shift @ np.linalg.inv(a.T @ a) @ shift.T
        sse = float((w[:, None] * r**2).sum())
        mean = (w[:, None] * p).sum(0) / w.sum()
        total = float((w[:, None] * (p - mean) ** 2).sum())
        out.residual_rms[i] = np.sqrt(sse / w.sum())
        out.r_squared[i] = 1 - sse / total if total > 0 else float(sse == 0)
    return out


def fit_segments(
    positions: Array,
    *,
    dt: float = 1.0,
    times: Array | None = None,
    order: int = 2,
    visible: Array | None = None,
    max_segments: int = 3,
    min_points: int | None = None,
    noise: float | None = None,
) -> SegmentFit:
    """Piecewise polynomial fits by dynamic programming over split points, segments chosen by a BIC."""
    b, n, d = positions.shape
    m = order + 1
    least = max(min_points or m + 1, m)
    out = SegmentFit(
        np.zeros(b, np.int32),
        np.full((b, max_segments - 1), -1, np.int32),
        np.full((b, max_segments - 1), np.nan),
        np.full((b, max_segments, m, d), np.nan),
        np.full(b, np.nan),
        np.zeros(b, np.int32),
    )
    for i in range(b):
        use = np.ones(n, bool) if visible is None else np.asarray(visible[i], bool)
        index = np.flatnonzero(use)
        t = (np.arange(n) * dt if times is None else np.asarray(times))[index].astype(float)
        p = positions[i][index].astype(float)
        k = len(index)
        if k < m:
            out.status[i] = 1
            continue
        cost = np.full((k + 1, k + 1), np.inf)
        for s in range(k):
            for e in range(s + least, k + 1):
                a = _basis(t[s:e] - t[s:e].mean(), order)
                r = p[s:e] - a @ np.linalg.lstsq(a, p[s:e], rcond=None)[0]
                cost[s, e] = (r**2).sum()
        best, back = [cost[0]], []
        for _ in range(max_segments - 1):
            table = best[-1][:, None] + cost
            back.append(table.argmin(0))
            best.append(table.min(0))
        scores = []
        for s in range(max_segments):
            sse = best[s][k]
            free = (s + 1) * m * d + s
            fit = sse / noise**2 if noise else k * d * np.log(max(sse, 1e-12) / (k * d))
            scores.append(fit + free * np.log(k * d) if np.isfinite(sse) else np.inf)
        chosen = int(np.argmin(scores)) if np.isfinite(min(scores)) else 0
        cuts, e = [k], k
        for s in range(chosen, 0, -1):
            e = int(back[s - 1][e])
            cuts.append(e)
        cuts = [0, *cuts[::-1]]
        out.n_segments[i] = chosen + 1
        for s in range(chosen + 1):
            window = slice(cuts[s], cuts[s + 1])
            one = fit_kinematics(p[None, window], times=t[window], order=order)
            out.coefficients[i, s] = one.coefficients[0]
            if s:
                out.boundaries[i, s - 1] = index[cuts[s]]
                out.contact_times[i, s - 1] = _crossing(
                    out.coefficients[i, s - 1], out.coefficients[i, s], t[cuts[s] - 1], t[cuts[s]]
                )
        out.residual_rms[i] = (
            np.sqrt(max(best[chosen][k], 0.0) / k) if np.isfinite(best[chosen][k]) else np.nan
        )
    return out


def _crossing(before: Array, after: Array, t0: float, t1: float) -> float:
    grid = np.linspace(t0 - (t1 - t0), t1 + (t1 - t0), 301)
    gap = _basis(grid, len(before) - 1) @ (after - before)
    return float(grid[np.argmin((gap**2).sum(-1))])


def kinematic_residual(flow: Array, *, reduction: str = "mean") -> Any:
    """|phi[t+1] - 2 phi[t] + phi[t-1]|^2 at fixed pixels: its mean, or the field (T-2, H, W) for "none"."""
    r = flow[2:] - 2 * flow[1:-1] + flow[:-2]
    field = (r.astype(np.float64) ** 2).sum(1)
    return field if reduction == "none" else field.mean()


def chain_flow(
    flow: Array,
    points: Array,
    *,
    backward_flow: Array | None = None,
    start: Any = 0,
    max_cycle_error: float | None = None,
) -> Tracks:
    """Points carried forward through bilinear flow."""
    t_count, _, h, w = flow.shape
    n = len(points)
    begin = np.broadcast_to(np.asarray(start), (n,))
    pos = np.full((t_count + 1, n, 2), np.nan)
    vis = np.zeros((t_count + 1, n), bool)
    err = None if backward_flow is None else np.full((t_count + 1, n), np.nan)
    for t in range(t_count + 1):
        fresh = begin == t
        pos[t, fresh] = points[fresh]
        inside = np.all((pos[t] >= 0) & (pos[t] <= [w - 1, h - 1]), axis=1)
        vis[t] = inside & (fresh | (vis[t - 1] if t else False))
        if err is not None and t and max_cycle_error is not None:
            vis[t] &= ~(np.nan_to_num(err[t], nan=0.0) > max_cycle_error)
        if t == t_count:
            break
        live = vis[t]
        pos[t + 1, live] = pos[t, live] + _sample(flow[t], pos[t, live])
        if err is not None and backward_flow is not None:
            q = pos[t + 1, live]
            back = q + _sample(backward_flow[t], q)
            err[t + 1, live] = np.linalg.norm(pos[t, live] - back, axis=1)
    return Tracks(pos, vis, err)


def _sample(flow: Array, p: Array) -> Array:
    h, w = flow.shape[1:]
    q = np.clip(p, 0, [w - 1, h - 1])
    x0 = np.minimum(q[:, 0].astype(int), w - 2)
    y0 = np.minimum(q[:, 1].astype(int), h - 2)
    fx, fy = q[:, 0] - x0, q[:, 1] - y0
    top = flow[:, y0, x0] * (1 - fx) + flow[:, y0, x0 + 1] * fx
    low = flow[:, y0 + 1, x0] * (1 - fx) + flow[:, y0 + 1, x0 + 1] * fx
    return np.asarray((top * (1 - fy) + low * fy).T)
