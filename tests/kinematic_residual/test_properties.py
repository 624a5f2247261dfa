"""What kinematic_residual promises whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits
from kinetrace import _reference
from strategies import LAYOUTS, Case, flow_cases, laid_out, spoil

MODES = ["eulerian", "advected"]


def _call(backend: Any, case: Case, **more: Any) -> Any:
    return backend.call("kinematic_residual", *case.args, **{**case.options, **more})


def _gradient(backend: Any, case: Case) -> Any:
    shape = _reference.kinematic_residual(*case.args, **case.options).shape
    return backend.backward("kinematic_residual", case.args[0], np.ones(shape, dtype=case.dtype), **case.options)


def _picked(case: Case, index: Any) -> Case:
    options = dict(case.options)
    if "mask" in options:
        options["mask"] = options["mask"][index]
    return Case((case.args[0][index],), options, case.dtype)


@given(case=flow_cases(wild=True, max_side=6))
def test_a_problem_has_the_same_bits_alone_and_in_any_place(backend: Any, case: Case) -> None:
    if case.args[0].ndim == 4:
        grown = _picked(case, None)
        assert_same_bits(_call(backend, grown)[0], _call(backend, case))
        assert_same_bits(_gradient(backend, grown)[0], _gradient(backend, case))
        return
    together, gradients = _call(backend, case), _gradient(backend, case)
    for b in range(len(case.args[0])):
        assert_same_bits(_call(backend, _picked(case, b)), together[b])
        assert_same_bits(_gradient(backend, _picked(case, b)), gradients[b])
    order = np.arange(len(case.args[0]))[::-1]
    assert_same_bits(_call(backend, _picked(case, order)), together[order])


@given(case=flow_cases(), layout=st.sampled_from(LAYOUTS), threads=st.sampled_from([1, 2, 3]))
def test_layout_and_threads_change_no_bit(backend: Any, case: Case, layout: str, threads: int) -> None:
    other = laid_out(case, layout)
    assert_same_bits(_call(backend, other, num_threads=threads), _call(backend, case))
    assert_same_bits(_gradient(backend, other), _gradient(backend, case))


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_threads_change_no_bit_of_a_large_problem(backend: Any, threads: int, mode: str) -> None:
    flow = np.random.default_rng(1).normal(size=(2, 5, 2, 67, 129)).astype(np.float32)
    one = backend.call("kinematic_residual", flow, mode=mode, num_threads=1)
    assert_same_bits(backend.call("kinematic_residual", flow, mode=mode, num_threads=threads), one)


@given(case=flow_cases())
def test_weight_zero_hides_any_flow(backend: Any, case: Case) -> None:
    flow = case.args[0]
    rng = np.random.default_rng(2)
    hidden = rng.uniform(size=(*flow.shape[:-4], *flow.shape[-2:])) < 0.4
    mask = np.ones((*flow.shape[:-4], flow.shape[-4], *flow.shape[-2:]), dtype=case.dtype)
    mask[np.broadcast_to(hidden[..., None, :, :], mask.shape)] = 0
    options = {"norm": case.options["norm"], "reduction": case.options["reduction"], "mask": mask}
    spoilt = flow.copy()
    spoil(rng, spoilt, np.broadcast_to(hidden[..., None, None, :, :], flow.shape))
    plain, other = Case((flow,), options, case.dtype), Case((spoilt,), options, case.dtype)
    assert_same_bits(_call(backend, other), _call(backend, plain))
    assert_same_bits(_gradient(backend, other), _gradient(backend, plain))


@given(case=flow_cases(), kind=st.sampled_from([bool, np.uint8, None]))
def test_masks_of_ones_of_any_kind_are_no_mask(backend: Any, case: Case, kind: Any) -> None:
    flow = case.args[0]
    options = {k: v for k, v in case.options.items() if not k.startswith("mask")}
    plain = Case((flow,), options, case.dtype)
    for rule in ("center", "all", "any", "explicit"):
        frames = flow.shape[-4] - (2 if rule == "explicit" else 0)
        mask = np.ones((*flow.shape[:-4], frames, *flow.shape[-2:]), dtype=kind or case.dtype)
        masked = Case((flow,), {**options, "mask": mask, "mask_rule": rule}, case.dtype)
        assert_same_bits(_call(backend, masked), _call(backend, plain))
        assert_same_bits(_gradient(backend, masked), _gradient(backend, plain))


@given(case=flow_cases())
def test_an_empty_mask_gives_zero_and_no_gradient(backend: Any, case: Case) -> None:
    flow = np.full_like(case.args[0], np.nan)
    mask = np.zeros((*flow.shape[:-3], *flow.shape[-2:]), dtype=bool)
    empty = Case((flow,), {**case.options, "mask": mask, "mask_rule": "any"}, case.dtype)
    assert (_call(backend, empty) == 0).all()
    assert (_gradient(backend, empty) == 0).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("norm", ["squared", "abs", "signed"])
def test_a_still_clip_and_steady_speed_are_zero(backend: Any, mode: str, norm: str) -> None:
    still = np.zeros((2, 5, 2, 8, 9), dtype=np.float32)
    ramp = np.broadcast_to((np.arange(5) * 0.25)[:, None, None, None], still.shape).astype(np.float32)
    for flow in (still, still + 0.5, ramp):
        case = Case((flow,), {"mode": mode, "norm": norm}, np.dtype(np.float32))
        assert (_call(backend, case) == 0).all()
        if norm != "signed":
            assert (_gradient(backend, case) == 0).all()


@given(case=flow_cases(), power=st.integers(-10, 10))
def test_powers_of_two_scale_exactly(backend: Any, case: Case, power: int) -> None:
    options = {k: v for k, v in case.options.items() if k not in ("mode", "iterations")}
    plain = Case(case.args, options, case.dtype)
    scaled = Case((case.args[0] * case.dtype.type(2.0**power),), options, case.dtype)
    factor = case.dtype.type(2.0 ** (power * (2 if options["norm"] == "squared" else 1)))
    value = _call(backend, plain)
    assert_same_bits(_call(backend, scaled), (value * factor).astype(case.dtype))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(0, 4, 2, 3, 3), (2, 3, 2, 0, 5), (2, 4, 2, 5, 0), (1, 3, 2, 1, 1), (3, 2, 1, 1)])
def test_empty_and_single(backend: Any, shape: tuple[int, ...], mode: str) -> None:
    flow = np.zeros(shape, dtype=np.float32)
    for norm, last in (("squared", ()), ("signed", (2,))):
        value = backend.call("kinematic_residual", flow, mode=mode, norm=norm)
        assert value.shape == (*shape[:-4], *last)
        assert (value == 0).all()
        field = backend.call("kinematic_residual", flow, mode=mode, norm=norm, reduction="none")
        assert field.shape == (*shape[:-4], shape[-4] - 2, *last, *shape[-2:])
        gradient = backend.backward("kinematic_residual", flow, np.ones(value.shape, np.float32), mode=mode, norm=norm)
        assert gradient.shape == shape
