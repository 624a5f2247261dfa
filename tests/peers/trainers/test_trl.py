"""TRL's GRPOTrainer really trains with kinetrace's rewards: text, frames, segments, on the CPU with tiny models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetrace as kt

torch = pytest.importorskip("torch", reason="torch is not installed: no trainer was run (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: no trainer was run (pip install kinetrace[trainers])")

import tiny_models as tiny  # noqa: E402
from datasets import Dataset  # noqa: E402
from trl import GRPOTrainer  # noqa: E402

from kinetrace.integrations import trl  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # TRL and transformers warn of much that is not ours

REFERENCE = ["The ball falls.", "It bounces twice.", "It stops."]
#: Every loss of TRL that takes advantages; luspo wants its ratio per sequence.
LOSSES = ("grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo")


def rows(count: int = 8, **columns: Any) -> Any:
    prompt = [{"role": "user", "content": "What happens?"}]
    return Dataset.from_list([{"prompt": prompt, "reference_steps": REFERENCE, **columns} for _ in range(count)])


def trainer(tmp_path: Path, rewards: Any, data: Any, cls: Any = GRPOTrainer, **options: Any) -> Any:
    torch.manual_seed(0)
    tokenizer = tiny.byte_tokenizer()
    base = {"per_device_train_batch_size": 8, "num_generations": 4, "max_completion_length": 16, "max_steps": 2}
    return cls(
        model=tiny.tiny_model(tokenizer),
        reward_funcs=rewards,
        args=tiny.settings(tmp_path, **(base | options)),
        train_dataset=data,
        processing_class=tokenizer,
    )


def test_process_reward_trains_and_logs(tmp_path: Path) -> None:
    reward = kt.rewards.ProcessReasoningReward(step="symmetric1", empty_reference="nan")
    data = rows(solution="<answer>B</answer>", problem_type="multiple choice")
    log = tiny.train(trainer(tmp_path, [reward, kt.rewards.accuracy_reward, kt.rewards.FormatReward()], data))
    assert len(log) == 2
    for row in log:
        assert 0 <= row["rewards/process_reasoning_reward/mean"] <= 1
        assert row["process_reasoning_reward/generated_steps"] > 0
        assert row["rewards/accuracy_reward/mean"] == row["rewards/format_reward/mean"] == 0
        assert math.isfinite(row["loss"])


def test_an_empty_reference_is_left_out_and_nothing_becomes_nan(tmp_path: Path) -> None:
    data = Dataset.from_list([{"prompt": f"q{i}", "reference_steps": REFERENCE if i % 2 else []} for i in range(8)])
    reward = kt.rewards.ProcessReasoningReward(step="symmetric1", empty_reference="nan")
    run = trainer(tmp_path, reward, data, max_steps=3)
    log = tiny.train(run)
    assert all(math.isfinite(row["loss"]) and math.isfinite(row["reward"]) for row in log)
    assert all(torch.isfinite(p).all() for p in run.model.parameters())


def test_frames_reach_the_model_and_the_reward(tmp_path: Path) -> None:
    from PIL import Image
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil  # needs no torchvision

    torch.manual_seed(0)
    tokenizer = tiny.byte_tokenizer(tiny.IMAGE, extra_special_tokens={"image_token": tiny.IMAGE})
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        patch_size=14,
        chat_template=tiny.TEMPLATE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14,
        projection_dim=32,
    )  # fmt: skip
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = LlamaConfig(vocab_size=len(tokenizer), **ids, **tiny.SIZES)
    image_id = tokenizer.convert_tokens_to_ids(tiny.IMAGE)
    model = LlavaForConditionalGeneration(
        LlavaConfig(text_config=text, vision_config=vision, image_token_index=image_id)
    )
    frames = [Image.new("RGB", (32, 32), (i * 60, 50, 90)) for i in range(3)]
    process, seen = kt.rewards.ProcessReasoningReward(step="symmetric1"), []

    def reward(completions: Any, **columns: Any) -> Any:
        seen.append([len(entry) for entry in columns["images"]])
        return process(completions=completions, **columns)

    run = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=tiny.settings(
            tmp_path, per_device_train_batch_size=4, num_generations=2, max_completion_length=8, max_steps=2
        ),
        train_dataset=rows(images=frames),
        processing_class=processor,
    )
    log = tiny.train(run)
    assert seen == [[3] * 4] * 2
    assert all(math.isfinite(row["loss"]) and row["rewards/reward/mean"] > 0 for row in log)


class Parts:
    """A reward per segment from the text alone; None of the model's noise gives equal rewards."""

    __name__ = "parts"
    segment_names = ("perception", "reasoning")

    def segment_rewards(self, completions: Any, **columns: Any) -> np.ndarray:
        texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
        return np.array([[len(set(text)), text.count("e") + len(text) / 100] for text in texts], dtype=float)


def halves(texts: Any, offsets: Any, num_tokens: int) -> np.ndarray:
    """First half of the tokens, second half: what the noise of an untrained model can be cut into."""
    segments = np.full((len(texts), num_tokens), -1)
    for row, spans in zip(segments, offsets, strict=True):
        row[: len(spans)] = np.arange(len(spans)) >= len(spans) // 2
    return segments


@pytest.mark.parametrize("loss", LOSSES)
def test_segment_advantages_train_with_every_loss(loss: str, tmp_path: Path) -> None:
    seen: list[Any] = []

    class Watched(trl.GroupGRPOTrainer):
        def _compute_loss(self, model: Any, inputs: Any) -> Any:
            seen.append(inputs["advantages"].clone())
            return super()._compute_loss(model, inputs)

    torch.manual_seed(0)
    tokenizer = tiny.byte_tokenizer()
    level = "sequence" if loss == "luspo" else "token"
    run = Watched(
        model=tiny.tiny_model(tokenizer),
        reward_funcs=Parts(),
        args=tiny.settings(
            tmp_path,
            per_device_train_batch_size=4,
            num_generations=4,
            gradient_accumulation_steps=2,
            max_completion_length=12,
            max_steps=2,
            learning_rate=1e-3,
            loss_type=loss,
            importance_sampling_level=level,
        ),
        train_dataset=Dataset.from_list([{"prompt": f"q{i}"} for i in range(8)]),
        processing_class=tokenizer,
        segmenter=halves,
    )
    before = [p.detach().clone() for p in run.model.parameters()]
    log = tiny.train(run)
    assert all(a.dim() == 2 and torch.isfinite(a).all() for a in seen)
    assert any((a[:, 0] != a[:, a.shape[1] // 2]).any() for a in seen)
    assert all(math.isfinite(row["loss"]) and row["grad_norm"] > 0 for row in log)
    assert any((a != b).any() for a, b in zip(before, run.model.parameters(), strict=True))
    assert all(row["parts/perception"] > 0 for row in log)


def test_segment_advantages_are_those_of_the_definition(tmp_path: Path) -> None:
    """Every number that reaches the loss, with a second reward for the whole response and unequal weights."""
    calls: list[Any] = []

    class Watched(trl.GroupGRPOTrainer):
        def _generate_and_score_completions(self, inputs: Any) -> Any:
            out = super()._generate_and_score_completions(inputs)
            calls.append((out, self._kt_rewards.clone(), self.reward_funcs[0].last.copy()))
            return out

    def brevity(completions: Any, **columns: Any) -> list[float]:
        return [-len(text) / 50 for text in completions]

    data = Dataset.from_list([{"prompt": f"q{i}"} for i in range(8)])
    run = trainer(tmp_path, [Parts(), brevity], data, cls=Watched, reward_weights=[2.0, 0.5], max_steps=1)
    tiny.train(run)
    out, matrix, parts = calls[0]
    text = ["<|im_end|>" not in t for t in run.processing_class.batch_decode(out["completion_ids"])]
    assert any(text)
    rewards = 2.0 * parts + 0.5 * matrix[:, 1:].double().numpy()
    groups = np.repeat([0, 1], 4)
    want = np.stack([kt.group_advantages(np.ascontiguousarray(r), groups) for r in rewards.T], axis=1)
    # Noise has no `</observation>`: everything is reasoning.
    expected = np.where(out["completion_mask"].numpy() > 0, want[:, 1:], 0.0)
    np.testing.assert_allclose(out["advantages"].numpy(), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected).max() > 0.5


def test_observation_tokens_get_the_advantage_of_perception() -> None:
    tokenizer = tiny.byte_tokenizer()
    texts = ["<observation>é ball</observation> <think>it</think>", "<think>no observation</think>"]
    ids = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]
    longest = max(map(len, ids))
    padded = torch.tensor([row + [tokenizer.pad_token_id] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    mixin = object.__new__(trl.GroupRewardMixin)
    mixin.processing_class, mixin._kt_segmenter = tokenizer, kt.rewards.token_segments
    segments = mixin._kt_segments(padded, mask)
    cut = len(tokenizer("<observation>é ball</observation>")["input_ids"])
    assert segments[0].tolist() == [0] * cut + [1] * (len(ids[0]) - cut) + [-1] * (longest - len(ids[0]))
    assert segments[1].tolist() == [1] * len(ids[1]) + [-1] * (longest - len(ids[1]))


def test_settings_without_a_meaning_for_segments_are_refused(tmp_path: Path) -> None:
    data = Dataset.from_list([{"prompt": "q"}] * 8)
    with pytest.raises(ValueError, match=r"^scale_rewards: expected"):
        trainer(tmp_path, Parts(), data, cls=trl.GroupGRPOTrainer, scale_rewards="batch")
    with pytest.raises(ValueError, match=r"^reward_funcs: expected at most one"):
        trainer(tmp_path, [Parts(), Parts()], data, cls=trl.GroupGRPOTrainer)
