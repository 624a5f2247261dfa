"""1-NN classification with DTW on UCR data sets gives the accuracies that the UCR archive publishes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ucr
from peer_checks import peer

peer("aeon.datasets")  # brings the data sets


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", ucr.PUBLISHED)
def test_published_accuracies(name: str, dtype: Any) -> None:
    assert round(ucr.accuracy(name, dtype), 4) == ucr.PUBLISHED[name]


def test_a_window_of_zero_is_the_euclidean_distance() -> None:
    # The archive publishes 0.9133 for the Euclidean distance on GunPoint.
    assert round(ucr.accuracy("GunPoint", window=0), 4) == 0.9133
