"""plug-in files: where they lie, what they import; integrations import no trainer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kinetrace as kt
from kinetrace.integrations import NAMES
from kinetrace.integrations._plugins import TRAINERS, plugin_path

TRAINER_PACKAGES = ("trl", "verl", "swift", "openrlhf", "ray", "torch", "flow_factory", "videox_fun", "transformers")


def python(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments] if program else [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def test_the_command_prints_a_file_of_the_installed_package() -> None:
    for trainer in ("easyr1", "ms-swift", "openrlhf", "verl", "verl-omni"):
        path = Path(python("", "-m", "kinetrace", "plugin-path", trainer).rstrip("\n"))
        assert path.is_file()
        assert path.is_relative_to(Path(kt.__file__).parent)


def test_folders_hold_nothing_that_hides_a_package() -> None:
    paths = {plugin_path(trainer) for trainer in TRAINERS}
    assert len({path.stem for path in paths}) == len(paths) == 5
    for path in paths:
        assert [file.name for file in path.parent.glob("*.py")] == [path.name]
        assert path.stem not in (*TRAINER_PACKAGES, "kinetrace")


def test_an_unknown_trainer() -> None:
    with pytest.raises(ValueError, match=r"^trainer: expected one of easyr1"):
        plugin_path("nobody")
    failed = subprocess.run(
        [sys.executable, "-m", "kinetrace", "plugin-path", "nobody"], capture_output=True, check=False
    )
    assert failed.returncode == 2


def test_importing_them_imports_no_trainer() -> None:
    program = (
        "import sys, kinetrace as kt; before = set(sys.modules); kt.integrations;"
        f"[getattr(kt.integrations, name) for name in {NAMES!r}];"
        f"print([name for name in {TRAINER_PACKAGES!r} if name in sys.modules])"
    )
    assert python(program).strip() == "[]"


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nobody'"):
        kt.integrations.nobody  # noqa: B018
    for module in ("trl", "verl", "flow_factory"):
        with pytest.raises(AttributeError, match="no attribute 'nobody'"):
            getattr(kt.integrations, module).nobody  # noqa: B018
