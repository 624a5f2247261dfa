"""fit_segments on every back end against its definition and against tracks with known contacts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_within
from kinetrace import _reference
from segment_checks import check_segments, check_shapes
from strategies import LAYOUTS, Case, fit_cases, generators, laid_out

DTYPES = [np.float32, np.float64]
EXTRAS = st.fixed_dictionaries(
    {"max_segments": st.integers(1, 4)},
    optional={"noise": st.sampled_from([0.05, 1.0]), "min_points": st.integers(4, 7)},
)


def with_extras(case: Case, extras: dict[str, Any]) -> Case:
    """The call with options of fit_segments added."""
    return Case(case.args, {**case.options, **extras}, case.dtype)


@given(case=fit_cases(increasing=True, max_frames=16), extras=EXTRAS, layout=st.sampled_from(LAYOUTS))
def test_agrees_with_the_definition(backend: Any, case: Case, extras: dict[str, Any], layout: str) -> None:
    case = with_extras(case, extras)
    given_case = laid_out(case, layout)
    check_segments(case, backend.call("fit_segments", *given_case.args, **given_case.options))


@given(
    rng=generators(),
    dtype=st.sampled_from(DTYPES),
    options=st.fixed_dictionaries(
        {"order": st.integers(0, 3), "max_segments": st.integers(2, 4)},
        optional={"noise": st.sampled_from([0.2, 0.5]), "min_points": st.integers(4, 6)},
    ),
    kink=st.sampled_from([0.3, 1.0, 3.0]),
)
def test_close_choices_agree_with_the_definition(
    backend: Any, rng: Any, dtype: Any, options: dict[str, Any], kink: float
) -> None:
    # Kinks of about the size that the criterion just believes: a term more or less would change the answer.
    frames, dimensions = int(rng.integers(10, 20)), int(rng.integers(1, 3))
    t = np.arange(frames)[None, :, None]
    contacts = rng.uniform(2, frames - 3, (2, 4, 1, 1))
    p = 100 + rng.normal(size=(4, frames, dimensions)) * 0.4
    for contact in contacts:
        p = p + np.maximum(t - contact, 0) * rng.normal(size=(4, 1, dimensions)) * kink
    case = Case((p.astype(dtype),), options, np.dtype(dtype))
    check_segments(case, backend.call("fit_segments", *case.args, **options))


@pytest.mark.parametrize("dtype", DTYPES)
def test_statuses_side_by_side(backend: Any, dtype: Any) -> None:
    p = np.tile((np.arange(6.0) ** 2)[:, None], (7, 1, 1)).astype(dtype)
    times = np.tile(np.arange(6.0), (7, 1)).astype(dtype)
    weights = np.ones((7, 6), dtype=dtype)
    weights[1, 5], weights[2, 5], weights[4, 3:] = -1, np.inf, 0
    p[3, 2], times[5, 3], times[6, 3] = np.nan, times[5, 2], 0.5
    fit = backend.call("fit_segments", p, times=times, weights=weights)
    assert fit.status.tolist() == [0, 4, 4, 2, 1, 3, 3]
    assert fit.n_segments.tolist() == [1, 0, 0, 0, 0, 0, 0]
    check_shapes(Case((p,), {}, np.dtype(dtype)), fit)


@given(case=fit_cases(wild=True, max_frames=10), extras=EXTRAS)
def test_wild_values_give_the_right_status(backend: Any, case: Case, extras: dict[str, Any]) -> None:
    case = with_extras(case, extras)
    fit = backend.call("fit_segments", *case.args, **case.options)
    check_shapes(case, fit)
    expected = _reference.fit_segments(*case.args, **case.options)
    for b in range(len(fit.status)):
        if expected.status[b] in (1, 4):
            assert fit.status[b] == expected.status[b]
        else:  # magnitudes near the limits overflow or not, as the order of the arithmetic has it
            assert fit.status[b] in ((0, 2) if expected.status[b] == 0 else (0, 2, 3))


def kinked(frames: int, contacts: list[float], velocities: Any, acceleration: Any) -> Any:
    """Continuous positions (frames,2): a new velocity at every contact, one acceleration throughout."""
    t = np.arange(frames)[:, None]
    p = 200 + t * np.asarray(velocities[0], dtype=float)
    for contact, before, after in zip(contacts, velocities[:-1], velocities[1:], strict=True):
        p = p + np.maximum(t - contact, 0) * (np.asarray(after, dtype=float) - np.asarray(before, dtype=float))
    return p + 0.5 * np.asarray(acceleration) * t**2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("contact", [6.4, 12.0, 17.75])
def test_bounces_are_found_at_their_time(backend: Any, dtype: Any, contact: float) -> None:
    p = np.stack([kinked(26, [contact], [(3, 4), (2.5, -6 - k)], (0, 0.5)) for k in range(20)]).astype(dtype)
    fit = backend.call("fit_segments", p, max_segments=4)
    assert (fit.status == 0).all()
    assert (fit.n_segments == 2).all()
    assert (fit.boundaries[:, 0] == int(np.ceil(contact))).all()
    assert_within(fit.contact_times[:, 0], np.full(20, contact), 1e-8 if dtype == np.float64 else 2e-4)
    assert_within(fit.coefficients[:, :2, 2, 1], np.full((20, 2), 0.5), 1e-8 if dtype == np.float64 else 2e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_bounces_are_found(backend: Any, dtype: Any) -> None:
    p = kinked(40, [11.5, 27.25], [(3, 4), (2, -9), (1, -10)], (0, 0.7))[None].astype(dtype)
    fit = backend.call("fit_segments", p, max_segments=4, dt=0.5)
    assert fit.n_segments[0] == 3
    assert fit.boundaries[0].tolist() == [12, 28, -1]
    assert_within(fit.contact_times[0, :2], [5.75, 13.625], 1e-8 if dtype == np.float64 else 2e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@given(rng=generators(), order=st.integers(0, 3))
def test_exact_polynomials_stay_whole(backend: Any, dtype: Any, rng: Any, order: int) -> None:
    t = np.linspace(-1, 1, 24)[:, None]
    p = np.zeros((2, 24, 2))
    for k in range(order + 1):
        p += rng.normal(size=(2, 1, 2)) * 100 * t**k
    fit = backend.call("fit_segments", p.astype(dtype), order=order, max_segments=4)
    assert (fit.n_segments == 1).all()
    assert (fit.boundaries == -1).all()


def test_noise_is_seldom_split_and_a_bounce_in_noise_is(backend: Any) -> None:
    rng = np.random.default_rng(14)
    noise = rng.normal(size=(200, 16, 2)) * 0.3
    lone = backend.call("fit_segments", noise.astype(np.float32))
    assert np.count_nonzero(lone.n_segments > 1) <= 10
    known = backend.call("fit_segments", noise.astype(np.float32), noise=0.3)
    assert np.count_nonzero(known.n_segments > 1) <= 10
    p = noise + kinked(16, [7.6], [(3, 4), (2.5, -6)], (0, 0.5))
    fit = backend.call("fit_segments", p.astype(np.float32))
    found = fit.n_segments == 2
    assert np.count_nonzero(found) >= 190
    assert np.median(np.abs(fit.contact_times[found, 0] - 7.6)) < 0.1
