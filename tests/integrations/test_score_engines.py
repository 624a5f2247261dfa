"""`kinetrace score` in threads, and what `--engine ray` asks of Ray (a stand-in that records it; tests/peers has Ray)."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from kinetrace import cli
from kinetrace.video.render import write_clip
from video_clips import compose, parabola


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("clips")
    for i in range(3):
        write_clip(made / f"clip{i}.mp4", compose([parabola((40, 60), (50 + 20 * i, -20), (0, 80))], size=128), 16)
    (made / "clip1b.mp4").write_bytes(b"nothing")
    return made


def scored(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    assert cli.main(["score", str(folder), "--json", *options]) == 1
    return json.loads(capsys.readouterr().out)


def test_threads_give_the_same_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = scored(folder, capsys, "--out", str(tmp_path / "one"))
    four = scored(folder, capsys, "--out", str(tmp_path / "four"), "--workers", "4")
    assert one == four
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).glob("*.json")} for name in ("one", "four")]
    assert files[0] == files[1]
    assert len(list((tmp_path / "four").glob("*.png"))) == 9


def test_ray_is_asked_for_workers_of_one_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local = scored(folder, capsys)
    asked: list[Any] = []

    class Rows:
        def __init__(self, items: list[Any]) -> None:
            self.items = items

        def map_batches(self, cls: Any, *, fn_constructor_args: Any, batch_size: int, **options: Any) -> Rows:
            asked.append(options)
            function, found = cls(*fn_constructor_args), []
            for begin in range(0, len(self.items), batch_size):
                out = function({"index": [row["index"] for row in self.items[begin : begin + batch_size]]})
                found += [{name: column[k] for name, column in out.items()} for k in range(len(out["index"]))]
            return Rows(found[::-1])  # Ray keeps no order unless asked to

        def iter_rows(self) -> Any:
            return iter(self.items)

    data: Any = types.ModuleType("ray.data")
    data.from_items = lambda items, override_num_blocks: Rows(items)
    ray: Any = types.ModuleType("ray")
    ray.data = data
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", data)
    assert scored(folder, capsys, "--engine", "ray", "--workers", "2") == local
    assert asked == [{"concurrency": 2, "num_cpus": 1}]


def test_without_ray_the_command_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert cli.main(["score", str(folder), "--engine", "ray"]) == 1
    assert "pip install 'ray[data]'" in capsys.readouterr().err
