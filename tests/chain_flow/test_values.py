"""chain_flow on every back end against its definition and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_checks import check_shapes, check_tracks
from compare import assert_within
from strategies import LAYOUTS, Case, chain_cases, laid_out

DTYPES = [np.float32, np.float64]


@given(case=chain_cases(), layout=st.sampled_from(LAYOUTS))
def test_agrees_with_the_definition(backend: Any, case: Case, layout: str) -> None:
    given_case = laid_out(case, layout)
    tracks = backend.call("chain_flow", *given_case.args, **given_case.options)
    check_tracks(case, tracks)


@given(case=chain_cases(wild=True))
def test_wild_values_break_no_rule(backend: Any, case: Case) -> None:
    check_shapes(case, backend.call("chain_flow", *case.args, **case.options))


@pytest.mark.parametrize("dtype", DTYPES)
def test_smooth_flow_is_followed_for_long(backend: Any, dtype: Any) -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:48, 0:64]
    t = np.arange(60)[:, None, None]
    flow = np.stack([np.sin(y / 9 + t / 7) * 0.8, np.cos(x / 11 - t / 5) * 0.8], axis=1).astype(dtype)
    points = rng.uniform([4, 4], [59, 43], size=(60, 2)).astype(dtype)
    case = Case((flow, points), {"backward_flow": -flow}, np.dtype(dtype))
    tracks = backend.call("chain_flow", *case.args, **case.options)
    assert check_tracks(case, tracks) > 2000
    assert tracks.visible[-1].sum() > 15


@pytest.mark.parametrize("dtype", DTYPES)
def test_affine_flow_is_followed_exactly(backend: Any, dtype: Any) -> None:
    y, x = np.mgrid[0:40, 0:40].astype(float)
    angle = 0.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    field = np.tensordot(turn - np.eye(2), np.stack([x - 20, y - 20]), axes=1)
    flow = np.stack([field] * 63).astype(dtype)
    tracks = backend.call("chain_flow", flow, np.array([[29.0, 22.0]], dtype=dtype))
    assert tracks.visible.all()
    turned = np.stack([np.linalg.matrix_power(turn, t) @ [9.0, 2.0] + 20 for t in range(64)])
    assert_within(tracks.positions[:, 0], turned, 1e-3 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_steps_on_whole_pixels_are_exact(backend: Any, dtype: Any) -> None:
    # A sample at a pixel centre is that pixel, to the last bit; the border is inside, one step more is not.
    flow = np.zeros((6, 2, 5, 9), dtype=dtype)
    flow[:, 0] = np.arange(6)[:, None, None] - 1
    flow[:, 1, :, 4:] = 1
    points = np.array([[2, 1], [0, 0], [8, 4], [-1, 2], [1, 4.5]], dtype=dtype)
    tracks = backend.call("chain_flow", flow, points)
    assert tracks.visible[:, 0].tolist() == [True] * 6 + [False]
    np.testing.assert_array_equal(tracks.positions[:6, 0], [[2, 1], [1, 1], [1, 1], [2, 1], [4, 1], [7, 2]])
    assert tracks.visible[:, 1].tolist() == [True] + [False] * 6
    np.testing.assert_array_equal(tracks.positions[1, 1], [-1, 0])
    assert tracks.visible[:, 2].tolist() == [True] + [False] * 6
    np.testing.assert_array_equal(tracks.positions[1, 2], [7, 5])
    assert not tracks.visible[:, 3:].any()
    np.testing.assert_array_equal(tracks.positions[0], points)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_ulp_beyond_the_border_is_outside(backend: Any, dtype: Any) -> None:
    flow = np.zeros((1, 2, 5, 7), dtype=dtype)
    beyond = np.nextafter(dtype(6), dtype(7))
    below = -np.finfo(dtype).smallest_subnormal
    points = np.array([[6, 4], [beyond, 4], [below, 0], [-0.0, 0], [np.nan, 1], [1, np.inf]], dtype=dtype)
    tracks = backend.call("chain_flow", flow, points)
    assert tracks.visible[0].tolist() == [True, False, False, True, False, False]
    assert tracks.visible[1].tolist() == [True, False, False, True, False, False]
    assert np.isnan(tracks.positions[1, [1, 2, 4, 5]]).all()


def test_cycle_error_ends_tracks(backend: Any) -> None:
    flow = np.zeros((4, 2, 6, 30), dtype=np.float32)
    flow[:, 0] = 2
    back = -flow
    back[1, :, :, 7:] = [[[-1.0]], [[0.5]]]
    points = np.array([[1, 2], [4, 2], [27, 2]], dtype=np.float32)
    tracks = backend.call("chain_flow", flow, points, backward_flow=back)
    bad, nan = np.float32(np.hypot(1, 0.5)), np.nan
    assert_within(tracks.cycle_error.T, [[0, 0, 0, 0, 0], [0, 0, bad, 0, 0], [0, 0, nan, nan, nan]], 1e-6)
    assert tracks.visible[:, 1].all()
    cut = backend.call("chain_flow", flow, points, backward_flow=back, max_cycle_error=1.0)
    assert cut.visible[:, 1].tolist() == [True, True, False, False, False]
    np.testing.assert_array_equal(cut.positions[2, 1], [8, 2])
    back[0] = np.nan
    lost = backend.call("chain_flow", flow, points, backward_flow=back, max_cycle_error=1.0)
    assert lost.visible.sum(axis=0).tolist() == [1, 1, 1]
