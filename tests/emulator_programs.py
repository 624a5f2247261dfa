"""How the emulator's C++ check programs are compiled: folders, flags, schedules."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDES = [
    f"-I{ROOT / folder}"
    for folder in ("cpp/include", "cuda/emulator", "cuda/src", "tests/cuda_drivers", "tests/emulator")
]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
MODES = {
    # the widest vector instructions of the machine: they fault where a fiber's stack is not aligned
    "plain": ["-O3", "-march=native"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
}
SCHEDULES = ("fifo", "lifo", "random")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def compile_cpp(arguments: list[str]) -> None:
    command = [
        "g++",
        "-std=c++17",
        "-DKT_CUEMU",
        "-ffp-contract=off",
        "-pthread",
        *WARNINGS,
        *INCLUDES,
        *arguments,
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"
    assert result.stderr == "", result.stderr
