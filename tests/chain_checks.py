"""Follows a chain_flow result step by step with the definition's rules, allowing for rounding that grows."""

from __future__ import annotations

from typing import Any

import numpy as np

from compare import assert_within
from kinetrace import _reference
from strategies import Case
from tolerances import rounding, smallest


def check_shapes(case: Case, tracks: Any) -> None:
    """dtypes, shapes, and what holds whatever the numbers: once unseen always unseen, NaN after that."""
    flow, points = case.args
    shape = (len(flow) + 1, len(points))
    assert tracks.positions.dtype == case.dtype
    assert tracks.positions.shape == (*shape, 2)
    assert tracks.visible.dtype == bool
    assert tracks.visible.shape == shape
    assert (tracks.cycle_error is None) == ("backward_flow" not in case.options)
    first = np.broadcast_to(case.options.get("start", 0), shape[1:])
    frame = np.arange(shape[0])[:, None]
    assert not (tracks.visible & (frame < first)).any()
    assert np.isnan(tracks.positions[np.broadcast_to(frame < first, shape)]).all()
    ended = np.logical_or.accumulate(~tracks.visible & (frame >= first), axis=0)
    assert not (tracks.visible & ended).any()
    gone = np.concatenate([np.zeros((1, shape[1]), bool), ended[:-1]])
    assert np.isnan(tracks.positions[gone]).all()
    height, width = flow.shape[2:]
    seen = tracks.positions[tracks.visible]
    assert ((seen >= 0) & (seen <= [width - 1, height - 1])).all()
    if tracks.cycle_error is not None:
        assert tracks.cycle_error.dtype == case.dtype
        assert tracks.cycle_error.shape == shape
        limit = case.options.get("max_cycle_error")
        if limit is not None:
            assert (tracks.cycle_error[tracks.visible] <= case.dtype.type(limit)).all()
        assert np.isnan(tracks.cycle_error[gone]).all()


def check_tracks(case: Case, tracks: Any) -> int:
    """Positions, visibility and cycle errors within bounds; returns how many frames were judged.

    An error of a position is multiplied by at most 1 + slope at each step. A track is followed until a
    decision of the definition (inside? cycle error small enough?) is closer than the bound: from there on
    either answer is right.
    """
    check_shapes(case, tracks)
    expected = _reference.chain_flow(*case.args, **case.options)
    flow = np.asarray(case.args[0], dtype=np.float64)
    back = np.asarray(case.options.get("backward_flow", flow), dtype=np.float64)
    slope, back_slope = (2 * max(np.abs(np.diff(f, axis=a)).max(initial=0.0) for a in (2, 3)) for f in (flow, back))
    units = rounding("chain_flow", "positions", case.dtype)
    size = max(flow.shape[2:]) + 4 * max(np.abs(flow).max(initial=0.0), np.abs(back).max(initial=0.0))
    last = np.array([flow.shape[3] - 1, flow.shape[2] - 1])
    limit = case.options.get("max_cycle_error")
    judged = 0
    for i in range(len(case.args[1])):
        bound = 0.0
        start = int(np.broadcast_to(case.options.get("start", 0), len(case.args[1]))[i])
        for t in range(start, len(flow) + 1):
            p = expected.positions[t, i]
            assert_within(tracks.positions[t, i], p, bound + smallest(case.dtype), f"positions[{t},{i}]")
            judged += 1
            if not np.isfinite(p).all():
                assert not tracks.visible[t:, i].any()
                break
            if bound > 0 and (np.minimum(np.abs(p), np.abs(p - last)) <= bound).any():
                break
            if expected.cycle_error is not None:
                error = expected.cycle_error[t, i]
                loose = rounding("chain_flow", "cycle_error", case.dtype) * size + bound * (2 + back_slope)
                loose = loose if t > start else 0.0
                assert_within(tracks.cycle_error[t, i], error, loose, f"cycle_error[{t},{i}]")
                if limit is not None and abs(error - limit) <= loose + 1e-7 * limit:
                    break
            assert tracks.visible[t, i] == expected.visible[t, i], f"visible[{t},{i}]"
            bound = bound * (1 + slope) + units * size
    return judged
