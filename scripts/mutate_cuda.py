#!/usr/bin/env python3
"""Break every barrier, mask and marked line of the CUDA kernels, one at a time, and see what notices.

Each mutation is made in a copy of the tree; the driver program of its kernel is built for the emulator, plain
and with sanitizers, and run under several schedules. A mutation that every run passes has survived: a test is
missing, or the code is not needed. See docs/cuda-emulator.md for the marks that sources may carry.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from mutations import Mutation, UsageError, find_mutations

BUILDS = {
    "plain": ["-O2"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
    "asan": ["-O1", "-g", "-fsanitize=address"],
}
PASSES, NOT_RUN = "-", ""


@dataclass
class Outcome:
    """What every run said about one mutation."""

    mutation: Mutation
    runs: dict[str, str] = field(default_factory=dict)

    @property
    def killers(self) -> list[str]:
        return [run for run, result in self.runs.items() if result != PASSES]

    @property
    def bad(self) -> bool:
        """A survivor, or a mutation that the source wrongly calls equivalent."""
        return bool(self.killers) == bool(self.mutation.equivalent)

    @property
    def verdict(self) -> str:
        if self.mutation.equivalent:
            prefix = "MARKED EQUIVALENT, BUT KILLED by " + ", ".join(self.killers) if self.killers else "equivalent"
            return f"{prefix}: {self.mutation.equivalent}"
        return "killed by " + ", ".join(self.killers) if self.killers else "SURVIVES"


class Workbench:
    """Copies, mutates, builds and runs; one instance for a whole run."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.options, self.scratch, self.root = options, scratch, options.root.resolve()
        self.runtime: list[str] = []
        for source in sorted((self.root / "cuda/emulator").glob("cuemu_*.cpp")):
            target = scratch / f"{source.stem}.o"
            command = [options.cxx, "-std=c++17", "-O2", "-c", str(source), "-o", str(target)]
            subprocess.run(command, check=True)
            self.runtime.append(str(target))

    def drivers_for(self, path: Path) -> list[Path]:
        """The drivers of the kernel that the file or its folder is named after; all for a file of no kernel."""
        drivers: list[Path] = self.options.drivers
        own = [d for d in drivers if d.stem == path.parent.name or f"{path.stem}_".startswith(f"{d.stem}_")]
        return own or drivers

    def build(self, tree: Path, driver: Path, mode: str, target: Path) -> str:
        folders = ["cuda/emulator", "cuda/src", "cpp/include", "tests/cuda_drivers", str(driver.parent)]
        flags = ["-std=c++17", "-DKT_CUEMU", "-ffp-contract=off", "-pthread", "-w", *BUILDS[mode]]
        flags += [*self.options.cxxflags.split(), *(f"-I{tree / folder}" for folder in folders)]
        command = [self.options.cxx, *flags, str(tree / driver), *self.runtime, "-o", str(target)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.stderr if result.returncode else ""

    def run(self, program: Path, environment: dict[str, str]) -> str:
        """PASSES, or in a few words how the run went wrong."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CUEMU_")}
        strict = {"CUEMU_STRICT": "1"} if self.options.strict else {}
        variables = clean | {"TSAN_OPTIONS": "halt_on_error=1"} | strict | environment

        def attempt(prefix: list[str]) -> subprocess.CompletedProcess[str]:
            return subprocess.run([*prefix, str(program)], capture_output=True, text=True, errors="replace",
                                  env=variables, timeout=self.options.timeout, check=False)  # fmt: skip

        try:
            result = attempt([])
            if "unexpected memory mapping" in result.stderr:  # ThreadSanitizer and a wide address randomisation
                result = attempt(["setarch", platform.machine(), "-R"])
        except subprocess.TimeoutExpired:
            return "time limit"
        if result.returncode == 0:
            return PASSES
        return classify(result.returncode, result.stderr)

    def judge(self, mutation: Mutation | None, name: str) -> dict[str, str]:
        """Every run's result for the tree with `mutation` (None: unchanged)."""
        tree = self.scratch / name
        for folder in self.options.tree:
            if (self.root / folder).is_dir():
                shutil.copytree(self.root / folder, tree / folder)
        if mutation:
            path = tree / mutation.path
            text = path.read_text()
            path.write_text(text[: mutation.start] + mutation.replacement + text[mutation.end :])
        drivers = self.drivers_for(mutation.path) if mutation else self.options.drivers
        results: dict[str, str] = {}
        for driver in drivers:
            for mode in self.options.builds:
                program = tree / f"{driver.stem}-{mode}"
                problem = self.build(tree, driver, mode, program)
                if problem and not mutation:
                    raise UsageError(f"{driver} does not build\n{problem}")
                for run, environment in self.runs_of(mode).items():
                    result = "does not compile" if problem else self.run(program, environment)
                    if results.get(run, PASSES) == PASSES:
                        results[run] = result
                if self.options.first and mutation and any(result != PASSES for result in results.values()):
                    break
        shutil.rmtree(tree)
        return results

    def runs_of(self, mode: str) -> dict[str, dict[str, str]]:
        """The environments to run one build in, by the name of the table's column."""
        if mode != "plain":
            return {{"tsan": "TSan", "asan": "ASan"}[mode]: {"CUEMU_SCHED": "fifo"}}
        runs = {"FIFO": {"CUEMU_SCHED": "fifo"}, "LIFO": {"CUEMU_SCHED": "lifo"}}
        for seed in self.options.seeds:
            runs[f"random {seed}"] = {"CUEMU_SCHED": "random", "CUEMU_SEED": str(seed)}
        return runs


def classify(code: int, errors: str) -> str:
    """What stopped a run that did not exit with 0."""
    for sanitizer in ("ThreadSanitizer", "AddressSanitizer"):
        found = re.search(rf"{sanitizer}: ([\w-]+(?: race)?)", errors)
        if found:
            return found[1]
    found = re.search(r"^cuemu: (.*)$", errors, re.MULTILINE)
    if found:
        cause = re.sub(r"^thread \d+ \(.*?\)", "a thread", found[1])
        return "stopped: " + re.split(r" 0x| of __| at |:", cause)[0]
    if code < 0:
        return f"signal {-code}"
    return "wrong values" if code == 1 else f"exit code {code}"


def table(outcomes: list[Outcome], columns: list[str]) -> str:
    """The Markdown table, and under it what the words in it mean."""
    head = ["where", "mutation", *columns, "verdict"]
    rows = []
    for outcome in outcomes:
        m = outcome.mutation
        what = m.what.replace("|", "\\|")
        rows.append([f"{m.path}:{m.line}", what, *(outcome.runs.get(c, NOT_RUN) for c in columns), outcome.verdict])
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    bad = sum(outcome.bad for outcome in outcomes)
    lines += [
        "",
        f"{len(outcomes)} mutations, {sum(bool(o.killers) for o in outcomes)} killed, "
        f"{sum(not o.killers and not o.bad for o in outcomes)} survive and are marked as equivalent with a "
        f"reason, {bad} need attention.",
        f'"{PASSES}" means that the run passed, an empty cell that it was not made. The columns are the emulator\'s '
        "schedules, then the driver built with ThreadSanitizer and with AddressSanitizer.",
    ]
    return "\n".join(lines) + "\n"


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, help="files to mutate, relative to the root "
                        "(default: cuda/src/*.cu* and all headers of cpp/include)")  # fmt: skip
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--drivers", nargs="*", type=Path, help="driver programs, relative to the root "
                        "(default: tests/cuda_drivers/*.cpp); a source whose stem, or folder's name, is the "
                        "stem of one of them is tested with that one alone")  # fmt: skip
    parser.add_argument("--tree", nargs="*", default=["cuda", "cpp/include", "tests/cuda_drivers"],
                        help="folders to copy for each mutation")  # fmt: skip
    parser.add_argument("--builds", nargs="*", choices=list(BUILDS), default=list(BUILDS))
    parser.add_argument("--first", action="store_true", help="try no further build once one has killed a mutation")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1], help="one random schedule each")
    parser.add_argument("--strict", action="store_true", help="run with CUEMU_STRICT=1")
    parser.add_argument("--only", default="", help="regular expression on `file:line mutation`")
    parser.add_argument("--cxx", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--cxxflags", default="", help="added to every build of a driver")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one run of a driver")
    parser.add_argument("--jobs", type=int, default=1, help="mutations worked on at once")
    parser.add_argument("--output", type=Path, help="write the table there, not to standard output")
    parser.add_argument("--list", action="store_true", help="print the mutations and stop")
    options = parser.parse_args(arguments)
    root: Path = options.root
    if not options.sources:
        options.sources = [p.relative_to(root) for p in sorted((root / "cuda/src").glob("*.cu*"))]
        options.sources += [p.relative_to(root) for p in sorted((root / "cpp/include").rglob("*.[ch]*"))]
    if options.drivers is None:
        options.drivers = [p.relative_to(root) for p in sorted((root / "tests/cuda_drivers").glob("*.cpp"))]
    return options


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 when every mutation is killed or rightly marked, 1 when not, 2 when none could be tried."""
    options = parse_options(arguments)
    try:
        found = [m for path in options.sources for m in find_mutations(path, (options.root / path).read_text())]
        found = [m for m in found if re.search(options.only, f"{m.path}:{m.line} {m.what}")]
        if options.list:
            print("".join(f"{m.path}:{m.line} {m.what} {m.equivalent}".rstrip() + "\n" for m in found), end="")
            return 0
        if not found or not options.drivers:
            raise UsageError(f"{len(found)} mutations and {len(options.drivers)} drivers: nothing to do")
        with tempfile.TemporaryDirectory(prefix="mutate_cuda_") as scratch:
            bench = Workbench(options, Path(scratch))
            unchanged = bench.judge(None, "unchanged")
            if set(unchanged.values()) != {PASSES}:
                raise UsageError(f"the unchanged sources do not pass: {unchanged}")
            outcomes = []
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
                results = pool.map(bench.judge, found, [f"mutation{i}" for i in range(len(found))])
                for mutation, runs in zip(found, results, strict=True):
                    outcomes.append(Outcome(mutation, runs))
                    progress = f"[{len(outcomes)}/{len(found)}] {mutation.path}:{mutation.line} {mutation.what}"
                    print(f"{progress}: {outcomes[-1].verdict}", file=sys.stderr, flush=True)
    except UsageError as error:
        print(f"mutate_cuda: {error}", file=sys.stderr)
        return 2
    text = table(outcomes, list(unchanged))
    if options.output:
        options.output.write_text(text)
    else:
        print(text, end="")
    return 1 if any(outcome.bad for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
