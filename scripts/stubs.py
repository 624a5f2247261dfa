"""Writes the stubs of the extension modules from the built modules, or checks that the committed ones are right.

    python scripts/stubs.py            write python/kinetrace/_cpu.pyi and _cuda.pyi
    python scripts/stubs.py --check    exit 1 and show the difference when they are out of date

The installed (or PYTHONPATH) kinetrace is what is read; _cuda.pyi comes from _cuda, or from _cuda_emu, which has the
same bindings and needs no nvcc. Values such as the compiler's name depend on the build and are left out.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "kinetrace"
SOURCES = {"_cpu": ["_cpu"], "_cuda": ["_cuda", "_cuda_emu"]}


def generate(module: str) -> str:
    """Stub text of an extension module, without anything that depends on the build."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pybind11_stubgen", f"kinetrace.{module}", "-o", folder]
        subprocess.run(command, check=True, capture_output=True, text=True)
        text = (Path(folder) / "kinetrace" / f"{module}.pyi").read_text()
    text = re.sub(r'\A"""\n?(.*?)\n?"""\n', "", text, flags=re.DOTALL)
    text = re.sub(r"^__all__.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(\w+: \w+) = .*$", r"\1", text, flags=re.MULTILINE)
    text = text.replace(":\n    ...", ": ...").replace("typing.", "").replace("import typing", "from typing import Any")
    text = re.sub(r"-> tuple:", "-> tuple[Any, ...]:", text)
    return re.sub(r"-> dict:", "-> dict[str, Any]:", text)


def formatted(text: str) -> str:
    """The text as ruff formats it, under a first line that says what it is."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(PACKAGE / "_stub.pyi"), "-"]
    body = "# Written by scripts/stubs.py from the extension module; do not edit.\n" + text
    return subprocess.run(command, input=body, check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Writes or checks; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    status = 0
    for stub, modules in SOURCES.items():
        source = next((m for m in modules if importlib.util.find_spec(f"kinetrace.{m}")), None)
        if source is None:
            print(f"{stub}.pyi: not looked at, none of {', '.join(modules)} was built")
            continue
        path, text = PACKAGE / f"{stub}.pyi", formatted(generate(source))
        if not check:
            path.write_text(text)
            continue
        old = path.read_text() if path.exists() else ""
        difference = list(difflib.unified_diff(old.splitlines(), text.splitlines(), f"{stub}.pyi", source, lineterm=""))
        print("\n".join(difference) or f"{stub}.pyi: up to date with {source}")
        status |= bool(difference)
    return status


if __name__ == "__main__":
    sys.exit(main())
