"""What chain_flow promises whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import assert_same_bits, fields
from strategies import LAYOUTS, Case, chain_cases, laid_out, specials


def _call(backend: Any, case: Case, **more: Any) -> Any:
    return backend.call("chain_flow", *case.args, **{**case.options, **more})


def _points(result: Any, index: Any) -> Any:
    """The result for some of the points."""
    return type(result)(*(None if array is None else array[:, index] for array in result))


def _with_points(case: Case, index: Any) -> Case:
    options = dict(case.options)
    if np.ndim(options.get("start", 0)):
        options["start"] = options["start"][index]
    return Case((case.args[0], case.args[1][index]), options, case.dtype)


@given(case=chain_cases(wild=True))
def test_a_point_has_the_same_bits_alone_and_in_any_place(backend: Any, case: Case) -> None:
    together = _call(backend, case)
    count = len(case.args[1])
    for i in range(min(count, 4)):
        alone = _call(backend, _with_points(case, slice(i, i + 1)))
        assert_same_bits(alone, _points(together, slice(i, i + 1)))
    order = np.arange(37)[::-1] % max(count, 1)
    order = order if count else order[:0]
    assert_same_bits(_call(backend, _with_points(case, order)), _points(together, order))


@given(case=chain_cases(), layout=st.sampled_from(LAYOUTS), threads=st.sampled_from([1, 2, 3]))
def test_layout_and_threads_change_no_bit(backend: Any, case: Case, layout: str, threads: int) -> None:
    assert_same_bits(_call(backend, laid_out(case, layout), num_threads=threads), _call(backend, case))


@given(case=chain_cases(), extra=st.integers(1, 4))
def test_more_frames_change_nothing_before_them(backend: Any, case: Case, extra: int) -> None:
    flow, points = case.args
    plain = _call(backend, case)
    tail = np.resize(specials(case.dtype), (extra, *flow.shape[1:]))
    options = dict(case.options)
    if "backward_flow" in options:
        options["backward_flow"] = np.concatenate([options["backward_flow"], tail])
    longer = _call(backend, Case((np.concatenate([flow, tail]), points), options, case.dtype))
    for name, array in fields(plain).items():
        assert_same_bits(fields(longer)[name][: len(flow) + 1], array)


@given(case=chain_cases())
def test_a_chain_may_be_cut_and_taken_up_again(backend: Any, case: Case) -> None:
    if backend.name == "standin" and case.dtype == np.float32:
        return  # the definition carries float64 between frames; a kernel carries what it returns
    flow, points = case.args
    cut = len(flow) // 2
    whole = backend.call("chain_flow", flow, points)
    head = backend.call("chain_flow", flow[:cut], points)
    tail = backend.call("chain_flow", flow[cut:], head.positions[cut])
    assert_same_bits(head.positions, whole.positions[: cut + 1])
    seen = head.visible[cut]
    assert_same_bits(tail.positions[:, seen], whole.positions[cut:, seen])
    assert_same_bits(tail.visible[:, seen], whole.visible[cut:, seen])


@given(case=chain_cases())
def test_a_later_start_is_the_same_chain_later(backend: Any, case: Case) -> None:
    flow, points = case.args
    late = backend.call("chain_flow", flow, points, start=len(flow) // 2)
    direct = backend.call("chain_flow", flow[len(flow) // 2 :], points)
    assert_same_bits(late.positions[len(flow) // 2 :], direct.positions)
    assert_same_bits(late.visible[len(flow) // 2 :], direct.visible)


@given(case=chain_cases())
def test_still_flow_moves_nothing(backend: Any, case: Case) -> None:
    flow, points = case.args
    still = backend.call("chain_flow", np.zeros_like(flow), points, backward_flow=np.zeros_like(flow))
    inside = still.visible[0]
    for t in range(len(flow) + 1):
        np.testing.assert_array_equal(still.positions[t, inside], points[inside])
        assert (still.cycle_error[t, inside] == 0).all()
        np.testing.assert_array_equal(still.visible[t], inside)


@pytest.mark.parametrize(("steps", "count"), [(0, 3), (3, 0), (0, 0), (1, 1)])
def test_empty_and_single(backend: Any, steps: int, count: int) -> None:
    flow = np.zeros((steps, 2, 4, 4), dtype=np.float32)
    tracks = backend.call("chain_flow", flow, np.ones((count, 2), dtype=np.float32), backward_flow=flow)
    assert tracks.positions.shape == (steps + 1, count, 2)
    assert tracks.visible.shape == tracks.cycle_error.shape == (steps + 1, count)
    assert tracks.visible.all()
    pixel = backend.call("chain_flow", np.zeros((2, 2, 1, 1), dtype=np.float32), np.zeros((1, 2), dtype=np.float32))
    assert pixel.visible.all()
