"""docs/process-reward.md: its code runs and prints what the page says, and what the page claims holds by a margin."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "process-reward.md"
BLOCKS = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's code defines, after running all of it; every output compared with the page."""
    space: dict[str, Any] = {}
    with contextlib.chdir(tmp_path_factory.mktemp("page")):
        for code, shown in BLOCKS:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(code, space)
            assert out.getvalue() == shown
        space["picture"] = Path("process-reward.png").read_bytes()
    return space


def test_every_block_shows_its_output(names: dict[str, Any]) -> None:
    assert len(BLOCKS) == PAGE.read_text(encoding="utf-8").count("```python") == 6
    assert all(shown for _, shown in BLOCKS)


def test_the_picture_is_the_one_on_the_page(names: dict[str, Any]) -> None:
    shown = (PAGE.parent / "process-reward.png").read_bytes()
    header = slice(0, 24)  # signature and size; fonts differ between machines
    assert names["picture"][header] == shown[header]
    assert len(shown) > 10_000


def test_short_traces_earn_nothing_under_sequential_patterns(names: dict[str, Any]) -> None:
    table = names["table"]
    for behaviour in ("truncated to its first half", "the last state alone", "all in one step"):
        for pattern in ("sequential", "seq._jump", "+ length"):
            assert table[behaviour, pattern] < 0.005
    assert table["truncated to its first half", "plain"] > 0.45 * table["honest", "plain"]
    assert table["truncated to its first half", "textbook"] > 0.5 * table["honest", "textbook"]


def test_jumps_pay_honesty_and_little_else(names: dict[str, Any]) -> None:
    table, cheats = names["table"], names["cheats"]
    margin = {p: table["honest", p] / max(table[b, p] for b in cheats) for p in names["patterns"]}
    assert margin["seq._jump"] > 1.4 * max(v for p, v in margin.items() if p not in ("seq._jump", "+ length"))
    assert margin["textbook"] < margin["plain"]
    assert table["honest", "seq._jump"] > 2 * table["honest", "sequential"]


def test_length_is_free_until_it_is_charged(names: dict[str, Any]) -> None:
    table = names["table"]
    for behaviour in ("longer: 20 asides behind it", "the whole trace three times"):
        assert table[behaviour, "seq._jump"] == pytest.approx(table["honest", "seq._jump"], rel=0.02)
        assert table[behaviour, "+ length"] < 0.5 * table["honest", "+ length"]
    assert table["guessed six times", "seq._jump"] > table["guessed: another video", "seq._jump"]
    assert table["honest", "+ length"] == pytest.approx(table["honest", "seq._jump"], rel=1e-3)
