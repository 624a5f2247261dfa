"""`kinetrace info`: true facts, reasons for what is missing, and no failure on a broken installation."""

from __future__ import annotations

import argparse
import json
import re
import sys
import types

import pytest

from kinetrace import _cpu, _testing, info
from programs import output


def _no_spec(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(info.importlib.util, "find_spec", lambda name: None if name == missing else real(name))


def test_facts_match_the_native_layer() -> None:
    facts = info.build_info()
    assert facts["version"] == _cpu.version
    assert facts["simd"]["best"] == _cpu.best_simd_level()
    assert facts["backends"]["cuda_emu"]["built"] == ("cuda_emu" in _testing.backends())
    assert facts["libraries"]["numpy"]


def test_a_missing_cuda_back_end_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    _no_spec("kinetrace._cuda", monkeypatch)
    facts = info.build_info()
    assert facts["backends"]["cuda"] == {"built": False, "usable": False, "detail": _cpu.cuda_build}
    assert f"not built: {_cpu.cuda_build}" in info.format_info(facts)


@pytest.mark.parametrize(
    ("answer", "usable", "text"),
    [
        ({"devices": 0, "runtime_version": 13000, "error": "CUDA driver version is insufficient"}, False,
         "built, not usable: .*no usable device: CUDA driver version is insufficient"),
        ({"devices": 1, "runtime_version": 13000, "error": ""}, True, "ready: .*1 device$"),
    ],
)  # fmt: skip
def test_the_cuda_back_end_reports_devices(
    monkeypatch: pytest.MonkeyPatch, answer: object, usable: bool, text: str
) -> None:
    fake = types.ModuleType("kinetrace._cuda")
    fake.device_info = lambda: answer  # type: ignore[attr-defined]
    fake.__spec__ = object()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "kinetrace._cuda", fake)
    facts = info.build_info()
    assert facts["backends"]["cuda"]["usable"] is usable
    (line,) = [line for line in info.format_info(facts).splitlines() if line.startswith("back end cuda ")]
    assert re.search(text, line)


def test_a_broken_cuda_back_end_is_reported_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("kinetrace._cuda")
    fake.__spec__ = object()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "kinetrace._cuda", fake)
    backend = info.build_info()["backends"]["cuda"]
    assert (backend["built"], backend["usable"]) == (True, False)
    assert "AttributeError" in backend["detail"]


def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _no_spec("cv2", monkeypatch)
    facts = info.build_info()
    assert facts["extras"]["video"] == ["opencv-python-headless"]
    assert "missing opencv-python-headless" in info.format_info(facts)


def test_a_bad_simd_level_is_shown() -> None:
    program = "from kinetrace import info; print(info.format_info(info.build_info()))"
    text = output(program, KINETRACE_SIMD="sse9")
    assert "invalid (KINETRACE_SIMD: expected baseline, avx2 or avx512, got sse9)" in text
    assert "3 (KINETRACE_NUM_THREADS=3)" in output(program, KINETRACE_NUM_THREADS="3")
    assert "invalid (KINETRACE_NUM_THREADS: expected" in output(program, KINETRACE_NUM_THREADS="no")


def test_json_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    info.add_parser(parser.add_subparsers())
    for options in (["info"], ["info", "--json"]):
        args = parser.parse_args(options)
        assert args.run(args) == 0
    table, _, facts = capsys.readouterr().out.partition("\n{")
    assert table.splitlines()[0].startswith("kinetrace")
    assert json.loads("{" + facts)["version"] == _cpu.version
