"""ms-swift's ORM registry and scoring, OpenRLHF's executor, FastVideo's scorer: the packages' own code calls kinetrace.

EasyR1, slime, cosmos-rl and the others that are not on a package index, or whose import wants a GPU's libraries, are called
with recorded keywords in tests/integrations.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import json
import math
import pickle
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import kinetrace as kt
from kinetrace.integrations._plugins import plugin_path

torch = pytest.importorskip("torch", reason="torch is not installed: nothing was run (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: nothing was run (pip install kinetrace[trainers])")

import tiny_models as tiny  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

REFERENCE = ["The ball falls.", "It stops."]
TEXTS = ["<think>The ball falls. It stops.</think>", "<think>It stops. A ball.</think>", ""]
WANT = kt.rewards.ProcessReasoningReward()(TEXTS, reference_steps=[REFERENCE] * 3)


def quiet(name: str, reason: str) -> Any:
    return pytest.importorskip(name, reason=reason, exc_type=ImportError)


def test_ms_swift_scores_with_a_registered_orm() -> None:
    reason = "ms-swift is not installed: its ORM was not run (pip install --no-deps ms-swift modelscope peft dacite)"
    algorithm = quiet("swift.rl_core.grpo_algorithm", reason)
    from swift.rewards import ORM, orms
    from swift.utils import import_external_file

    module = import_external_file(str(plugin_path("ms-swift")))
    assert set(module.NAMES) <= set(orms)
    functions = [orms[name](args=SimpleNamespace()) for name in ("kinetrace_process", "kinetrace_accuracy")]
    assert all(isinstance(function, ORM) for function in functions)
    assert pickle.loads(pickle.dumps(functions[0]))(TEXTS, reference_steps=[REFERENCE] * 3) == WANT

    def sample(text: str) -> Any:
        row = {
            "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}],
            "reference_steps": REFERENCE,
            "solution": "<answer>B</answer>",
            "problem_type": "multiple choice",
            "prompt_id": "p",
            "request_id": text,
            "finish_reason": "stop",
            "is_truncated": False,
        }
        return SimpleNamespace(messages=row["messages"], to_reward_row=lambda: row)

    found = algorithm.compute_rewards_per_func(
        [sample(text) for text in TEXTS], functions, [None, None], torch.device("cpu"), trainer_state=SimpleNamespace()
    )
    assert found[:, 0].tolist() == pytest.approx(WANT)
    assert found[:, 1].tolist() == [0, 0, 0]


def test_openrlhf_loads_and_calls_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "OpenRLHF is not installed: its executor was not run (pip install --no-deps openrlhf pylatexenc)"
    agent = quiet("openrlhf.utils.agent", reason)
    monkeypatch.setenv("KINETRACE_REWARD", json.dumps({"reward": "process"}))
    executor = agent.SingleTurnAgentExecutor(str(plugin_path("openrlhf")))
    tokenizer = tiny.byte_tokenizer()

    class Engine:
        async def generate(self, ids: Any, parameters: Any, multi_modal_data: Any = None) -> Any:
            answer = [*tokenizer(TEXTS[1])["input_ids"], tokenizer.eos_token_id]
            return SimpleNamespace(outputs=[SimpleNamespace(token_ids=answer, finish_reason="stop", logprobs=None)])

    parameters = SimpleNamespace(max_tokens=64, logprobs=None)
    label = json.dumps({"reference_steps": REFERENCE})
    out = asyncio.run(executor.execute("What happens?", label, parameters, 256, tokenizer, Engine()))
    reward = torch.tensor([out["reward"]])  # as OpenRLHF's sample generator does
    assert reward.tolist() == pytest.approx([WANT[1]])
    assert torch.tensor([out["scores"]]).tolist() == pytest.approx([WANT[1]])
    assert all(math.isfinite(value.flatten()[0].item()) for value in out["extra_logs"].values())
    assert "generated_steps" in out["extra_logs"]


def test_fastvideo_weighs_the_scorer() -> None:
    try:
        files = importlib.metadata.files("fastvideo") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("FastVideo is not installed: its scorer was not run (pip install --no-deps fastvideo)")
    path = next(file for file in files if str(file).endswith("rl/rewards/media.py")).locate()
    spec = importlib.util.spec_from_file_location("fastvideo_media", path)  # importing fastvideo wants CUDA libraries
    assert spec is not None
    assert spec.loader is not None
    media = importlib.util.module_from_spec(spec)
    sys.modules["fastvideo_media"] = media
    spec.loader.exec_module(media)
    from kinetrace.integrations.fastvideo import Scorer

    def brightness(video: Any, prompts: Any) -> Any:
        assert video.shape == (2, 4, 3, 8, 8)
        return video.mean(dim=(1, 2, 3, 4))

    videos = torch.rand(2, 3, 4, 8, 8)
    scorer = media.MultiRewardScorer({"kinetrace": 2.0}, scorers={"kinetrace": Scorer(brightness)})
    found = scorer(videos, ["a", "b"])
    torch.testing.assert_close(found["avg"], 2 * videos.mean(dim=(1, 2, 3, 4)))
