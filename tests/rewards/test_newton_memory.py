"""The kinematic loss, forward and backward, needs the gradient and next to nothing beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import torch
from kinetrace.rewards import NewtonReward

def peak():
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

def run(flow, layout, **options):
    loss, _ = NewtonReward(layout=layout, **options)(flow)
    (gradient,) = torch.autograd.grad(loss, flow)  # .backward() copies it for a leaf of another order of axes
    assert (gradient[..., 0] != 0).any()

layout, mode = {layout!r}, {mode!r}
sizes = {{"B": {batch}, "T": 31, "C": 2, "H": 384, "W": 384}}
small = torch.rand([min(sizes[a], 32) for a in layout], requires_grad=True)
run(small, layout, mode=mode)  # threads, libraries
flow = torch.rand([sizes[a] for a in layout])
spare = torch.ones(2 * flow.numel())  # the peak so far is what is there now
flow.requires_grad_()
before = peak()
run(flow, layout, mode=mode)
print((peak() - before) / (flow.numel() * 4) - 1)
"""


LIMITS = {
    ("BTCHW", "eulerian", 1): 0.05,
    ("BCTHW", "eulerian", 1): 0.05,
    ("BTHWC", "eulerian", 2): 0.15,  # channels beside each other are put apart first, in room for four frames a clip
    ("BTCHW", "advected", 4): 0.05,  # the same room, once
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("layout", "mode", "batch"), list(LIMITS))
def test_peak_memory(layout: str, mode: str, batch: int) -> None:
    program = PROGRAM.format(layout=layout, mode=mode, batch=batch)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert float(done.stdout) < LIMITS[layout, mode, batch]
