"""Trainers: one module each, imported when it is named; none imports its trainer before it is used.

`kinetrace.integrations.trl`, `.verl`, `.verl_omni`, `.swift`, `.easyr1`, `.openrlhf`, `.slime`, `.cosmos` for language and
vision-language models; `.flow_grpo`, `.videoalign` (DanceGRPO), `.fastvideo`, `.flow_factory`, `.vader`, `.videox_fun` for
video diffusion; `.ray` for many clips. docs/trainers has a page for each.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: Modules of this package that are for users.
NAMES = (
    "cosmos",
    "easyr1",
    "fastvideo",
    "flow_factory",
    "flow_grpo",
    "openrlhf",
    "ray",
    "slime",
    "swift",
    "trl",
    "vader",
    "verl",
    "verl_omni",
    "videoalign",
    "videox_fun",
)


def __getattr__(name: str) -> Any:
    """A trainer's module, imported when it is first named."""
    if name in NAMES:
        return import_module(f"kinetrace.integrations.{name}")
    raise AttributeError(f"module 'kinetrace.integrations' has no attribute {name!r}")
