"""Ray Data gives the same rows as a loop: 10,000 completions with two workers, and video files by the command line."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
import trainer_pages as pages
from kinetrace import cli

pytest.importorskip(
    "pyarrow", reason="pyarrow is not installed: Ray Data was not run (pip install kinetrace[trainers])"
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ray: Any = pytest.importorskip(
        "ray", reason="Ray is not installed: it was not run (pip install kinetrace[trainers])"
    )
    importlib.import_module("ray.data")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
COUNT = 10_000
STEPS = ["The ball falls.", "It bounces twice.", "It stops.", "A dog jumps aside.", "The door opens.", "Nothing moves."]


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 << 20,
        runtime_env={"env_vars": path},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def test_ten_thousand_rows_on_two_workers() -> None:
    from kinetrace.integrations.ray import RewardTransform

    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for i in range(COUNT):
        reference = [STEPS[k] for k in rng.permutation(6)[:3]]
        text = "<think>" + " ".join(STEPS[k] for k in rng.integers(0, 6, size=rng.integers(0, 7))) + "</think>"
        rows.append({"clip": i, "completions": text, "reference_steps": reference if i % 50 else None})
    here = kt.rewards.ProcessReasoningReward()(
        [row["completions"] for row in rows], reference_steps=[row["reference_steps"] for row in rows]
    )
    scored = ray.data.from_items(rows, override_num_blocks=8).map_batches(
        RewardTransform,
        fn_constructor_args=("process",),
        batch_format="pyarrow",
        batch_size=1000,
        concurrency=2,
        num_cpus=1,
    )
    there = {row["clip"]: row["reward"] for row in scored.take_all()}
    assert [there[i] for i in range(COUNT)] == here  # the same bits
    assert sum(value is None for value in here) == COUNT // 50
    assert len(set(here)) > 15


def test_the_page() -> None:
    names: dict[str, Any] = {}
    for code in pages.blocks("ray"):
        exec(code, names)
    assert [row["reward"] for row in names["scored"].take_all()] == [1.0]


def test_a_reward_in_a_task_of_one_processor() -> None:
    @ray.remote(num_cpus=1)
    def score(reward: Any, texts: Any, references: Any) -> Any:
        return reward(completions=texts, reference_steps=references)

    texts, references = [" ".join(STEPS[:3])] * 4, [STEPS[:3]] * 4
    reward = kt.rewards.ProcessReasoningReward()
    assert ray.get(score.remote(reward, ray.put(texts), references)) == reward(texts, reference_steps=references)


def test_the_script_that_compares_many_clips(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: no video was scored (pip install kinetrace[video])")
    pytest.importorskip("cv2", reason="OpenCV is not installed: no video was scored (pip install kinetrace[video])")
    script = runpy.run_path(str(Path(__file__).parents[3] / "scripts/ray_clips.py"))
    assert script["main"](["--clips", "12", "--workers", "2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("12 clips, {'ok': ")
    assert ": 0 rows differ;" in said


def test_kinetrace_score_with_ray(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: no video was scored (pip install kinetrace[video])")
    pytest.importorskip("cv2", reason="OpenCV is not installed: no video was scored (pip install kinetrace[video])")
    from kinetrace.video.render import write_clip
    from video_clips import compose, parabola

    folder = tmp_path / "clips"
    folder.mkdir()
    for i in range(5):
        write_clip(folder / f"clip{i}.mp4", compose([parabola((40, 60), (50 + 10 * i, -20), (0, 80))], size=128), 16)
    (folder / "bad.mp4").write_bytes(b"nothing")
    printed, files = [], []
    for options in (["--engine", "local"], ["--workers", "2"], ["--engine", "ray", "--workers", "2"]):
        out = tmp_path / "-".join(options)
        assert cli.main(["score", str(folder), "--json", "--no-plots", "--out", str(out), *options]) == 1
        printed.append(json.loads(capsys.readouterr().out))
        files.append({path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.suffix == ".json"})
    assert printed[0] == printed[1] == printed[2]
    assert files[0] == files[1] == files[2]
    assert [clip["status"] for clip in printed[0]["clips"]] == ["error"] + ["ok"] * 5
