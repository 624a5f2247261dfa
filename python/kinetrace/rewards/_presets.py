"""Presets of the process reasoning reward, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """Arguments of `ProcessReasoningReward`, and where each comes from."""

    arguments: Mapping[str, Any]
    provenance: str


#: By name. What is marked [derived] here is kinetrace's choice; the paper of MOSS-ChatV, arXiv 2509.21113, publishes no
#: recurrence, normalisation, reward map, alpha or weights (its reviews and the caption of its figure 2 are quoted).
PRESETS: Mapping[str, Preset] = {
    "caption": Preset(
        {"step": "sequential_jump", "jump": 2, "subsequence": True},
        "The default. Subsequence alignment, ROUGE-1, -2, -L and a jump of 2 are known of MOSS-ChatV from its caption "
        "and reviews; that the jump lies on the generated axis is the most literal reading [derived]. Everything else "
        "(split rule, equal weights, division by n, exp, alpha 1) is [derived]; the paper's values are unknown.",
    ),
    "caption_strict": Preset(
        {"step": "sequential", "subsequence": True},
        "The caption's green dashed lines: strictly sequential matching, without jumps [derived].",
    ),
    "textbook": Preset(
        {"step": "symmetric1", "subsequence": True},
        "Subsequence DTW as in textbooks and libfmp, with its division by n [published there]; the rest [derived].",
    ),
    "textbook_21": Preset(
        {"step": "sigma21", "subsequence": True},
        "Step condition {(1,1),(2,1),(1,2)} of libfmp [published there]; lets a trace skip reference steps.",
    ),
    "plain": Preset(
        {"step": "symmetric1", "subsequence": False, "normalize": "path"},
        "Plain DTW between the whole traces, to compare with; the normalisation is [derived].",
    ),
    "embeddings": Preset(
        {"metric": "cosine", "step": "symmetric1", "subsequence": False, "normalize": "path"},
        "DTW between sentence embeddings as in arXiv 2605.04064 [published in its abstract]; whether it is plain, its "
        "normalisation, map and weights are unknown, those here [derived]. Give `embed` or columns of embeddings.",
    ),
}
