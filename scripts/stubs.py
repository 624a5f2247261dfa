"""Writes the stubs of the extension modules from the built modules, or checks that the committed ones are right.

    python scripts/stubs.py            write python/kinetrace/_cpu.pyi and _cuda.pyi
    python scripts/stubs.py --check    exit 1 and show the difference when they are out of date

The installed (or PYTHONPATH) kinetrace is what is read; _cuda.pyi comes from _cuda, or from _cuda_emu, which has the
same bindings and needs no nvcc. Array arguments are untyped there: the typed, documented API is the Python layer.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "kinetrace"
SOURCES = {"_cpu": ["_cpu"], "_cuda": ["_cuda", "_cuda_emu"]}
HEAD = "# Written by scripts/stubs.py from the extension module; do not edit.\nfrom typing import Any\n\n"
#: What a result is where the signature that pybind11 writes says less than mypy wants; all else is Any.
RESULTS = {"tuple": "tuple[Any, ...]", "dict": "dict[str, Any]"}
PLAIN = ("None", "bool", "float", "int", "str")


def generate(module: ModuleType) -> str:
    """Stub text: functions from the first line of their docstrings, then the types of plain attributes."""
    functions, attributes = [], []
    for name, value in sorted(vars(module).items()):
        if name.startswith("__"):
            continue
        if callable(value):
            functions.append(signature(name, str(value.__doc__).splitlines()[0]))
        else:
            attributes.append(f"{name}: {type(value).__name__}")
    return HEAD + "\n".join(functions) + "\n\n" + "\n".join(attributes) + "\n"


def signature(name: str, line: str) -> str:
    """`def` line of a pybind11 signature such as "f(x: object, n: SupportsInt = 1) -> tuple"."""
    found = re.fullmatch(rf"{name}\((.*)\)(?: -> (.+?))?", line)
    if not found:
        raise ValueError(f"{name}: expected a signature in the docstring, got {line!r}")
    arguments = []
    for argument in re.split(r", (?=\w+: |\w+$)", found[1]) if found[1] else []:
        parts = re.fullmatch(r"(\w+)(?:: (.*?))?( = .*)?", argument)
        if not parts:
            raise ValueError(f"{name}: expected `argument: type`, got {argument!r}")
        kind = parts[2] if parts[2] in PLAIN else "Any"
        arguments.append(f"{parts[1]}: {kind}" + (" = ..." if parts[3] else ""))
    result = found[2] or "Any"
    return f"def {name}({', '.join(arguments)}) -> {result if result in PLAIN else RESULTS.get(result, 'Any')}: ..."


def formatted(text: str) -> str:
    """The text as ruff formats it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(PACKAGE / "_stub.pyi"), "-"]
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


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
        path, text = PACKAGE / f"{stub}.pyi", formatted(generate(importlib.import_module(f"kinetrace.{source}")))
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
