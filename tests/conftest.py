"""Every kernel test runs on every back end and SIMD level that this machine has: the fixture `backend`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

import hypothesis
import pytest

from back_ends import Backend, backend_names

hypothesis.settings.register_profile("default", max_examples=30, deadline=None, derandomize=True)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("KT_TEST_PROFILE", "default"))


def _parameter(name: str) -> Any:
    return pytest.param(name, marks=[pytest.mark.cuda] if name == "cuda" else [])


@pytest.fixture(scope="session", params=[_parameter(name) for name in backend_names()])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every back end of "cpu-baseline", "cpu-avx2", "cpu-avx512", "cuda_emu" and "cuda" that is here."""
    if request.param == "not built":
        pytest.fail("kinetrace._testing cannot be imported: install the package (pip install .) first")
    return Backend(request.param)


def pytest_report_header() -> list[str]:
    """Versions, the SIMD level in use and the back ends under test."""
    versions = [f"{name} {_version(name)}" for name in ("kinetrace", "numpy", "torch", "hypothesis")]
    names = backend_names()
    levels = [name.removeprefix("cpu-") for name in names if name.startswith("cpu-")]
    return [
        f"kinetrace: Python {platform.python_version()}, {', '.join(versions)}",
        f"kinetrace: SIMD levels {', '.join(levels) or 'none'}; back ends {', '.join(names)}",
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
