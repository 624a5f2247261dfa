"""What Python tools expect of every public name, and that the parts of the package agree with each other."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_same_bits
from kinetrace import _cpu

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {name: getattr(kt, name) for name in kt.__all__ if name != "__version__"}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_pickle_and_have_docstrings(name: str) -> None:
    value = PUBLIC[name]
    assert pickle.loads(pickle.dumps(value)) is value
    assert inspect.getdoc(value), f"{name} has no docstring"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_complete_signatures(name: str) -> None:
    signature = inspect.signature(FUNCTIONS[name])
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
        documented = re.search(rf"\b{parameter.name}\b", inspect.getdoc(FUNCTIONS[name]) or "")
        assert documented, f"{name}: the docstring does not mention {parameter.name}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_are_keyword_only(name: str) -> None:
    for parameter in inspect.signature(FUNCTIONS[name]).parameters.values():
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            assert parameter.default in (inspect.Parameter.empty, None), parameter.name


def test_results_pickle() -> None:
    result = kt.fit_kinematics(np.random.default_rng(0).normal(size=(3, 7, 2)))
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is kt.KinematicFit
    assert_same_bits(again, result)


def test_one_version() -> None:
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    cmake = re.search(r"^project\(kinetrace VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert project
    assert cmake
    assert {project[1], cmake[1], _cpu.version} == {kt.__version__}


def test_status_numbers_are_those_of_the_native_layer() -> None:
    assert {status.name: status.value for status in kt.Status} == _cpu.statuses()


def test_all_is_sorted_and_complete() -> None:
    own: dict[str, Any] = {
        name: value
        for name, value in vars(kt).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("kinetrace")
    }
    assert sorted(own) == sorted(PUBLIC)
