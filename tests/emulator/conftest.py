# conftest.py: builds the emulator's C++ check programs, plain and with sanitizers, once per session.
from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator_programs import MODES, ROOT, Run, compile_cpp


@pytest.fixture(scope="session")
def gxx() -> str:
    found = shutil.which("g++")
    if found is None:
        pytest.skip("g++ is not installed: the emulator cannot be compiled")
    return found


@pytest.fixture(scope="session")
def runtime(gxx: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The emulator's own object files, never instrumented."""
    folder = tmp_path_factory.mktemp("cuemu")
    objects = []
    for source in sorted((ROOT / "cuda/emulator").glob("cuemu_*.cpp")):
        objects.append(str(folder / f"{source.stem}.o"))
        compile_cpp(["-O2", "-c", str(source), "-o", objects[-1]])
    return objects


@pytest.fixture(scope="session")
def program(runtime: list[str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Run]:
    """program(name, mode) compiles tests/emulator/<name>.cpp and returns a function that runs it."""
    folder = tmp_path_factory.mktemp("programs")
    built: dict[tuple[str, str], Path] = {}

    def get(name: str, mode: str) -> Run:
        if (name, mode) not in built:
            path = folder / f"{name}-{mode}"
            compile_cpp([*MODES[mode], f"tests/emulator/{name}.cpp", *runtime, "-o", str(path)])
            built[name, mode] = path
        return lambda *arguments, **environment: run_program(built[name, mode], *arguments, **environment)

    return get


def run_program(path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a built program with CUEMU_* variables set by keyword (sched="lifo" sets CUEMU_SCHED)."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("CUEMU_")}
    variables |= {f"CUEMU_{key.upper()}": value for key, value in environment.items()}

    def run(prefix: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, str(path), *arguments],
            capture_output=True,
            text=True,
            env=variables,
            timeout=300,
            check=False,
        )

    result = run([])
    if "unexpected memory mapping" in result.stderr:  # ThreadSanitizer does not know this kernel's address layout
        result = run(["setarch", platform.machine(), "-R"])
    return result
