"""The pages of docs/trainers whose code needs a trainer: run with it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import trainer_pages as pages

torch = pytest.importorskip("torch", reason="torch is not installed: the pages were not run (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: the pages were not run (pip install kinetrace[trainers])")

import tiny_models as tiny  # noqa: E402
from datasets import Dataset  # noqa: E402

import kinetrace as kt  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def test_trl(tmp_path: Path) -> None:
    tokenizer = tiny.byte_tokenizer()
    row = {
        "prompt": "q",
        "reference_steps": ["The ball falls."],
        "solution": "<answer>B</answer>",
        "problem_type": "multiple choice",
        "verdict": True,
        "accuracy": 1.0,
        "shuffled_accuracy": [0.0],
    }
    args = tiny.settings(
        tmp_path, per_device_train_batch_size=4, num_generations=4, max_completion_length=8, max_steps=1
    )
    names: dict[str, Any] = {
        "kt": kt,
        "model": tiny.tiny_model(tokenizer),
        "dataset": Dataset.from_list([row] * 8),
        "tokenizer": tokenizer,
        "settings": {key: getattr(args, key) for key in (
            "output_dir", "use_cpu", "bf16", "beta", "report_to", "save_strategy", "gradient_checkpointing",
            "per_device_train_batch_size", "num_generations", "max_completion_length", "max_steps", "disable_tqdm",
        )},
    }  # fmt: skip
    codes = pages.blocks("trl")
    assert len(codes) == 3
    for code in codes:
        exec(code, names)
        assert len(tiny.train(names["trainer"])) >= 0
        assert names["trainer"].state.global_step == 1


def test_swift() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reason = "ms-swift is not installed: its page was not run (pip install --no-deps ms-swift modelscope peft)"
        rewards = pytest.importorskip("swift.rewards.orm", reason=reason, exc_type=ImportError)
    for code in pages.blocks("swift"):
        exec(code, {})
    found = rewards.orms["strict_process"](args=None)(["It falls."], reference_steps=[["It falls."]])
    assert found == [1.0]
