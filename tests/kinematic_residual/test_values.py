"""kinematic_residual on every back end against the golden vectors and its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_within
from golden_cases import allowed, case_id, cases
from kinetrace import _reference
from residual_checks import check_gradient, check_value, flow_parts, settled
from strategies import LAYOUTS, Case, flow_cases, generators, laid_out

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", cases("eulerian") + cases("masked"), ids=case_id)
def test_golden(backend: Any, case: dict[str, Any], dtype: Any) -> None:
    flow, expected = np.array(case["flow"], dtype=dtype), case["expected"]
    options: dict[str, Any] = {"norm": case["norm"], "dt": case["dt"], "reduction": case["reduce"]}
    if "mask" in case:
        options |= {"mask": np.array(case["mask"], dtype=dtype), "mask_rule": case["mask_rule"]}
    value = backend.call("kinematic_residual", flow, **options)
    assert np.ndim(value) == 0
    assert_within(value, expected["value"], allowed(expected["value"], dtype))
    gradient = backend.backward("kinematic_residual", flow, np.ones((), dtype=dtype), **options)
    assert_within(gradient, expected["grad"], allowed(expected["grad"], dtype))
    if "residual" in expected:
        field = backend.call("kinematic_residual", flow, norm="signed", reduction="none")
        assert_within(field, expected["residual"], allowed(expected["residual"], dtype))
        signed = backend.call("kinematic_residual", flow, norm="signed", reduction="mean")
        assert_within(signed, expected["signed_mean"], allowed(expected["signed_mean"], dtype))


@given(case=flow_cases(), layout=st.sampled_from(LAYOUTS))
def test_value_agrees_with_the_definition(backend: Any, case: Case, layout: str) -> None:
    case = settled(case)
    given_case = laid_out(case, layout)
    value = backend.call("kinematic_residual", *given_case.args, **given_case.options)
    check_value(case, "kinematic_residual", flow_parts(case), value)


@given(case=flow_cases(), rng=generators())
def test_gradient_agrees_with_the_definition(backend: Any, case: Case, rng: Any) -> None:
    case = settled(case)
    shape = _reference.kinematic_residual(*case.args, **case.options).shape
    upstream = rng.normal(size=shape).astype(case.dtype)
    gradient = backend.backward("kinematic_residual", case.args[0], upstream, **case.options)
    check_gradient(case, "kinematic_residual", flow_parts(case), gradient, upstream)


@given(case=flow_cases(), rng=generators(), norm=st.sampled_from(["squared", "abs", "signed"]))
def test_non_finite_flow_shows_where_it_is(backend: Any, case: Case, rng: Any, norm: str) -> None:
    flow = case.args[0].copy()
    odd = rng.uniform(size=flow.shape) < 0.05
    flow[odd] = rng.choice([np.nan, np.inf, -np.inf, np.finfo(case.dtype).smallest_subnormal], size=odd.sum())
    options = {k: v for k, v in case.options.items() if k.startswith("mask")}
    field = backend.call("kinematic_residual", flow, **options, norm=norm, reduction="none")
    expected = _reference.kinematic_residual(flow, **options, norm=norm, reduction="none")
    np.testing.assert_array_equal(np.isnan(field), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(field), np.isposinf(expected))
    np.testing.assert_array_equal(np.isneginf(field), np.isneginf(expected))
    value = backend.call("kinematic_residual", flow, **options, norm=norm)
    whole = _reference.kinematic_residual(flow, **options, norm=norm)
    np.testing.assert_array_equal(np.isfinite(value), np.isfinite(whole))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["eulerian", "advected"])
def test_many_pixels_are_summed_without_loss(backend: Any, dtype: Any, mode: str) -> None:
    # 200,000 equal vectors: a running float32 sum of them would be off by 1e-3.
    flow = np.zeros((3, 2, 400, 500), dtype=dtype)
    flow[0] = flow[2] = 0.1
    value = float(backend.call("kinematic_residual", flow, mode=mode))
    expected = float(_reference.kinematic_residual(flow, mode=mode))
    assert expected > 0.07
    assert abs(value - expected) <= (1e-5 if dtype == np.float32 else 1e-12) * expected
