"""A short run of the fuzzer on every kernel, and proof that it sees what it should see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fuzz_runner
import kinetrace


@pytest.mark.parametrize("kernel", list(fuzz_runner.KERNELS))
def test_a_thousand_calls(kernel: str) -> None:
    findings = list(fuzz_runner.fuzz(kernel, 1, range(1000)))
    assert not findings, "\n".join(map(str, findings[:5]))


def test_every_public_kernel_is_fuzzed() -> None:
    assert sorted(fuzz_runner.kernels()) == sorted(fuzz_runner.KERNELS)


@pytest.mark.parametrize("fault", ["value", "status", "exception", "message", "input", "accepts"])
def test_the_fuzzer_sees_faults(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    real = kinetrace.fit_kinematics

    def faulty(positions: Any, **options: Any) -> Any:
        if fault == "accepts":
            try:
                return real(positions, **options)
            except (TypeError, ValueError):
                return real(np.zeros((1, 3, 1)))
        if fault == "exception":
            raise RuntimeError("broken")
        if fault == "message":
            raise ValueError("something is wrong")
        if fault == "input" and isinstance(positions, np.ndarray) and positions.size and positions.flags.writeable:
            positions[...] += 1
        fit = real(positions, **options)
        if fault == "status":
            return fit._replace(status=fit.status * 0)
        if fault == "value":
            return fit._replace(coefficients=fit.coefficients * (1 + 1e-3))
        return fit

    monkeypatch.setattr(kinetrace, "fit_kinematics", faulty)
    assert next(fuzz_runner.fuzz("fit_kinematics", 1, range(300)), None) is not None
