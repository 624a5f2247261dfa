"""`kinetrace demo`: truth measured within 2 %, every lawful clip above its twin, the JSON as promised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kinetrace.cli import main
from kinetrace.primitives import PRIMITIVES
from kinetrace.video.demo import Outcome, demo_text, pairs, run_demo
from kinetrace.video.scenes import TWIN_OF


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return run_demo(0, tmp_path_factory.mktemp("demo"), plots=False)


def test_lawful_accelerations_are_measured(outcomes: list[Outcome]) -> None:
    for law, _ in pairs(outcomes):
        truth, found = law.scene.acceleration, law.acceleration
        for true, measured in zip(truth, found, strict=True):
            assert abs(measured - true) <= (2.0 if true == 0 else 0.02 * abs(true)), law.scene.kind
        assert np.linalg.norm(found - truth) < 0.01 * np.linalg.norm(truth)


def test_lawful_clips_score_above_all_twins(outcomes: list[Outcome]) -> None:
    lawful = [o.score for o in outcomes if o.scene.lawful]
    twins = [o.score for o in outcomes if not o.scene.lawful]
    assert len(lawful) == len(twins) == 5
    assert min(lawful) > 0.9
    assert max(twins) < 0.5


def test_each_twin_fails_in_its_own_way(outcomes: list[Outcome]) -> None:
    notes = {o.scene.kind: " ".join(o.notes) for o in outcomes}
    assert "vanishes" in notes["vanishing"]
    assert "jumps" in notes["teleport"]


def test_table(outcomes: list[Outcome]) -> None:
    text = demo_text(outcomes)
    for kind in PRIMITIVES:
        assert kind in text
        assert TWIN_OF[kind] in text
    assert "5 of 5 lawful clips score above their twins." in text
    assert "y down" in text


@pytest.mark.slow
def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--json", "--seed", "3", "--out", str(out)]) == 0
    text, err = capsys.readouterr()
    assert err == ""
    content = json.loads(text)
    assert content["y_axis"] == "down"
    assert content["unit"] == "px/s^2"
    kinds = [c["kind"] for c in content["clips"]]
    assert kinds == [k for p in PRIMITIVES for k in (p, TWIN_OF[p])]
    for clip in content["clips"]:
        keys = {"kind", "lawful", "true_acceleration", "measured_acceleration", "residual_rms", "score"}
        assert set(clip) == keys
        assert len(clip["true_acceleration"]) == len(clip["measured_acceleration"]) == 2
        assert 0 < clip["score"] <= 1
        assert (out / f"{clip['kind']}.mp4").stat().st_size > 10_000
        assert (out / f"{clip['kind']}.fit.png").is_file()
    assert json.loads((out / "demo.json").read_text()) == content
