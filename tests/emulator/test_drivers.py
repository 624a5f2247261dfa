"""The driver program of every CUDA kernel, as scripts/mutate_cuda.py and scripts/gpu_check run it, on the emulator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from emulator_programs import ROOT, compile_cpp

DRIVERS = sorted((ROOT / "tests/cuda_drivers").glob("*.cpp"))
KERNELS = {path.stem for path in (ROOT / "cuda/src").glob("*.cu")} - {"device_info"}


def test_every_kernel_has_a_driver() -> None:
    assert {driver.stem for driver in DRIVERS} == KERNELS


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda path: path.stem)
def test_driver_finds_the_kernel_right(driver: Path, tmp_path: Path) -> None:
    program = tmp_path / driver.stem
    runtime = [str(path) for path in sorted((ROOT / "cuda/emulator").glob("cuemu_*.cpp"))]
    compile_cpp(["-O1", "-Wno-unknown-pragmas", str(driver), *runtime, "-o", str(program)])
    for schedule in ("fifo", "random"):
        environment = os.environ | {"CUEMU_SCHED": schedule, "CUEMU_SEED": "1"}
        result = subprocess.run([str(program)], capture_output=True, text=True, env=environment, check=False)
        assert result.returncode == 0, f"{schedule}: {result.stdout}{result.stderr}"
