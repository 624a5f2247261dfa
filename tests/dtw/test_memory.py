"""Distances need memory for a few rows, however long the sequences: 200,000 x 200,000 costs would take 160 GB."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import kinetrace as kt

def peak():
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

rng = np.random.default_rng(7)
x, y = rng.standard_normal((2, 1, 200_000)).astype(np.float32)
kt.dtw(x[:, :64], y[:, :64])  # threads, libraries
before = peak()
distance = kt.dtw(x, y)
swapped = kt.dtw(y, x)
assert distance.shape == (1,) and np.isfinite(distance).all()
print(peak() - before, float(distance[0]), float(swapped[0]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_of_a_pair_of_200_000_samples() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=600, check=True)
    extra_bytes, distance, swapped = map(float, done.stdout.split())
    assert extra_bytes < 50e6
    # Costs are symmetric, so the distance is too, but for the rounding of a sum of about 3e5 positive terms.
    assert abs(distance - swapped) <= 3e-3 * distance
