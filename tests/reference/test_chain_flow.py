"""The definition of chain_flow against scipy's interpolation, closed forms and its own rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from compare import assert_within
from kinetrace._reference import chain_flow


def _scipy_step(flow: Any, points: Any) -> Any:
    return points + np.stack([scipy.ndimage.map_coordinates(c, points.T[::-1], order=1) for c in flow], axis=1)


def test_agrees_with_scipy_and_leaves_once() -> None:
    rng = np.random.default_rng(1)
    flow = rng.normal(size=(12, 2, 20, 30)) * 1.5
    points = rng.uniform([0, 0], [29, 19], size=(60, 2))
    tracks = chain_flow(flow, points)
    assert tracks.cycle_error is None
    np.testing.assert_array_equal(tracks.positions[0], points)
    assert tracks.visible[0].all()
    for t in range(12):
        seen = tracks.visible[t]
        stepped = _scipy_step(flow[t], tracks.positions[t, seen])
        assert_within(tracks.positions[t + 1, seen], stepped, 1e-12)
        inside = ((stepped >= 0) & (stepped <= [29, 19])).all(axis=1)
        np.testing.assert_array_equal(tracks.visible[t + 1, seen], inside)
        assert not tracks.visible[t + 1, ~seen].any()
        assert np.isnan(tracks.positions[t + 1, ~seen]).all()
    assert 5 < tracks.visible[-1].sum() < 55


def test_affine_flow_is_followed_exactly() -> None:
    # Bilinear sampling of a flow that is affine in x and y is exact: p[t+1] = A p[t] + b.
    y, x = np.mgrid[0:40, 0:40].astype(float)
    angle = 0.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centred = np.stack([x - 20, y - 20])
    field = np.tensordot(turn - np.eye(2), centred, axes=1)
    tracks = chain_flow(np.stack([field] * 10), np.array([[29.0, 22.0], [20.0, 20.0]]), backward_flow=None)
    p = np.array([9.0, 2.0])
    for t in range(11):
        assert_within(tracks.positions[t, 0], p + 20, 1e-12)
        p = turn @ p
    assert_within(tracks.positions[:, 1], np.full((11, 2), 20.0), 1e-12)


def test_border_pixels_are_inside_and_one_ulp_beyond_is_not() -> None:
    flow = np.zeros((1, 2, 5, 7))
    beyond = np.nextafter(6.0, 7.0)
    points = np.array([[0, 0], [6, 4], [beyond, 4], [-5e-324, 0], [np.nan, 1], [np.inf, 1]])
    tracks = chain_flow(flow, points)
    assert tracks.visible.tolist() == [[True, True, False, False, False, False]] * 2
    np.testing.assert_array_equal(tracks.positions[0], points)
    np.testing.assert_array_equal(tracks.positions[1, :2], points[:2])
    assert np.isnan(tracks.positions[1, 2:]).all()


def test_the_leaving_position_is_kept_for_one_frame() -> None:
    flow = np.zeros((4, 2, 4, 8))
    flow[:, 0] = 3.0
    tracks = chain_flow(flow, np.array([[2.0, 1.0]]))
    np.testing.assert_array_equal(tracks.positions[:3, 0], [[2, 1], [5, 1], [8, 1]])
    assert tracks.visible[:, 0].tolist() == [True, True, False, False, False]
    assert np.isnan(tracks.positions[3:, 0]).all()


def test_start_frames() -> None:
    flow = np.zeros((3, 2, 4, 8))
    flow[:, 0] = [[[1.0]], [[10.0 / 8]], [[0.5]]]
    points = np.array([[1.0, 1.0]] * 4)
    tracks = chain_flow(flow, points, start=[0, 1, 3, 2])
    assert tracks.visible.sum(axis=0).tolist() == [4, 3, 1, 2]
    for i, first in enumerate([0, 1, 3, 2]):
        assert np.isnan(tracks.positions[:first, i]).all()
        np.testing.assert_array_equal(tracks.positions[first, i], [1, 1])
    assert_within(tracks.positions[3, :, 0], [3.75, 2.75, 1.0, 1.5], 0)
    later = chain_flow(flow, points, start=1)
    np.testing.assert_array_equal(later.positions[:, 0], tracks.positions[:, 1])


def test_cycle_error_measures_and_ends_tracks() -> None:
    flow = np.zeros((4, 2, 6, 30))
    flow[:, 0] = 2.0
    back = -flow.copy()
    back[1, :, :, 7:] = [
        [[-1.0]],
        [[0.5]],
    ]  # frame 2 back to frame 1: error (1, 0.5) for whoever lands at x >= 7
    points = np.array([[1.0, 2.0], [4.0, 2.0], [27.0, 2.0]])
    tracks = chain_flow(flow, points, backward_flow=back)
    assert tracks.cycle_error is not None
    bad = np.hypot(1.0, 0.5)
    assert_within(tracks.cycle_error[:, 0], [0, 0, 0, 0, 0], 1e-15)
    assert_within(tracks.cycle_error[:, 1], [0, 0, bad, 0, 0], 1e-15)
    assert_within(tracks.cycle_error[:, 2], [0, 0, np.nan, np.nan, np.nan], 1e-15)
    assert tracks.visible[:, 1].all()
    cut = chain_flow(flow, points, backward_flow=back, max_cycle_error=1.0)
    assert cut.visible[:, 1].tolist() == [True, True, False, False, False]
    np.testing.assert_array_equal(cut.positions[2, 1], [8, 2])
    assert np.isnan(cut.positions[3:, 1]).all()
    assert cut.cycle_error is not None
    assert_within(cut.cycle_error[:, 1], [0, 0, bad, np.nan, np.nan], 1e-15)
    exact = chain_flow(flow, points, backward_flow=back, max_cycle_error=float(bad))
    assert exact.visible[:, 1].all()
    back[0] = np.nan
    lost = chain_flow(flow, points, backward_flow=back, max_cycle_error=1.0)
    assert lost.visible.sum(axis=0).tolist() == [1, 1, 1]
    assert chain_flow(flow, points, backward_flow=back).visible[1].all()


def test_non_finite_flow_ends_a_track() -> None:
    flow = np.zeros((3, 2, 5, 5))
    flow[1, 0, 2, 2] = np.nan
    tracks = chain_flow(flow, np.array([[1.5, 1.5], [3.5, 3.5], [2.0, 2.0]]))
    assert tracks.visible.sum(axis=0).tolist() == [2, 4, 2]


def test_shapes() -> None:
    for steps, count in ((0, 3), (3, 0), (0, 0)):
        tracks = chain_flow(np.zeros((steps, 2, 4, 4)), np.ones((count, 2)), backward_flow=np.zeros((steps, 2, 4, 4)))
        assert tracks.positions.shape == (steps + 1, count, 2)
        assert tracks.visible.shape == (steps + 1, count)
        assert tracks.cycle_error is not None
        assert tracks.cycle_error.shape == (steps + 1, count)
        assert tracks.visible.all()
    single = chain_flow(np.zeros((2, 2, 1, 1)), np.zeros((1, 2)))
    assert single.visible.all()
