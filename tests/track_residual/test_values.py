"""track_residual on every back end against the golden vectors and its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_within
from golden_cases import allowed, case_id, cases
from kinetrace import _reference
from residual_checks import check_gradient, check_value, track_parts
from strategies import LAYOUTS, Case, generators, laid_out, track_cases


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", cases("tracks"), ids=case_id)
def test_golden(backend: Any, case: dict[str, Any], dtype: Any) -> None:
    positions, expected = np.array(case["positions"], dtype=dtype), case["expected"]
    visible = None if case["visible"] is None else np.array(case["visible"], dtype=bool)
    value = backend.call("track_residual", positions, visible, norm=case["norm"], dt=case["dt"])
    assert np.ndim(value) == 0
    assert_within(value, expected["value"], allowed(expected["value"], dtype))


@given(case=track_cases(), layout=st.sampled_from(LAYOUTS))
def test_value_agrees_with_the_definition(backend: Any, case: Case, layout: str) -> None:
    given_case = laid_out(case, layout)
    value = backend.call("track_residual", *given_case.args, **given_case.options)
    check_value(case, "track_residual", track_parts(case), value)


@given(case=track_cases(), rng=generators())
def test_gradient_agrees_with_the_definition(backend: Any, case: Case, rng: Any) -> None:
    shape = _reference.track_residual(*case.args, **case.options).shape
    upstream = rng.normal(size=shape).astype(case.dtype)
    gradient = backend.backward("track_residual", case.args[0], upstream, **case.options)
    check_gradient(case, "track_residual", track_parts(case), gradient, upstream)


@given(case=track_cases(), rng=generators())
def test_non_finite_positions_show_where_they_are(backend: Any, case: Case, rng: Any) -> None:
    positions = case.args[0].copy()
    odd = rng.uniform(size=positions.shape) < 0.05
    positions[odd] = rng.choice([np.nan, np.inf, -np.inf], size=odd.sum())
    options = {**case.options, "reduction": "none"}
    field = backend.call("track_residual", positions, **options)
    expected = _reference.track_residual(positions, **options)
    np.testing.assert_array_equal(np.isnan(field), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(field), np.isposinf(expected))
    np.testing.assert_array_equal(np.isneginf(field), np.isneginf(expected))
    value = backend.call("track_residual", positions, **case.options)
    whole = _reference.track_residual(positions, **case.options)
    np.testing.assert_array_equal(np.isfinite(value), np.isfinite(whole))
