"""Fuzzes the public kernels against their definitions.

    python scripts/fuzz.py --calls 2000 --seed 1                     every kernel, 2000 calls in all
    python scripts/fuzz.py --kernel chain_flow --seed 1 --only 137   one call again, shown in full

Exit status 1 when a call crashed, hung, raised an unclear error or gave a wrong answer.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "fuzz")]

import fuzz_runner  # noqa: E402


def main() -> int:
    """Parses the command line, runs, reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000, help="calls in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kernel", choices=list(fuzz_runner.KERNELS), action="append", help="default: all")
    parser.add_argument("--only", type=int, metavar="INDEX", help="one call, shown in full")
    parser.add_argument("--trace", type=Path, help="file that keeps the number of the call under way")
    args = parser.parse_args()
    names = args.kernel or fuzz_runner.kernels()
    if args.only is not None:
        call = fuzz_runner.make(names[0], args.seed, args.only)
        print(call, fuzz_runner.try_call(names[0], call) or "fine", sep="\n")
        return 0
    findings = 0
    with (args.trace or Path("/dev/null")).open("w") as trace:
        for name in names:
            begin, count = time.monotonic(), -(-args.calls // len(names))
            kinds: collections.Counter[str] = collections.Counter()
            for finding in fuzz_runner.fuzz(name, args.seed, range(count), trace):
                kind = finding.what.splitlines()[-1 if finding.what.startswith("Traceback") else 0][:40]
                kinds[kind] += 1
                if kinds[kind] <= 3 and sum(kinds.values()) <= 12:
                    again = f"--kernel {name} --seed {finding.seed} --only {finding.index}"
                    print(f"{again}: {finding.what}", flush=True)
            findings += sum(kinds.values())
            print(
                f"{name}: {count} calls, {sum(kinds.values())} findings, {time.monotonic() - begin:.0f} s", flush=True
            )
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
