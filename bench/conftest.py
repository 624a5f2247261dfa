"""Fixtures of the benchmarks: run a case, check every answer, print and keep its ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import machine
from measure import OURS, Case, Comparison, Contender, measure


@pytest.fixture
def quick(request: pytest.FixtureRequest) -> bool:
    """True under --benchmark-disable: cases shrink to a test of the answers."""
    return bool(request.config.getoption("benchmark_disable"))


@pytest.fixture
def compare(benchmark: Any, quick: bool, capsys: pytest.CaptureFixture[str]) -> Callable[..., Comparison]:
    """Runs a case: `compare(case, rounds=16)` measures all contenders interleaved, prints the table, puts the
    numbers into pytest-benchmark's extra_info (its own row is kinetrace's first contender), returns them."""

    def run(case: Case, rounds: int = 16) -> Comparison:
        comparison = measure(case, rounds=rounds, quick=quick)
        if not quick:
            with capsys.disabled():
                print("\n" + comparison.table())
        ours = next(name for name in case.contenders if name.startswith(OURS))
        contender = case.contenders[ours]
        target = contender.run if isinstance(contender, Contender) else contender
        inputs = case.inputs(0)
        benchmark.extra_info.update(comparison.record(), **machine.describe())
        answer = benchmark.pedantic(target, args=(inputs,), rounds=rounds, warmup_rounds=2)  # once if disabled
        case.check(ours, inputs, answer)
        return comparison

    return run


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Leaves the machine's name out of the records."""
    machine_info.pop("node", None)
    machine_info["kinetrace"] = machine.describe()
