"""`import kinetrace` is fast, quiet, and touches neither torch nor CUDA."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

TIMED = "import time, numpy; t = time.perf_counter(); import kinetrace; print(time.perf_counter() - t)"
STATE = """
import numpy, sys
import kinetrace
heavy = ("torch", "cupy", "scipy", "numba", "cv2", "av", "matplotlib")
print([name for name in heavy if name in sys.modules])
print([name for name in sys.modules if name.startswith("kinetrace._cuda")])
print([line.split()[-1] for line in open("/proc/self/maps") if "libcuda" in line or "libnvidia" in line])
print(sum(1 for _ in __import__("os").scandir("/proc/self/task")))
"""


def _run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *options, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_import_takes_less_than_150_ms() -> None:
    seconds = [float(_run(TIMED).stdout) for _ in range(7)]
    assert statistics.median(seconds) < 0.150, seconds


def test_import_is_quiet() -> None:
    done = _run("import kinetrace")
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_import_loads_no_optional_library_no_cuda_and_starts_no_thread() -> None:
    alone = int(_run("import os, numpy; print(len(os.listdir('/proc/self/task')))").stdout)
    assert _run(STATE).stdout.splitlines() == ["[]", "[]", "[]", str(alone)]


def test_numpy_calls_import_no_torch() -> None:
    program = (
        "import sys, numpy, kinetrace; kinetrace.fit_kinematics(numpy.zeros((1, 4, 2)));"
        "from kinetrace.info import build_info; build_info(); print('torch' in sys.modules)"
    )
    assert _run(program).stdout.strip() == "False"
