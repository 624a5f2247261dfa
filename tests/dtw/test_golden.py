"""dtw_from_cost on every back end against the golden vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import assert_within
from dtw_golden import FILE, NORMALIZE, cost_cases, number, options_of, padded, ragged_cases
from golden_cases import allowed

DTYPES = [np.float32, np.float64]


def _check(actual: Any, expected: Any, dtype: Any, name: str) -> None:
    assert_within(actual, number(expected), allowed(number(expected), dtype, FILE), name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cost_matrices(backend: Any, dtype: Any) -> None:
    for case in cost_cases():
        cost, expected, options = np.array([case["cost"]], dtype=dtype), case["expected"], options_of(case)
        result = backend.call("dtw_from_cost", cost, return_path=True, **options)
        _check(result.distance[0], expected["d_raw"], dtype, case["id"])
        assert result.status.tolist() == [0 if expected["feasible"] else 5], case["id"]
        _check(backend.call("dtw_curve", cost=cost, **options)[0], expected["last_row"], dtype, case["id"])
        for key, distance in expected.get("distance", {}).items():
            got = backend.call("dtw_from_cost", cost, normalize=NORMALIZE[key], **options)
            _check(got[0], distance, dtype, f"{case['id']} {key}")
        if "path" in expected:
            assert result.path[0, : result.path_lengths[0]].tolist() == expected["path"], case["id"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_ragged_batches(backend: Any, dtype: Any) -> None:
    for case in ragged_cases():
        cost, n, m = padded(case["costs"], dtype)
        listed = [np.array(c, dtype=dtype) for c in case["costs"]]
        for key, normalize in (("d_raw", None), ("d_n_ref", "x")):
            options = {**options_of(case), "normalize": normalize}
            got = backend.call("dtw_from_cost", cost, x_lengths=n, y_lengths=m, **options)
            _check(got, case["expected"][key], dtype, case["id"])
            np.testing.assert_array_equal(backend.call("dtw_from_cost", listed, **options), got)
