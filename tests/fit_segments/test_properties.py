"""What fit_segments promises whatever the data: same bits in any place, and invariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits, assert_within, rows
from strategies import LAYOUTS, Case, fit_cases, generators, laid_out, specials


def _call(backend: Any, case: Case, **more: Any) -> Any:
    return backend.call("fit_segments", *case.args, **{**case.options, **more})


def _picked(case: Case, index: Any) -> Case:
    """The call with some of its problems only."""
    options = dict(case.options)
    for name in ("weights", "visible", "times"):
        if name in options and options[name].ndim == 2:
            options[name] = options[name][index]
    return Case((case.args[0][index],), options, case.dtype)


@given(case=fit_cases(wild=True, increasing=True, max_frames=12), most=st.integers(1, 4))
def test_a_problem_has_the_same_bits_alone_and_in_any_place(backend: Any, case: Case, most: int) -> None:
    together = _call(backend, case, max_segments=most)
    count = len(case.args[0])
    for b in range(count):
        alone = _call(backend, _picked(case, slice(b, b + 1)), max_segments=most)
        assert_same_bits(alone, rows(together, slice(b, b + 1)))
    order = np.arange(19)[::-1] % max(count, 1)
    order = order if count else order[:0]
    assert_same_bits(_call(backend, _picked(case, order), max_segments=most), rows(together, order))


@given(case=fit_cases(increasing=True, max_frames=12), extra=st.integers(1, 9))
def test_invisible_frames_at_the_end_change_no_bit(backend: Any, case: Case, extra: int) -> None:
    plain = _call(backend, case)
    b_count, t_count, d_count = case.args[0].shape
    garbage = np.resize(specials(case.dtype), (b_count, extra, d_count))
    options = dict(case.options)
    visible = options.get("visible", np.ones((b_count, t_count), dtype=bool))
    options["visible"] = np.concatenate([visible, np.zeros((b_count, extra), visible.dtype)], axis=1)
    for name in ("weights", "times"):
        if name in options:
            tail = np.resize(specials(case.dtype), (*options[name].shape[:-1], extra))
            options[name] = np.concatenate([options[name], tail], axis=-1)
    longer = Case((np.concatenate([case.args[0], garbage], axis=1),), options, case.dtype)
    assert_same_bits(_call(backend, longer), plain)


@given(
    case=fit_cases(increasing=True, max_frames=12),
    layout=st.sampled_from(LAYOUTS),
    threads=st.sampled_from([1, 2, 3]),
)
def test_layout_and_threads_change_no_bit(backend: Any, case: Case, layout: str, threads: int) -> None:
    assert_same_bits(_call(backend, laid_out(case, layout), num_threads=threads), _call(backend, case))


def _bounces(rng: Any, dtype: Any) -> Any:
    """Noisy bounces (3,16,2) whose split is beyond doubt."""
    t = np.arange(16.0)[None, :, None]
    contact = rng.uniform(5, 10, (3, 1, 1))
    kick = np.sign(rng.normal(size=(3, 1, 2))) * rng.uniform(8, 12, (3, 1, 2))
    p = 3 * t + 0.3 * t**2 + np.maximum(t - contact, 0) * kick + 0.05 * rng.normal(size=(3, 16, 2))
    return p.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(rng=generators(), power=st.integers(-12, 12))
def test_powers_of_two_scale_exactly(backend: Any, dtype: Any, rng: Any, power: int) -> None:
    p, factor = _bounces(rng, dtype), dtype(2.0**power)
    for noise in (None, 0.05):
        plain = backend.call("fit_segments", p, noise=noise)
        assert (plain.n_segments > 1).all()
        scaled = backend.call("fit_segments", p * factor, noise=None if noise is None else noise * float(factor))
        expected = plain._replace(coefficients=plain.coefficients * factor, residual_rms=plain.residual_rms * factor)
        assert_same_bits(scaled, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(rng=generators(), shift=st.sampled_from([-3.0, 40.0]))
def test_shifts_of_time_and_place(backend: Any, dtype: Any, rng: Any, shift: float) -> None:
    p = _bounces(rng, dtype)
    plain = backend.call("fit_segments", p)
    late = backend.call("fit_segments", p, times=(np.arange(16) + shift).astype(dtype))
    away = backend.call("fit_segments", (p.astype(np.float64) + 64).astype(dtype))
    bound = 1e-9 if dtype == np.float64 else 2e-3
    for other, moved in ((late, shift), (away, 0.0)):
        np.testing.assert_array_equal(other.n_segments, plain.n_segments)
        np.testing.assert_array_equal(other.boundaries, plain.boundaries)
        assert_within(other.contact_times - dtype(moved), plain.contact_times, bound)
        assert_within(other.residual_rms, plain.residual_rms, bound)


def test_reversed_time_gives_the_same_contacts(backend: Any) -> None:
    p = _bounces(np.random.default_rng(15), np.float64)
    plain = backend.call("fit_segments", p)
    back = backend.call("fit_segments", p[:, ::-1])
    np.testing.assert_array_equal(16 - back.boundaries[:, 0], plain.boundaries[:, 0])
    assert_within(15 - back.contact_times[:, 0], plain.contact_times[:, 0], 1e-7)


@pytest.mark.parametrize("shape", [(0, 9, 2), (4, 0, 2), (4, 1, 3), (1, 3, 1)])
def test_empty_and_short(backend: Any, shape: tuple[int, int, int]) -> None:
    for most in (1, 3):
        fit = backend.call("fit_segments", np.ones(shape, dtype=np.float32), max_segments=most)
        assert fit.coefficients.shape == (shape[0], most, 3, shape[2])
        assert fit.contact_times.shape == (shape[0], most - 1)
        assert (fit.status == 1).all()
    still = backend.call("fit_segments", np.full((2, 12, 2), 0.3, dtype=np.float32), max_segments=4)
    assert (still.n_segments == 1).all()
    assert (still.residual_rms == 0).all()
