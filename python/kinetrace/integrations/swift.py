"""ms-swift: rewards as ORM classes, registered by name.

    swift rlhf --rlhf_type grpo --external_plugins "$(python -m kinetrace plugin-path swift)" \\
        --reward_funcs kinetrace_process kinetrace_accuracy --reward_weights 1.0 1.0
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping
from typing import Any

from kinetrace.integrations._rewards import NAMED, VARIABLE, from_environment, name_of, numbers, reward_of

PREFIX = "kinetrace_"


def orm(reward: Any = "process", arguments: Mapping[str, Any] | None = None, *, base: type | None = None) -> type:
    """An ORM class around a reward: `orms["mine"] = orm(my_reward)`.

    Args:
        reward: see `kinetrace.integrations.verl.compute_score`.
        arguments: of the reward's class.
        base: swift's ORM; None: imported from swift.

    Returns:
        A class whose objects are called `(completions, **columns)` and return list[float | None]. ms-swift's
        `prompt_id` is the group of a response: rewards with a `group_column` get it unless they name another.
    """
    own = reward_of(reward, arguments)
    if getattr(own, "group_column", "none") is None:
        own = copy.copy(own)  # the caller's object stays as it is
        own.group_column = "prompt_id"  # type: ignore[attr-defined]
    plain = base is object
    parent: Any = base
    if parent is None:
        from swift.rewards import ORM

        parent = ORM
    return type(
        f"Kinetrace_{name_of(own)}",
        (_Orm, parent),
        {"__module__": __name__, "reward": staticmethod(own), "__reduce__": lambda self: (_again, (own, plain))},
    )


class _Orm:
    """What the classes of `orm` do; their bases and rewards differ."""

    reward: Any

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args
        self.__name__ = name_of(self.reward)

    def __call__(self, completions: Any, **columns: Any) -> list[float | None]:
        values = list(self.reward(completions=completions, **columns))
        finite = numbers(values, len(completions), math.nan)
        return [None if math.isnan(value) else value for value in finite]


def _again(reward: Any, plain: bool) -> Any:
    """The object that was pickled; its arguments stay behind."""
    return orm(reward, base=object if plain else None)()


def register(orms: Any = None) -> list[str]:
    """Registers every reward that needs no further argument, and that of KINETRACE_REWARD as "kinetrace".

    Args:
        orms: swift's registry; None: imported from swift.

    Returns:
        The names for --reward_funcs.
    """
    base: type | None = object
    if orms is None:
        from swift.rewards import orms as registry

        orms, base = registry, None
    names = {PREFIX + name: (name, None) for name in NAMED if name != "process_aware"}
    for name, (reward, arguments) in names.items():
        orms[name] = orm(reward, arguments, base=base)
    if os.environ.get(VARIABLE):
        orms["kinetrace"] = orm(from_environment()[0], base=base)
    return [*names, *(["kinetrace"] if os.environ.get(VARIABLE) else [])]
