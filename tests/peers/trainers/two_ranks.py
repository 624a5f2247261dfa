"""Run by torchrun: GRPO of one step on two ranks; writes what rewards saw and gave, and what a lone process would."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import tiny_models as tiny
import torch
from datasets import Dataset

import kinetrace as kt
from kinetrace.integrations import trl

ACCUMULATE, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
SIZE = 4
seen: dict[str, list[Any]] = {name: [] for name in ("plain_groups", "whole_groups", "rank_rewards", "temporal", "mine")}


def accuracy(completions: Any, **columns: Any) -> list[float]:
    return [float(sum(map(ord, text)) % 3 > 0) for text in completions]


def plain(completions: Any, gid: Any, **columns: Any) -> list[float]:
    """What a reward function sees without help."""
    seen["plain_groups"].append(list(gid))
    seen["mine"].append({"completions": list(completions), "gid": list(gid), "prompts": list(columns["prompts"])})
    return [0.0] * len(completions)


class Rank:
    """The place of a response among those of its group: 0, 1, 2, 3 only if the whole group is there."""

    __name__, whole_groups = "rank", True

    def __call__(self, completions: Any, gid: Any, **columns: Any) -> list[float]:
        seen["whole_groups"].append(list(gid))
        order = sorted(range(len(gid)), key=lambda i: (gid[i], completions[i], i))
        place = {i: float(order.index(i) - min(order.index(j) for j in order if gid[j] == gid[i])) for i in order}
        return [place[i] for i in range(len(gid))]


class Parts:
    """Rewards of two segments."""

    __name__ = "parts"

    def segment_rewards(self, completions: Any, **columns: Any) -> np.ndarray:
        return np.array([[len(set(text)), len(text) + text.count("e")] for text in completions], dtype=float)


class Watched:
    """Keeps what a wrapped reward gave this rank."""

    def __init__(self, reward: Any, name: str) -> None:
        self.__name__, self.reward, self.name = reward.__name__, reward, name

    def __call__(self, completions: Any = None, **columns: Any) -> Any:
        values = self.reward(completions=completions, **columns)
        seen[self.name].append(list(values))
        return values


temporal = kt.rewards.TemporalReward(accuracy=accuracy, format=None, group_column="gid", group_size=SIZE)
torch.manual_seed(0)
torch.set_num_threads(1)
tokenizer = tiny.byte_tokenizer()
rows = [{"prompt": f"q{i}", "gid": i, "shuffled_accuracy": [0.0, 1.0, 0.0]} for i in range(8)]
run = trl.GroupGRPOTrainer(
    model=tiny.tiny_model(tokenizer),
    reward_funcs=[plain, Rank(), temporal, Parts()],
    args=tiny.settings(
        tempfile.mkdtemp(),
        per_device_train_batch_size=2,
        num_generations=SIZE,
        gradient_accumulation_steps=ACCUMULATE,
        max_completion_length=6,
        max_steps=1,
        ddp_backend="gloo",
    ),
    train_dataset=Dataset.from_list(rows),
    processing_class=tokenizer,
)
assert [type(reward).__name__ for reward in run.reward_funcs[1:]] == ["WholeGroups", "WholeGroups", "SegmentTotals"]
run.reward_funcs[1] = Watched(run.reward_funcs[1], "rank_rewards")
run.reward_funcs[2] = Watched(run.reward_funcs[2], "temporal")
for reward in run.reward_funcs[1:3]:
    reward.reward.num_generations = SIZE
kept: list[Any] = []
original = run._generate_and_score_completions


def keeping(inputs: Any) -> Any:
    out = original(inputs)
    kept.append((out["advantages"].clone(), run._kt_rewards.clone()))
    return out


run._generate_and_score_completions = keeping
tiny.train(run)

# A lone process that has every response of every rank.
parts: list[Any] = [None, None]
torch.distributed.all_gather_object(parts, seen["mine"][0])
everything = {name: [entry for part in parts for entry in part[name]] for name in parts[0]}
count, rank = len(seen["mine"][0]["gid"]), torch.distributed.get_rank()
mine = slice(rank * count, rank * count + count)
shuffled = [[0.0, 1.0, 0.0]] * len(everything["gid"])
alone = temporal(everything["completions"], gid=everything["gid"], shuffled_accuracy=shuffled)
advantages, matrix = kept[0]
rewards = Parts().segment_rewards(everything["completions"])[:, 1] + matrix[:, :3].double().sum(dim=1).numpy()
expected = kt.group_advantages(rewards, np.array(everything["gid"]))[mine].astype(np.float32)
FOLDER.joinpath(f"rank{rank}.json").write_text(
    json.dumps(
        seen
        | {
            "temporal_alone": [list(alone)[mine]],
            "advantages": [[round(float(a), 5)] for a in advantages[:, 0]],
            "advantages_alone": [[round(float(a), 5)] for a in expected],
        }
    )
)
# Both have written what they saw. Gloo's threads can outlive their owners when the interpreter tears a process down
# ("terminate called without an active exception", about once in fifty runs): leave without that.
torch.distributed.barrier()
os._exit(0)
