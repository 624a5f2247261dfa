"""A large strided input is read where it lies: the process grows by less than a copy of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Peak resident memory is a high-water mark: each case runs in a process of its own.
PROGRAM = """
import resource, sys
import numpy as np
import kinetrace as kt
library, layout = sys.argv[1:]
if library == "torch":
    import torch
memory = np.ones((49, 40000, 4), np.float32)  # 31 MB
x = {"transposed": memory, "every_second": memory[:, ::2, ::2], "backwards": memory[::-1]}[layout].transpose(1, 0, 2)
if library == "torch":
    x = torch.from_numpy(memory).permute(1, 0, 2)
kt.fit_kinematics(x[:8], num_threads=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit = kt.fit_kinematics(x, num_threads=2)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
outputs = sum(y.nbytes for y in fit)
input_bytes = x.size * 4 if library == "numpy" else x.numel() * 4
print((after - before) * 1024, outputs, input_bytes)
"""


@pytest.mark.parametrize(
    ("library", "layout"),
    [("numpy", "transposed"), ("numpy", "every_second"), ("numpy", "backwards"), ("torch", "transposed")],
)
def test_no_copy_of_a_strided_input(library: str, layout: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, library, layout], capture_output=True, text=True, timeout=120, check=True
    )
    growth, outputs, inputs = map(int, run.stdout.split())
    assert growth < outputs + inputs // 2, f"grew by {growth} bytes; outputs {outputs}, input {inputs}"
