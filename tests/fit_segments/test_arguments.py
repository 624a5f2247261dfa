"""What fit_segments refuses, one check a test, and options that mean what they say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt

P = np.zeros((3, 12, 2), dtype=np.float32)


def refused(message: str, error: type[Exception] = ValueError, positions: Any = P, **options: Any) -> None:
    with pytest.raises(error, match="^" + re.escape(message)):
        kt.fit_segments(positions, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": np.zeros((3, 12))}, "positions: expected shape (B, T, D), got (3, 12)"),
        ({"positions": np.zeros((3, 12, 5))}, "positions: expected 1 to 4 coordinates D, got 5"),
        ({"positions": np.zeros((3, 12, 0))}, "positions: expected 1 to 4 coordinates D, got 0"),
        ({"positions": np.zeros((3, 12, 2), dtype=np.int32)}, "positions: expected float32 or float64, got int32"),
        ({"positions": np.broadcast_to(P[:1, :1], (1, 4097, 2))}, "positions: expected at most 4096 frames for max_"),
        (
            {"positions": np.broadcast_to(P[:1, :1], (1, 262145, 2)), "max_segments": 2},
            "positions: expected at most 262144 frames, got 262145",
        ),
        ({"times": np.zeros(11, dtype=np.float32)}, "times: expected shape (T,) or (B, T) = (12,), got (11,)"),
        ({"times": np.zeros(12)}, "times: expected float32 like positions, got float64"),
        ({"times": np.arange(12, dtype=np.float32), "dt": 0.5}, "dt: expected 1.0 when times are given, got 0.5"),
        ({"weights": np.ones((3, 11), dtype=np.float32)}, "weights: expected shape (B, T) = (3, 12), got (3, 11)"),
        ({"weights": np.ones((3, 12))}, "weights: expected float32 like positions, got float64"),
        ({"visible": np.ones((2, 12), dtype=bool)}, "visible: expected shape (B, T) = (3, 12), got (2, 12)"),
        ({"visible": np.ones((3, 12), dtype=np.int64)}, "visible: expected bool or uint8, got int64"),
        ({"dt": 0.0}, "dt: expected a positive finite number of seconds, got 0.0"),
        ({"dt": np.inf}, "dt: expected a positive finite number of seconds, got inf"),
        ({"order": 4}, "order: expected 0, 1, 2 or 3, got 4"),
        ({"order": -1}, "order: expected 0, 1, 2 or 3, got -1"),
        ({"max_segments": 0}, "max_segments: expected 1, 2, 3 or 4, got 0"),
        ({"max_segments": 5}, "max_segments: expected 1, 2, 3 or 4, got 5"),
        ({"min_points": 2}, "min_points: expected an int from order + 1 = 3 or None, got 2"),
        ({"criterion": "aic"}, "criterion: expected 'bic' or 'fixed', got 'aic'"),
        ({"noise": 0.0}, "noise: expected a positive finite number or None, got 0.0"),
        ({"noise": np.nan}, "noise: expected a positive finite number or None, got nan"),
        ({"num_threads": 0}, "num_threads: expected"),
    ],
)
def test_bad_values(options: dict[str, Any], message: str) -> None:
    refused(message, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": "abc"}, "positions: expected an array"),
        ({"weights": [1.0]}, "weights: expected an array"),
        ({"order": 2.0}, "order: expected"),
        ({"max_segments": True}, "max_segments: expected"),
        ({"noise": "0.3"}, "noise: expected"),
    ],
)
def test_bad_types(options: dict[str, Any], message: str) -> None:
    refused(message, TypeError, **options)


def test_long_tracks_where_the_search_is_linear(backend: Any) -> None:
    t = np.arange(5000.0)
    p = np.where(t < 3333.25, 0.5 * t, 0.5 * 3333.25 - 2 * (t - 3333.25))[None, :, None]
    fit = backend.call("fit_segments", p, order=1, max_segments=2)
    assert (fit.n_segments[0], fit.boundaries[0, 0]) == (2, 3334)
    np.testing.assert_allclose(fit.contact_times[0, 0], 3333.25, atol=1e-6)


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_fixed_gives_as_many_as_fit(backend: Any, most: int) -> None:
    p = np.arange(24.0)[None, :, None] ** 2 * np.ones((5, 1, 1))
    visible = np.ones((5, 24), dtype=bool)
    for b, points in enumerate((24, 15, 11, 7, 3)):
        visible[b, points:] = False
    fit = backend.call("fit_segments", p, visible=visible, max_segments=most, criterion="fixed")
    assert fit.n_segments.tolist() == [min(most, k) for k in (6, 3, 2, 1)] + [0]
    assert fit.status.tolist() == [0, 0, 0, 0, 1]
    assert (fit.residual_rms[:4] <= 1e-6).all()


def test_a_bad_neighbour_does_no_harm(backend: Any) -> None:
    """Every status in one batch, between good tracks: the good ones keep their bits."""
    t = np.arange(20.0)
    good = np.where(t < 9.4, 7 * t, 7 * 9.4 - 5 * (t - 9.4))[:, None] * [1.0, 0.5]
    p = np.repeat(good[None], 11, axis=0)
    weights, times = np.ones((11, 20)), np.repeat(t[None], 11, axis=0)
    p[1, 4, 0] = np.nan
    p[3, 4, 1] = np.inf
    weights[5, 3] = -1
    weights[6, 3:] = 0
    times[7, 8] = times[7, 7]
    times[9, 8] = np.nan
    weights[10, 2] = np.nan
    fit = backend.call("fit_segments", p, weights=weights, times=times, order=1)
    status = kt.Status
    expected = {1: status.NON_FINITE, 3: status.NON_FINITE, 5: status.INVALID_WEIGHT, 6: status.OK}
    expected |= {7: status.SINGULAR, 9: status.NON_FINITE, 10: status.INVALID_WEIGHT}
    assert fit.status.tolist() == [int(expected.get(b, status.OK)) for b in range(11)]
    alone = backend.call("fit_segments", p[:1], weights=weights[:1], times=times[:1], order=1)
    assert alone.n_segments[0] == 2
    for b in (0, 2, 4, 8):
        for name in fit._fields:
            np.testing.assert_array_equal(getattr(fit, name)[b], getattr(alone, name)[0])
    for b in (1, 3, 5, 7, 9, 10):
        assert fit.n_segments[b] == 0
        assert np.isnan(fit.coefficients[b]).all()
        assert np.isnan(fit.residual_rms[b])
