"""Runs a small program in a fresh interpreter: what a test must not do to the process that pytest runs in."""

from __future__ import annotations

import os
import subprocess
import sys

#: Makes the calls whose bits the tests compare; 3000 tracks are enough chunks for every thread of the pool.
CALLS = """
import hashlib
import numpy as np
import kinetrace as kt

def inputs():
    x = np.random.default_rng(0).normal(size=(3000, 33, 2)).astype(np.float32)
    x[:7] *= np.float32(1e-40)  # denormals
    return x

def digest(num_threads=None, x=None):
    x = inputs() if x is None else x
    fit = kt.fit_kinematics(x, robust="huber", robust_iterations=2, num_threads=num_threads)
    return hashlib.sha256(b"".join(np.ascontiguousarray(y).tobytes() for y in fit)).hexdigest()
"""


def run(
    program: str, *, timeout: float = 120.0, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `program` (after CALLS) with extra environment variables; a hang fails after `timeout` seconds."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", CALLS + program],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=check,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
    )


def output(program: str, **environment: str) -> str:
    """What `program` prints; fails with its error output when it fails."""
    done = run(program, check=False, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
