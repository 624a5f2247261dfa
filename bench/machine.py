"""Where a benchmark record was made: processor, SIMD level, versions. No host names, no paths."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import kinetrace
from kinetrace import _cpu


def processor() -> str:
    """Model name as the kernel reports it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe() -> dict[str, Any]:
    """Machine and versions of a measurement, as plain data for JSON."""
    versions = {}
    for package in ("numpy", "scipy", "torch", "numba", "opencv-python-headless", "pytest-benchmark"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "simd_level": _cpu.simd_level(),
        "best_simd_level": _cpu.best_simd_level(),
        "kinetrace": kinetrace.__version__,
        "compiler": _cpu.compiler,
        "python": sys.version.split()[0],
        "versions": versions,
    }
