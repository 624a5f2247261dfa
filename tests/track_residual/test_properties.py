"""What track_residual promises whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits
from kinetrace import _reference
from strategies import LAYOUTS, Case, generators, laid_out, specials, track_cases


def _call(backend: Any, case: Case, **more: Any) -> Any:
    return backend.call("track_residual", *case.args, **{**case.options, **more})


def _gradient(backend: Any, case: Case) -> Any:
    shape = _reference.track_residual(*case.args, **case.options).shape
    return backend.backward("track_residual", case.args[0], np.ones(shape, dtype=case.dtype), **case.options)


def _picked(case: Case, index: Any) -> Case:
    options = dict(case.options)
    if "visible" in options:
        options["visible"] = options["visible"][index]
    return Case((case.args[0][index],), options, case.dtype)


@given(case=track_cases(wild=True))
def test_a_problem_has_the_same_bits_alone_and_in_any_place(backend: Any, case: Case) -> None:
    if case.args[0].ndim == 3:
        assert_same_bits(_call(backend, _picked(case, None))[0], _call(backend, case))
        assert_same_bits(_gradient(backend, _picked(case, None))[0], _gradient(backend, case))
        return
    together, gradients = _call(backend, case), _gradient(backend, case)
    for b in range(len(case.args[0])):
        assert_same_bits(_call(backend, _picked(case, b)), together[b])
        assert_same_bits(_gradient(backend, _picked(case, b)), gradients[b])
    order = np.arange(len(case.args[0]))[::-1]
    assert_same_bits(_call(backend, _picked(case, order)), together[order])


@given(case=track_cases(), layout=st.sampled_from(LAYOUTS), threads=st.sampled_from([1, 2, 3]))
def test_layout_and_threads_change_no_bit(backend: Any, case: Case, layout: str, threads: int) -> None:
    other = laid_out(case, layout)
    assert_same_bits(_call(backend, other, num_threads=threads), _call(backend, case))
    assert_same_bits(_gradient(backend, other), _gradient(backend, case))


@given(case=track_cases(), extra=st.integers(1, 5))
def test_unseen_frames_at_the_end_change_no_bit(backend: Any, case: Case, extra: int) -> None:
    positions = case.args[0]
    options = {**case.options, "reduction": "none"}
    visible = np.asarray(options.get("visible", np.ones(positions.shape[:-1]))) != 0
    frames = positions.ndim - 3
    tail = list(positions.shape)
    tail[frames] = extra
    longer = np.concatenate([positions, np.resize(specials(case.dtype), tail)], axis=frames)
    unseen = np.concatenate([visible, np.zeros(tail[:-1], dtype=bool)], axis=frames)
    plain = Case((positions,), {**options, "visible": visible}, case.dtype)
    padded = Case((longer,), {**options, "visible": unseen}, case.dtype)
    field, padded_field = _call(backend, plain), _call(backend, padded)
    kept = (slice(None),) * frames + (slice(0, positions.shape[frames] - 3),)
    assert_same_bits(padded_field[kept], field)
    rest = (slice(None),) * frames + (slice(positions.shape[frames] - 3, None),)
    assert (padded_field[rest] == 0).all()


@given(case=track_cases())
def test_all_unseen_gives_zero_and_no_gradient(backend: Any, case: Case) -> None:
    positions = np.full_like(case.args[0], np.nan)
    options = {**case.options, "visible": np.zeros(positions.shape[:-1], dtype=bool)}
    empty = Case((positions,), options, case.dtype)
    assert (_call(backend, empty) == 0).all()
    assert (_gradient(backend, empty) == 0).all()


@given(rng=generators(), dtype=st.sampled_from([np.float32, np.float64]))
def test_constant_acceleration_is_exactly_zero(backend: Any, rng: Any, dtype: Any) -> None:
    # Small whole numbers are exact in both precisions, so the zero is exact, however it is added up.
    t = np.arange(9)[:, None, None]
    p, v, a = rng.integers(-20, 20, (3, 1, 5, 2))
    positions = (p + v * t + a * t * t).astype(dtype)
    for norm in ("squared", "abs", "signed"):
        assert (backend.call("track_residual", positions, norm=norm) == 0).all()
    value = backend.call("track_residual", positions + dtype(2) * (t**3).astype(dtype), norm="signed")
    np.testing.assert_allclose(value, 12, rtol=4 * np.finfo(dtype).eps)


@given(case=track_cases(), power=st.integers(-10, 10))
def test_powers_of_two_scale_exactly(backend: Any, case: Case, power: int) -> None:
    with np.errstate(over="ignore"):
        scaled = Case((case.args[0] * case.dtype.type(2.0**power),), case.options, case.dtype)
    factor = case.dtype.type(2.0 ** (power * (2 if case.options["norm"] == "squared" else 1)))
    assert_same_bits(_call(backend, scaled), (_call(backend, case) * factor).astype(case.dtype))


@pytest.mark.parametrize("shape", [(0, 5, 3, 2), (2, 4, 0, 2), (1, 4, 1, 1), (4, 1, 3)])
def test_empty_and_single(backend: Any, shape: tuple[int, ...]) -> None:
    positions = np.zeros(shape, dtype=np.float32)
    for norm, last in (("squared", ()), ("signed", shape[-1:])):
        value = backend.call("track_residual", positions, norm=norm)
        assert value.shape == (*shape[:-3], *last)
        assert (value == 0).all()
        field = backend.call("track_residual", positions, norm=norm, reduction="none")
        assert field.shape == (*shape[:-3], shape[-3] - 3, shape[-2], *last)
