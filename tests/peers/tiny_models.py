"""Tiny models, tokenizers and settings for trainers: no network, no GPU, no downloaded files.

Importing this sets what transformers and TRL read from the environment, then imports them.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TRL_DISABLE_USAGE_STATS="1",
    TOKENIZERS_PARALLELISM="false",
    CUDA_VISIBLE_DEVICES="",
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
    from trl import GRPOConfig

torch.set_num_threads(1)  # several cost more than they bring in models of this size

PAD, START, END, IMAGE = "<|pad|>", "<|im_start|>", "<|im_end|>", "<image>"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": None,
}


def byte_tokenizer(*more: str, **options: Any) -> PreTrainedTokenizerFast:
    """A token for every byte and every text of `more`."""
    symbols = [*sorted(pre_tokenizers.ByteLevel.alphabet()), PAD, START, END]
    core = Tokenizer(models.BPE(vocab={symbol: i for i, symbol in enumerate(symbols)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return _wrapped(core, *more, **options)


def word_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """One token for each of the texts, which are joined without anything between."""
    core = Tokenizer(
        models.WordLevel(vocab={w: i for i, w in enumerate([*words, "<unk>", PAD, START, END])}, unk_token="<unk>")
    )
    core.pre_tokenizer = pre_tokenizers.Split("|", "removed")
    core.decoder = decoders.Fuse()
    return _wrapped(core)


def _wrapped(core: Tokenizer, *more: str, **options: Any) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        additional_special_tokens=[START, *more],
        **options,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def tiny_model(tokenizer: PreTrainedTokenizerFast, **sizes: Any) -> Qwen2ForCausalLM:
    """A Qwen2 of some ten thousand parameters."""
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), tie_word_embeddings=True, **ids, **(SIZES | sizes)))


def settings(folder: Any, **options: Any) -> GRPOConfig:
    """GRPO on the CPU in float32, without a reference model, logging every step."""
    base: dict[str, Any] = {
        "output_dir": str(folder),
        "use_cpu": True,
        "bf16": False,
        "beta": 0.0,
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
    }
    return GRPOConfig(**(base | options))


def train(trainer: Any) -> list[dict[str, Any]]:
    """Trains; what was logged in every step."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [row for row in trainer.state.log_history if "loss" in row]
