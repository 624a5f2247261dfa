"""fit_kinematics on batches whose neighbours take different ways: whole tracks, short windows, far outliers, garbage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_same_bits, rows
from fit_checks import check_fit, used
from strategies import Case, lay_out, specials

KINDS = 8
Array = np.ndarray[Any, Any]


def _weights(rng: np.random.Generator, count: int, frames: int) -> Array:
    """One row per kind in turn: what can happen to the weights of a track."""
    t = np.arange(frames)
    w = rng.uniform(0.1, 1, (count, frames))
    for b in range(count):
        start = int(rng.integers(0, frames - 3))
        match b % KINDS:
            case 0:  # all points
                pass
            case 1:  # some, the first never
                w[b, rng.random(frames) < 0.2] = 0
                w[b, 0], w[b, frames // 2 : frames // 2 + 3] = 0, 1
            case 2:  # a window of four
                w[b, (t < start) | (t >= start + 4)] = 0
            case 3:  # the first half
                w[b, frames // 2 + 2 :] = 0
            case 4:  # the second half
                w[b, : frames // 2 - 1] = 0
            case 5:  # four and a far one, so that the moments about the mean cancel
                w[b, (t >= 4) & (t < frames - 1)] = 0
            case 6:  # three points far apart
                w[b, np.setdiff1d(t, [1, frames // 2, frames - 1])] = 0
            case 7:  # too few points
                w[b, 2:] = 0
    return w


def _case(seed: int, count: int, frames: int, dims: int, dtype: Any) -> Case:
    """Parabolas some hundred units from the origin; special values, NaN first, wherever the weight is 0."""
    rng = np.random.default_rng(seed)
    u = np.linspace(-1, 1, frames)[:, None]
    c = rng.normal(size=(3, count, 1, dims)) * np.reshape([150, 80, 30], (3, 1, 1, 1))
    p = (400 + c[0] + c[1] * u + c[2] * u**2 + 0.3 * rng.normal(size=(count, frames, dims))).astype(dtype)
    w = _weights(rng, count, frames).astype(dtype)
    p[w == 0] = np.resize(specials(dtype), p[w == 0].shape)
    return Case((p,), {"weights": w, "order": 2}, np.dtype(dtype))


def _call(backend: Any, case: Case) -> Any:
    return backend.call("fit_kinematics", *case.args, **case.options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("frames", [7, 16, 21, 50])
def test_neighbours_that_need_other_care(backend: Any, frames: int, dims: int, dtype: Any) -> None:
    case = _case(frames, 5 * KINDS, frames, dims, dtype)
    fit = _call(backend, case)
    assert (fit.status == np.where(np.arange(5 * KINDS) % KINDS == 7, 1, 0)).all()
    check_fit(case, fit)
    for kind in range(KINDS):
        index = np.arange(kind, 5 * KINDS, KINDS)
        alone = Case((case.args[0][index],), {**case.options, "weights": case.options["weights"][index]}, case.dtype)
        assert_same_bits(_call(backend, alone), rows(fit, index))


@pytest.mark.parametrize("layout", ["fortran", "strided"])
@pytest.mark.parametrize("frames", [8, 27])
def test_full_groups_in_any_layout(backend: Any, frames: int, layout: str) -> None:
    case = _case(1, 32, frames, 2, np.float32)
    options = {**case.options, "weights": lay_out(case.options["weights"], layout)}
    other = backend.call("fit_kinematics", lay_out(case.args[0], layout), **options)
    assert_same_bits(other, _call(backend, case))


@pytest.mark.parametrize("garbage", [np.nan, np.inf, 3e38])
def test_what_is_not_used_changes_no_bit(backend: Any, garbage: float) -> None:
    case = _case(2, 4 * KINDS, 33, 2, np.float32)
    unused = case.options["weights"] == 0
    clean, spoilt = case.args[0].copy(), case.args[0].copy()
    clean[unused], spoilt[unused] = 400, garbage
    assert_same_bits(
        backend.call("fit_kinematics", spoilt, **case.options), backend.call("fit_kinematics", clean, **case.options)
    )


def test_float32_residuals_of_long_smooth_tracks(backend: Any) -> None:
    # Travelling 2000 px with 1e-3 px of noise: positions round to 1.2e-4 px, and so may the residuals.
    rng = np.random.default_rng(3)
    t = np.arange(401.0)[:, None]
    p = 5 * t - 0.002 * t**2 + rng.normal(size=(24, 1, 2)) * 100 + 1e-3 * rng.normal(size=(24, 401, 2))
    case = Case((p.astype(np.float32),), {"order": 2}, np.dtype(np.float32))
    fit = _call(backend, case)
    check_fit(case, fit)
    exact = backend.call("fit_kinematics", case.args[0].astype(np.float64))
    np.testing.assert_allclose(fit.residual_rms, exact.residual_rms, atol=2e-4, rtol=0)


def test_a_window_far_into_a_very_long_track(backend: Any) -> None:
    # u is a frame index less the mean, whatever the number of frames: nothing overflows or loses its digits.
    frames, window = 30_000, slice(29_000, 29_012)
    rng = np.random.default_rng(4)
    p = np.full((18, frames, 2), np.nan, np.float32)
    p[:, window] = 300 + rng.normal(size=(18, 12, 2))
    visible = np.zeros((18, frames), bool)
    visible[:, window] = True
    fit = backend.call("fit_kinematics", p, visible=visible)
    case = Case((p,), {"visible": visible, "order": 2}, np.dtype(np.float32))
    check_fit(case, fit)
    whole = backend.call("fit_kinematics", np.cumsum(rng.normal(size=(3, frames, 1)), axis=1).astype(np.float32))
    assert (whole.status == 0).all()
    assert np.isfinite(whole.r_squared).all()


def test_the_definition_sees_the_same_points() -> None:
    # The cases above are what they say: windows of four, three points far apart, moments that cancel (solve.hpp: by more
    # than three bits, which calls for another pass).
    case = _case(21, 5 * KINDS, 21, 2, np.float32)
    counts = [len(used(case, b).t) for b in range(5 * KINDS)]
    assert set(counts[2::KINDS]) == {4}
    assert set(counts[6::KINDS]) == {3}
    assert set(counts[7::KINDS]) == {2}
    apart = used(case, 5)
    u = apart.t - np.average(apart.t, weights=apart.w)
    m2, m3, m4 = (np.sum(apart.w * u**k) for k in (2, 3, 4))
    norm = m4 - m3 * m3 / m2 - m2 * m2 / apart.w.sum()
    assert norm < 0.125 * m4
