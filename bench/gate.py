"""The perf gate: ratios within one process against budgets.toml, or one build of kinetrace against another.

    python bench/gate.py                          # every budget; exit 1 if one is violated
    python bench/gate.py --kernel fit_kinematics --rounds 32 --json record.json
    python bench/gate.py --base DIR --head DIR    # DIRs with a kinetrace package; exit 1 if head is slower

With --base and --head the same harness drives both builds, each in a process of its own, in rounds of
alternating order on the same inputs; only kinetrace's own contenders run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def module_of(kernel: str) -> ModuleType:
    return importlib.import_module(f"test_bench_{kernel}")


def check_budgets(kernels: list[str], rounds: int, simd: str | None) -> tuple[bool, list[dict[str, Any]]]:
    """Measures every case that has a budget and prints the table; whether all hold, and the records."""
    from judge import check_budget, read_budgets
    from kinetrace import _cpu
    from measure import measure

    if simd:
        _cpu.set_simd_level(simd)
    with open(HERE / "budgets.toml", "rb") as file:
        budgets = [b for b in read_budgets(tomllib.load(file)) if not kernels or b.kernel in kernels]
    if not budgets:
        raise SystemExit(f"--kernel: expected kernels of budgets.toml, got {', '.join(kernels)}")
    lines, records = [], []
    cases = {(b.kernel, b.case): module_of(b.kernel).CASES[b.case](False) for b in budgets}
    for (kernel, name), case in sorted(cases.items(), key=lambda item: item[1].keep_memory):
        comparison = measure(case, rounds=rounds)
        print(comparison.table(), end="\n\n", flush=True)
        found = [check_budget(b, comparison) for b in budgets if (b.kernel, b.case) == (kernel, name)]
        lines += found
        budget_records = [
            {"slow": x.slow, "fast": x.fast, "ratio": vars(x.ratio), "floor": x.budget.floor} for x in found
        ]
        records.append({**comparison.record(), "budgets": budget_records})
    print(f"SIMD level {_cpu.simd_level()}")
    for line in lines:
        print(line)
    return not any(line.failed for line in lines), records


class Build:
    """One build of kinetrace in a process of its own, which runs one contender at a time when told."""

    def __init__(self, package_dir: str, kernel: str) -> None:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([package_dir, str(HERE)])}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "gate.py"), "--serve", kernel],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, **request: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = self._process.stdout.readline()
        if not reply:
            raise RuntimeError(f"the process of a build ended with {self._process.wait()} during {request}")
        return json.loads(reply)

    def __enter__(self) -> Build:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # closes its input, upon which it ends


def serve(kernel: str) -> None:
    """The other end of Build: {"case", "seed"} runs all kinetrace contenders and returns their seconds."""
    from measure import OURS, measure

    replies, sys.stdout = sys.stdout, sys.stderr
    cases = module_of(kernel).CASES
    for line in sys.stdin:
        request = json.loads(line)
        if "case" in request:
            case = cases[request["case"]](request["quick"])
            inputs = case.inputs(request["seed"])
            ours = {n: c for n, c in case.contenders.items() if n.startswith(OURS)}
            alone = replace(case, contenders=ours, bytes_read=0, inputs=lambda _, made=inputs: made)
            # Twice, in both orders; the faster counts.
            reply = {n: min(s) for n, s in measure(alone, rounds=2).seconds.items()}
        elif "memory" in request:
            reply = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
        else:
            reply = {"cases": list(cases)}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def compare_builds(base: str, head: str, kernels: list[str], rounds: int, quick: bool = False) -> bool:
    """Runs both builds in alternating order and prints a verdict per contender; whether none failed."""
    from judge import judge

    good = True
    for kernel in kernels:
        seconds: dict[str, dict[str, list[float]]] = {}
        with Build(base, kernel) as base_build, Build(head, kernel) as head_build:
            builds = {"base": base_build, "head": head_build}
            for name in head_build.ask()["cases"]:
                for i in range(rounds):
                    for arm in ("base", "head") if i % 2 else ("head", "base"):
                        for contender, s in builds[arm].ask(case=name, seed=i, quick=quick).items():
                            key = f"{kernel}/{name}: {contender}"
                            seconds.setdefault(key, {"base": [], "head": []})[arm].append(s)
            peak = {arm: build.ask(memory=True)["peak"] for arm, build in builds.items()}
        for name, both in seconds.items():
            verdict = judge(name, both["base"], both["head"], peak["base"], peak["head"])
            print(verdict, flush=True)
            good &= not verdict.failed
    return good


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Perf gate of kinetrace.", epilog="See bench/README.md.")
    parser.add_argument("--kernel", action="append", default=[], help="only this kernel (repeatable)")
    parser.add_argument("--rounds", type=int, default=16, help="rounds per case, an even number")
    parser.add_argument("--simd", help="baseline, avx2 or avx512; default: the best")
    parser.add_argument("--json", help="write the record there")
    parser.add_argument("--base", help="folder that holds the kinetrace package to compare with")
    parser.add_argument("--head", help="folder that holds the kinetrace package to judge")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.serve)
        return 0
    if bool(options.base) != bool(options.head):
        parser.error("--base and --head: expected both or neither")
    if options.base:
        every = sorted(p.stem.removeprefix("test_bench_") for p in HERE.glob("test_bench_*.py"))
        return 0 if compare_builds(options.base, options.head, options.kernel or every, options.rounds) else 1
    good, records = check_budgets(options.kernel, options.rounds, options.simd)
    if options.json:
        import machine

        Path(options.json).write_text(json.dumps({"machine": machine.describe(), "cases": records}, indent=1))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
