"""verl's reward manager with rewards per segment; importing this imports verl and registers kinetrace's estimators.

    reward.reward_manager.source=importlib
    reward.reward_manager.name=RewardManager
    reward.reward_manager.module.path=pkg://kinetrace.integrations.verl_manager
    algorithm.adv_estimator=kinetrace_pa_grpo

The reward itself is what reward.custom_reward_function says. verl resolves the manager in the controller, too, so the
estimators are known there.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from verl.experimental.reward_loop.reward_manager import register as register_manager
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from kinetrace.integrations import verl
from kinetrace.integrations._offsets import text_and_offsets
from kinetrace.integrations._rewards import finite
from kinetrace.rewards import token_segments


@register_manager("kinetrace")
class RewardManager(RewardManagerBase):  # type: ignore[misc]
    """Scores single samples as verl's naive manager does; where the score has parts "perception" and "reasoning" (the
    reward "process_aware"), they are kept apart with the number of perception's tokens."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any = None,
        reward_router_address: Any = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        super().__init__(config, tokenizer, compute_score)
        self.compute_score = compute_score or verl.compute_score
        self.further = (
            {}
            if reward_router_address is None
            else {"reward_router_address": reward_router_address, "reward_model_tokenizer": reward_model_tokenizer}
        )

    async def run_single(self, data: Any) -> dict[str, Any]:
        """{"reward_score": float, "reward_extra_info": dict of finite floats} of a DataProto with one sample."""
        item = data[-1:][0]
        ids = item.batch["responses"]
        length = int(item.batch["attention_mask"][-len(ids) :].sum())
        text, offsets = await self.loop.run_in_executor(None, text_and_offsets, self.tokenizer, ids[:length].tolist())
        info = dict(item.non_tensor_batch.get("extra_info") or {})
        info.update(item.non_tensor_batch.get("tool_extra_fields") or {})
        info["num_turns"] = item.non_tensor_batch.get("__num_turns__")
        info["rollout_reward_scores"] = item.non_tensor_batch.get("reward_scores", {})
        sample = {
            "data_source": item.non_tensor_batch["data_source"],
            "solution_str": text,
            "ground_truth": item.non_tensor_batch["reward_model"]["ground_truth"],
            "extra_info": info,
        } | self.further
        if inspect.iscoroutinefunction(self.compute_score):
            row = await self.compute_score(**sample)
        else:
            row = await self.loop.run_in_executor(None, lambda: self.compute_score(**sample))
        row = dict(row) if isinstance(row, dict) else {"score": float(row)}
        score = finite(row["score"], "score")
        if "perception" in row and "reasoning" in row:
            tokens = int((token_segments([text], [offsets]) == 0).sum())
            score = verl.SegmentScore(row["perception"], row["reasoning"], tokens)
            row["perception_tokens"] = float(tokens)
        return {"reward_score": score, "reward_extra_info": row}

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: Sequence[float]) -> Any:
        """(B, T) rewards: each segment's at its last token."""
        prompt_length = data.batch["prompts"].size(1)
        return verl.token_rewards(scores, data.batch["attention_mask"][:, prompt_length:])


verl.register()
