"""Does the process reward teach the order of events? TRL's GRPO on a toy task, with it and with the answer alone.

Four events happen in a video; which comes first depends on the video that the prompt names. The model, made on the spot,
speaks in whole sentences (one token each) and should tell the events in their order and answer a question. Curves:

    python examples/learn_order.py --steps 120 --out docs/trainers/learn-order.png
"""

from __future__ import annotations

import argparse
import os
import tempfile
from itertools import combinations
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, PrinterCallback, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

import kinetrace as kt

EVENTS = ("The red ball rolls down. ", "A dog jumps aside. ", "Two cups fall over. ", "Someone opens the door. ")
ORDERS = {"video one": (0, 1, 2, 3), "video two": (3, 2, 1, 0)}
ANSWERS = {"video one": "A", "video two": "B"}
THINK, END_THINK = "<think>", "</think>"
LENGTH = 7


def order_correctness(text: str, order: tuple[int, ...]) -> float:
    """Fraction of pairs of events that the text tells in their order; a pair with a missing event is wrong."""
    places = [text.find(EVENTS[i]) for i in order]
    right = [0 <= places[i] < places[j] for i, j in combinations(range(len(order)), 2)]
    return sum(right) / len(right)


def tokenizer_of_sentences() -> PreTrainedTokenizerFast:
    """A token for every event, answer and tag."""
    answers = [f"<answer>{letter}</answer>" for letter in sorted(set(ANSWERS.values()))]
    words = [*EVENTS, *answers, THINK, END_THINK, *ORDERS, "<unk>", "<pad>", "<end>"]
    core = Tokenizer(models.WordLevel(vocab={word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split("|", "removed")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<end>", padding_side="left")


def run(seed: int, steps: int, process: bool, schedule: str = "linear") -> list[float]:
    """Mean order-correctness of the completions of every step; `schedule` is that of the learning rate."""
    torch.manual_seed(seed)
    tokenizer = tokenizer_of_sentences()
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
        **sizes,
        **ids,
    )
    curve: list[float] = []

    def watch(completions: list[str], order: list[list[int]], **columns: Any) -> list[float]:
        """Only looks: its weight is 0."""
        values = [order_correctness(text, tuple(o)) for text, o in zip(completions, order, strict=True)]
        curve.append(sum(values) / len(values))
        return values

    accuracy = kt.rewards.AccuracyReward(problem_type="multiple choice", solution_tags=False)
    rewards: list[Any] = [watch, accuracy] + [kt.rewards.ProcessReasoningReward(alpha=2.0)] * process
    rows = [
        {
            "prompt": name,
            "order": list(order),
            "reference_steps": [EVENTS[i].strip() for i in order],
            "solution": ANSWERS[name],
        }
        for name, order in ORDERS.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        args = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            beta=0.0,
            seed=seed,
            learning_rate=1e-2,
            lr_scheduler_type=schedule,
            per_device_train_batch_size=64,
            num_generations=32,
            max_completion_length=LENGTH,
            max_steps=steps,
            reward_weights=[0.0, 1.0, 2.0][: len(rewards)],
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            gradient_checkpointing=False,
            disable_tqdm=True,
        )
        trainer = GRPOTrainer(
            model=Qwen2ForCausalLM(config),
            reward_funcs=rewards,
            args=args,
            train_dataset=Dataset.from_list(rows * 64),
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return curve


def main() -> None:
    """Trains every seed with both rewards; draws the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    curves = {
        name: [run(seed, options.steps, process) for seed in range(options.seeds)]
        for name, process in (("process reward and answer", True), ("answer alone", False))
    }
    for name, listed in curves.items():
        ends = [f"{sum(c[:5]) / 5:.2f} to {sum(c[-5:]) / 5:.2f}" for c in listed]
        print(f"{name}: order-correctness of the first and last five steps {', '.join(ends)}")
    if options.out:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
        for (name, listed), colour in zip(curves.items(), ("tab:blue", "tab:orange"), strict=True):
            for k, curve in enumerate(listed):
                axes.plot(curve, color=colour, alpha=0.8, label=name if k == 0 else None)
        axes.set(xlabel="step", ylabel="pairs of events in the right order", ylim=(0, 1))
        axes.legend(loc="upper left")
        figure.savefig(options.out, dpi=80)


if __name__ == "__main__":
    main()
