"""What the documentation says is run: the README's code and every example in a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetrace as kt

ROOT = Path(__file__).resolve().parents[2]
MODULES = ["kinetrace"] + [
    module.name
    for module in pkgutil.walk_packages(kt.__path__, "kinetrace.")
    if not re.search(r"\._c(pu|uda)|__main__|_testing_cuda|verl_manager", module.name)  # those need more than is here
]
FUNCTIONS = [name for name in kt.__all__ if inspect.isfunction(getattr(kt, name))]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_have_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(getattr(kt, name)) or "")


def test_the_first_lines_of_the_readme() -> None:
    motion, reward = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in motion.splitlines() if line.strip()]) <= 10
    names: dict[str, Any] = {}
    exec(motion, names)
    fit = names["fit"]
    np.testing.assert_allclose(fit.coefficients[0, 2], [0, 90], atol=1e-9)
    np.testing.assert_allclose(fit.residual_rms, [0, 20], atol=0.05)
    assert fit.status.tolist() == [0, 0]
    construction, call = reward.split("\n", 1)
    exec(construction, names)
    expression, promised = call.rsplit("#", 1)
    assert [round(value, 2) for value in eval(expression, names)] == eval(promised)


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
