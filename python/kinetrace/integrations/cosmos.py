"""cosmos-rl: reward functions for `launch_worker(reward_fns=[...])`, of single responses and of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinetrace.integrations._rewards import name_of, reward_of, score_rows
from kinetrace.integrations.easyr1 import unpacked


class RewardFunction:
    """A reward as cosmos-rl calls it: `fn(to_be_evaluated, reference, prompt=..., **kw) -> (float, dict)`.

    With `group_reward_calculation` cosmos-rl gives a list of responses to one prompt, and gets lists.

    Args:
        reward: see `kinetrace.integrations.verl.compute_score`.
        arguments: of the reward's class.
        fallback: the score of what cannot be scored; None: the reward's own `undefined`, or 0.

    Example:
        >>> from kinetrace.integrations.cosmos import RewardFunction
        >>> function = RewardFunction("process")
        >>> reference = '{"reference_steps": ["The ball falls.", "It stops."]}'
        >>> value, parts = function("<think>The ball falls. It stops.</think>", reference, prompt="?")
        >>> value, parts["generated_steps"]
        (1.0, 2.0)
    """

    def __init__(
        self, reward: Any = "process", arguments: Mapping[str, Any] | None = None, *, fallback: float | None = None
    ) -> None:
        self.reward, self.fallback = reward_of(reward, arguments), fallback
        self.__name__ = name_of(self.reward)

    def __call__(self, to_be_evaluated: Any, reference: Any = None, prompt: Any = None, **kwargs: Any) -> Any:
        """Value and components; lists of both for a list of responses.

        Args:
            to_be_evaluated: a response, or the responses of a group.
            reference: a JSON object of columns, see `kinetrace.integrations.easyr1.compute_score`, or an answer.
            prompt: the prompt.
            **kwargs: data_packer, config, tokenizer: not used.
        """
        if isinstance(to_be_evaluated, str):
            values, parts = self._group([to_be_evaluated], reference, prompt)
            return values[0], parts[0]
        return self._group(list(to_be_evaluated), reference, prompt)

    def _group(self, texts: Sequence[str], reference: Any, prompt: Any) -> tuple[list[float], list[dict[str, float]]]:
        infos = [{"prompts": prompt} for _ in texts]
        rows = score_rows(self.reward, texts, [unpacked(reference)] * len(texts), infos, fallback=self.fallback)
        return [row.pop("score") for row in rows], rows
