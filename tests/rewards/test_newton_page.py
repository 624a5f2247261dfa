"""docs/newton-rewards.md: its code runs and prints what the page says, and its table is the example's format."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "newton-rewards.md").read_text(encoding="utf-8")


def test_what_it_prints() -> None:
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```\n", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("```python") == 3
    space: dict[str, Any] = {}
    for code, shown in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, space)
        assert out.getvalue() == shown


def test_what_needs_weights_is_spelled_as_the_classes_are() -> None:
    import kinetrace as kt

    blocks = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for call in (node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if name.startswith("kt.rewards."):
            accepted = getattr(kt.rewards, name.removeprefix("kt.rewards.")).__init__.__annotations__
            assert {keyword.arg for keyword in call.keywords} <= set(accepted)


def test_the_table_claims_what_the_example_checks() -> None:
    rows = [re.findall(r"[\d.]+ to ([\d.]+)", row) for row in PAGE.splitlines() if re.match(r"\| \d \|", row)]
    starts = [re.findall(r"([\d.]+) to", row) for row in PAGE.splitlines() if re.match(r"\| \d \|", row)]
    assert len(rows) == 5
    for (alone, _, both, error, mass), start in zip(rows, starts, strict=True):
        assert float(alone) < 0.25
        assert float(both) > 0.9
        assert float(error) < 0.9 * float(start[3])
        assert float(mass) < float(start[4])
