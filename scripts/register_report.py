"""Compiles every CUDA kernel for every architecture and lists registers, shared memory and spills.

    python scripts/register_report.py --output docs/cuda-registers.md --jobs 2

Exit status 1 when a kernel spills registers or keeps a stack frame for them; needs nvcc, no GPU.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ("80", "90", "100")
FLAGS = ("-std=c++17", "-O3", "--fmad=false", "-Xptxas=-v", "-DKT_BACKEND=cuda")
ENTRY = re.compile(r"Compiling entry function '(?P<name>\w+)'")
SPILLS = re.compile(r"(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads")
USED = re.compile(r"Used (?P<registers>\d+) registers")


class Kernel(NamedTuple):
    """What ptxas says of one kernel on one architecture."""

    source: str
    name: str
    architecture: str
    registers: int
    spilled_bytes: int


def demangle(names: list[str]) -> list[str]:
    """Readable names, without the arguments and the anonymous namespace."""
    if not names:
        return []
    text = subprocess.run(["c++filt", *names], capture_output=True, text=True, check=True).stdout
    readable = []
    for line in text.splitlines():
        short = re.sub(r"\(anonymous namespace\)::|\b_GLOBAL__N__\w+::|kinetrace::cuda::|kinetrace::|^void ", "", line)
        readable.append(short.partition("(")[0] if not short.startswith("(") else short)
    return readable


def compile_one(nvcc: str, source: Path, architecture: str, scratch: Path) -> list[Kernel]:
    """Compiles one file for one architecture and reads ptxas' report."""
    includes = [f"-I{ROOT / folder}" for folder in ("cpp/include", "cuda/src")]
    target = scratch / f"{source.stem}.{architecture}.o"
    command = [nvcc, *FLAGS, f"-arch=sm_{architecture}", *includes, "-c", str(source), "-o", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stderr)
    kernels: list[Kernel] = []
    name, spilled = "", 0
    for line in result.stderr.splitlines():
        if entry := ENTRY.search(line):
            name, spilled = entry["name"], 0
        elif spills := SPILLS.search(line):
            spilled = int(spills["stores"]) + int(spills["loads"])
        elif (used := USED.search(line)) and name:
            kernels.append(Kernel(source.stem, name, architecture, int(used["registers"]), spilled))
            name = ""
    readable = demangle([kernel.name for kernel in kernels])
    return [kernel._replace(name=short) for kernel, short in zip(kernels, readable, strict=True)]


def table(kernels: list[Kernel]) -> str:
    """Markdown: one row per kernel, registers per architecture, spills if there are any."""
    rows: dict[tuple[str, str], dict[str, Kernel]] = {}
    for kernel in kernels:
        rows.setdefault((kernel.source, kernel.name), {})[kernel.architecture] = kernel
    spilling = sum(kernel.spilled_bytes > 0 for kernel in kernels)
    lines = [
        "# Registers of the CUDA kernels",
        "",
        "Made by `python scripts/register_report.py --output docs/cuda-registers.md` from ptxas' own report, for compute",
        "capability 8.0, 9.0 and 10.0. The kernels have not yet been run on a GPU.",
        "",
        f"{len(rows)} kernels on {len(ARCHITECTURES)} architectures, {spilling} of them spill.",
        "",
        "| file | kernel | " + " | ".join(f"sm_{a}" for a in ARCHITECTURES) + " | spilled bytes |",
        "| --- | --- | " + " | ".join("---:" for _ in ARCHITECTURES) + " | ---: |",
    ]
    for (source, name), by_architecture in sorted(rows.items()):
        cells = [str(by_architecture[a].registers) if a in by_architecture else "" for a in ARCHITECTURES]
        spilled = max(kernel.spilled_bytes for kernel in by_architecture.values())
        lines.append(f"| {source} | `{name}` | " + " | ".join(cells) + f" | {spilled} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the report; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="file to write; default: standard output")
    parser.add_argument("--jobs", type=int, default=1, help="compilers at a time")
    options = parser.parse_args()
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        print("register_report: nvcc is not on PATH", file=sys.stderr)
        return 2
    work = [(source, arch) for source in sorted((ROOT / "cuda/src").glob("*.cu")) for arch in ARCHITECTURES]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda job: compile_one(nvcc, *job, Path(scratch)), work)
        kernels = [kernel for some in found for kernel in some]
    text = table(kernels)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return int(any(kernel.spilled_bytes for kernel in kernels))


if __name__ == "__main__":
    sys.exit(main())
