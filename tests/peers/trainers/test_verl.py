"""verl's own loaders, reward loop and advantage registry with kinetrace's functions, on the CPU."""

from __future__ import annotations

import ast
import asyncio
import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetrace as kt

torch = pytest.importorskip("torch", reason="torch is not installed: nothing of verl was run (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: nothing of verl was run (pip install kinetrace[trainers])")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    reason = "verl is not installed: its reward loop was not run (pip install kinetrace[trainers]; pip install --no-deps verl)"
    core = pytest.importorskip("verl.trainer.ppo.core_algos", reason=reason, exc_type=ImportError)
    pytest.importorskip("verl.experimental.reward_loop", reason=reason, exc_type=ImportError)
    import tiny_models as tiny
    from omegaconf import OmegaConf
    from tensordict import TensorDict
    from verl import DataProto
    from verl.trainer.ppo import reward as verl_reward

from kinetrace.integrations import verl  # noqa: E402
from kinetrace.integrations._plugins import plugin_path  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def compute_advantage() -> Any:
    """verl's function of this name, cut out of its trainer, whose imports want a server for language models."""
    tree = ast.parse((Path(core.__file__).parent / "ray_trainer.py").read_text(encoding="utf-8"))
    body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "compute_advantage"]
    scope = {"core_algos": core, "AdvantageEstimator": core.AdvantageEstimator, "DataProto": DataProto}
    exec(
        compile(ast.Module([ast.parse("from __future__ import annotations").body[0], *body], []), "verl", "exec"), scope
    )
    return scope["compute_advantage"]


REFERENCE = ["The ball falls.", "It stops."]
TEXTS = ["<think>The ball falls. It stops.</think>", "<think>It stops. A ball.</think>", ""]
WANT = kt.rewards.ProcessReasoningReward(alpha=2.0)(TEXTS, reference_steps=[REFERENCE] * 3)


def settings(path: str, name: str, manager: dict[str, Any] | None = None, **options: Any) -> Any:
    function = {
        "path": path,
        "name": name,
        "reward_kwargs": {"reward": "process", "arguments": {"alpha": 2.0}} | options,
    }
    managed = manager or {"source": "register", "name": "naive", "module": {"path": None}}
    return OmegaConf.create({"reward": {"custom_reward_function": function, "reward_manager": managed}})


def batch(texts: list[str], infos: list[Any], truth: Any = "A") -> tuple[Any, Any]:
    tokenizer = tiny.byte_tokenizer()
    ids = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
    longest = max(map(len, ids))
    responses = torch.tensor([row + [tokenizer.pad_token_id] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1, 1] + [1] * len(row) + [0] * (longest - len(row)) for row in ids])
    tensors = TensorDict(
        {"prompts": torch.zeros(len(texts), 2, dtype=torch.long), "responses": responses, "attention_mask": mask},
        batch_size=len(texts),
    )
    columns = {
        "data_source": ["moss"] * len(texts),
        "reward_model": [{"ground_truth": truth}] * len(texts),
        "extra_info": infos,
    }
    arrays = {name: np.array([*column, None], dtype=object)[:-1] for name, column in columns.items()}
    return DataProto(batch=tensors, non_tensor_batch=arrays), tokenizer


def run(manager: Any, data: Any) -> list[dict[str, Any]]:
    async def every() -> list[dict[str, Any]]:
        manager.loop = asyncio.get_running_loop()
        return await asyncio.gather(*[manager.run_single(data[i : i + 1]) for i in range(len(data))])

    return asyncio.run(every())


@pytest.mark.parametrize("path", ["pkg://kinetrace.integrations.verl", str(plugin_path("verl"))])
@pytest.mark.parametrize("name", ["compute_score", "compute_score_async"])
def test_reward_loop(path: str, name: str) -> None:
    data, tokenizer = batch(
        TEXTS, [{"reference_steps": REFERENCE}, {"reference_steps": REFERENCE}, {"reference_steps": None}]
    )
    manager = verl_reward.load_reward_manager(settings(path, name, fallback=-0.5), tokenizer)
    assert type(manager).__name__ == "NaiveRewardManager"
    found = run(manager, data)
    assert [row["reward_score"] for row in found] == pytest.approx([*WANT[:2], -0.5])
    keys = [tuple(row["reward_extra_info"]) for row in found]
    assert len(set(keys)) == 1
    assert all(math.isfinite(value) for row in found for value in row["reward_extra_info"].values())


def test_batch_manager() -> None:
    from verl.workers.reward_manager.batch import BatchRewardManager

    data, tokenizer = batch(TEXTS, [{"reference_steps": REFERENCE} for _ in TEXTS])
    manager = BatchRewardManager(tokenizer, 0, verl.compute_score_batch, reward="process", arguments={"alpha": 2.0})
    found = manager(data, return_dict=True)
    assert found["reward_tensor"].sum(dim=1).tolist() == pytest.approx(WANT)
    assert set(map(len, found["reward_extra_info"].values())) == {3}


def test_prime_manager_calls_by_position_in_processes() -> None:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        row = pool.submit(verl.compute_score, "moss", TEXTS[1], "A", {"reference_steps": REFERENCE}).result(timeout=300)
    assert row["score"] == kt.rewards.ProcessReasoningReward()(TEXTS[1:2], reference_steps=[REFERENCE])[0]


OBSERVED = [
    "<observation>a ball</observation><think>t</think><answer>A</answer>",
    "<observation>none</observation><think>t</think><answer>A</answer>",
    "<think>t</think><answer>B</answer>",
    "<observation>a ball</observation><answer>B</answer>",
]


def test_segments_from_the_manager_to_the_advantages() -> None:
    """The colocated path of verl: run_single, assemble_rm_scores, compute_advantage; against the definition."""
    infos = [
        {"solution": "<answer>A</answer>", "problem_type": "multiple choice", "verdict": verdict}
        for verdict in (True, False, False, True)
    ]
    data, tokenizer = batch(OBSERVED, infos)
    own = {
        "source": "importlib",
        "name": "RewardManager",
        "module": {"path": "pkg://kinetrace.integrations.verl_manager"},
    }
    config = settings("pkg://kinetrace.integrations.verl", "compute_score", own)
    config.reward.custom_reward_function.reward_kwargs = {"reward": "process_aware", "arguments": {"judge": "verdict"}}
    manager = verl_reward.load_reward_manager(config, tokenizer)
    found = run(manager, data)
    scores = [pickle.loads(pickle.dumps(row["reward_score"])) for row in found]  # as through Ray
    assert scores == pytest.approx([4.0, 3.0, 1.0, 2.0])
    assert [float(score) for score in scores] == scores
    rewards = verl_reward.resolve_reward_manager_cls(config).assemble_rm_scores(data, scores)
    mask = data.batch["attention_mask"][:, 2:]
    torch.testing.assert_close(rewards.sum(dim=1), torch.tensor([4.0, 3.0, 1.0, 2.0]))
    data.batch["token_level_rewards"], data.batch["response_mask"] = rewards, mask
    data.non_tensor_batch["uid"] = np.array(["g"] * 4, dtype=object)
    algorithm = OmegaConf.create({"norm_adv_by_std_in_grpo": True})
    out = compute_advantage()(data, adv_estimator="kinetrace_pa_grpo", config=algorithm).batch["advantages"]
    parts = np.array([[2.0, 2.0], [1.0, 2.0], [0.0, 1.0], [2.0, 0.0]])
    segments = np.full(tuple(mask.shape), -1)
    for row, text in zip(segments, OBSERVED, strict=True):
        cut = kt.rewards.process_aware.perception_end(text)
        row[: len(text) + 1] = 1
        row[:cut] = 0
    want = kt.segment_advantages(parts.astype(np.float32), np.zeros(4, dtype=np.int64), segments)
    np.testing.assert_allclose(out.numpy(), want, rtol=1e-6)


def test_more_rewards_than_segments_are_refused() -> None:
    rewards, mask = torch.rand(2, 5), torch.ones(2, 5)
    with pytest.raises(ValueError, match=r"^token_level_rewards: expected at most two"):
        core.get_adv_estimator_fn("kinetrace_pa_grpo")(rewards, mask, index=np.array(["a", "a"]))


def test_streamed_rewards_warn() -> None:
    verl.register()
    rewards = torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    with pytest.warns(UserWarning, match="no response has a reward for perception"):
        out, _ = verl.pa_grpo_advantage(rewards, torch.ones(2, 2), index=np.array(["a", "a"]))
    torch.testing.assert_close(out[0, 0], -out[1, 1])


@pytest.mark.parametrize("mode", ["grpo", "rloo", "opo", "grpo_passk"])
def test_estimators_equal_verls_where_groups_are_complete(mode: str) -> None:
    verl.register()
    rng = np.random.default_rng(0)
    mask = (torch.arange(9)[None] < torch.tensor(rng.integers(2, 10, size=24))[:, None]).float()
    rewards = torch.zeros(24, 9)
    rewards[:, 0] = torch.tensor(rng.normal(size=24))
    index = np.repeat([f"u{i}" for i in range(6)], 4)[rng.permutation(24)]
    theirs = core.get_adv_estimator_fn(mode)(
        token_level_rewards=rewards, response_mask=mask, index=index, config=OmegaConf.create({})
    )[0]
    ours = core.get_adv_estimator_fn(f"kinetrace_{'passk' if 'passk' in mode else mode}")(
        token_level_rewards=rewards, response_mask=mask, index=index, config=OmegaConf.create({})
    )[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
