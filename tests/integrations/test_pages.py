"""docs/trainers: code that needs no trainer runs, other code parses and imports what is there; links lead somewhere."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

import trainer_pages as pages
from kinetrace.integrations._plugins import TRAINERS


@pytest.mark.parametrize("page", [page for page in pages.pages() if page not in pages.NEEDS and pages.blocks(page)])
def test_code_runs(page: str) -> None:
    names: dict[str, Any] = {}
    for code in pages.blocks(page):
        exec(code, names)


@pytest.mark.parametrize("page", sorted(pages.NEEDS))
def test_code_for_trainers_imports_what_is_there(page: str) -> None:
    assert pages.blocks(page)
    for code in pages.blocks(page):
        for module, name in pages.imported(code):
            found = importlib.import_module(module)
            assert name == "GroupGRPOTrainer" or hasattr(found, name)


def test_links_and_commands() -> None:
    for page in pages.pages():
        text = (pages.FOLDER / f"{page}.md").read_text(encoding="utf-8")
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        targets = [target for target in re.findall(r"\]\(([^)#]+)", prose) if "://" not in target]
        assert [target for target in targets if not (pages.FOLDER / target).exists()] == []
        for trainer in re.findall(r"plugin-path ([\w-]+)", text):
            assert trainer in TRAINERS
        for module in re.findall(r"kinetrace\.integrations\.(\w+)", text):
            if module != "verl_manager":
                importlib.import_module(f"kinetrace.integrations.{module}")
