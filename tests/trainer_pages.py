"""The Python blocks of docs/trainers, for the tests that run them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "trainers"
#: Pages whose code needs its trainer, and the packages it imports.
NEEDS = {"trl": "trl", "swift": "swift", "ray": "ray"}


def pages() -> list[str]:
    """Names of all pages."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def blocks(page: str) -> list[str]:
    """Python blocks of a page, in order."""
    return re.findall(r"```python\n(.*?)```", (FOLDER / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)


def imported(code: str) -> list[tuple[str, str]]:
    """(module, name) of every import from kinetrace."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    return [(n.module or "", a.name) for n in nodes for a in n.names if (n.module or "").startswith("kinetrace")]
