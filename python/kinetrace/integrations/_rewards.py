"""Rewards by name, for trainers that take text in place of objects, and what their per-sample call forms need."""

from __future__ import annotations

import functools
import importlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kinetrace import rewards
from kinetrace.rewards._trainer import TrainerReward

Reward = Callable[..., Any]
Row = dict[str, float]

#: Names that configurations may use.
NAMED: Mapping[str, type[TrainerReward]] = {
    "accuracy": rewards.AccuracyReward,
    "format": rewards.FormatReward,
    "process": rewards.ProcessReasoningReward,
    "process_aware": rewards.ProcessAwareReward,
    "temporal": rewards.TemporalReward,
}

#: Where trainers without any configuration of a reward look: a name, or JSON {"reward": name, "arguments": {...}}.
VARIABLE = "KINETRACE_REWARD"


def reward_of(reward: Any = "process", arguments: Mapping[str, Any] | None = None) -> Reward:
    """The reward that a configuration means; the same object for the same configuration.

    Args:
        reward: a callable; a name ("accuracy", "format", "process", "process_aware", "temporal"); or "module:attribute"
            of a callable, or of a class that is called with the arguments first.
        arguments: keyword arguments of the reward's class; "preset" where it has presets.

    Raises:
        ValueError: an unknown name; arguments with a callable that takes none.
    """
    if callable(reward):
        if arguments:
            raise ValueError("arguments: expected none with a callable reward, got some")
        own: Reward = reward
        return own
    plain = _plain(dict(arguments or {}))
    return _built(str(reward), json.dumps(plain, sort_keys=True, default=repr), _Held(plain))


def from_environment(default: str = "process") -> tuple[Reward, float | None]:
    """The reward that the environment variable KINETRACE_REWARD means, and the value of what cannot be scored.

    Raises:
        ValueError: unknown keys or names.
    """
    text = os.environ.get(VARIABLE, "").strip() or default
    if not text.startswith("{"):
        return reward_of(text), None
    found = json.loads(text)
    unknown = sorted(set(found) - {"reward", "arguments", "fallback"})
    if unknown:
        raise ValueError(f"{VARIABLE}: expected keys reward, arguments, fallback, got {unknown}")
    fallback = found.get("fallback")
    return reward_of(found.get("reward", default), found.get("arguments")), None if fallback is None else finite(
        fallback
    )


class _Held:
    """Arguments beside their text in a cache key."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)


@functools.lru_cache(maxsize=64)
def _built(name: str, text: str, held: _Held) -> Reward:
    arguments = dict(held.arguments)
    if name in NAMED:
        cls = NAMED[name]
        preset = getattr(cls, "preset", None)
        if "preset" in arguments and callable(preset):
            found: Reward = preset(arguments.pop("preset"), **arguments)
            return found
        return cls(**arguments)
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"reward: expected one of {', '.join(NAMED)} or 'module:attribute', got {name!r:.60}")
    target: Any = functools.reduce(getattr, attribute.split("."), importlib.import_module(module))
    if isinstance(target, type):
        return reward_of(target(**arguments))
    return reward_of(target, arguments)


def _plain(value: Any) -> Any:
    """Containers of configuration libraries as dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(entry) for entry in value]
    return value


def finite(value: Any, name: str = "fallback") -> float:
    """A finite number.

    Raises:
        ValueError: it is none.
    """
    real = float(value)
    if not math.isfinite(real):
        raise ValueError(f"{name}: expected a finite number, got {real!r}")
    return real


def fallback_of(reward: Any, fallback: float | None) -> float:
    """What stands for a reward that is undefined: the fallback, or without one what the reward says itself, or 0.

    Raises:
        ValueError: it is not finite.
    """
    return finite(getattr(reward, "undefined", 0.0) if fallback is None else fallback)


def score_rows(
    reward: Reward, texts: Sequence[str], truths: Any = None, infos: Any = None, *, fallback: float | None = None
) -> list[Row]:
    """Scores in verl's manner: the same finite numbers by the same keys for every sample.

    Args:
        reward: a reward of this library, or any callable in TRL's form.
        texts: completions.
        truths: ground truths: a dict of columns each, or the column the reward takes for it (`solution` for callables
            that are not this library's).
        infos: columns of each sample, as a dict.
        fallback: "score" of what cannot be scored; None: the reward's own `undefined`, or 0.

    Returns:
        Dicts with "score", and the components of the library's rewards.
    """
    fallback = fallback_of(reward, fallback)
    if isinstance(reward, TrainerReward):
        return reward.compute_scores(None, texts, truths, infos, fallback=fallback)
    own = [dict(info or {}) for info in (infos if infos is not None else [None] * len(texts))]
    for info, truth in zip(own, truths if truths is not None else [None] * len(texts), strict=True):
        if isinstance(truth, Mapping):
            info.update(truth)
        else:
            info.setdefault("solution", truth)
    names = dict.fromkeys(key for info in own for key in info if key != "completions")
    columns = {name: [info.get(name) for info in own] for name in names}
    return [{"score": value} for value in numbers(reward(completions=list(texts), **columns), len(texts), fallback)]


def numbers(values: Iterable[Any], count: int, fallback: float = 0.0) -> list[float]:
    """Finite numbers: None, NaN and infinities become the fallback.

    Raises:
        ValueError: not `count` of them.
    """
    listed = list(values)
    if len(listed) != count:
        raise ValueError(f"reward: expected {count} values, one per completion, got {len(listed)}")
    reals = [math.nan if value is None else float(value) for value in listed]
    return [real if math.isfinite(real) else fallback for real in reals]


def name_of(reward: Reward) -> str:
    """What trainers call a reward in their logs."""
    return str(getattr(reward, "__name__", type(reward).__name__))
