"""`kinetrace plugin-path`: where the plug-in file for a trainer lies."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

#: Trainers that take a file, and their other names.
TRAINERS: Mapping[str, str] = {
    "easyr1": "easyr1",
    "ms-swift": "swift",
    "openrlhf": "openrlhf",
    "swift": "swift",
    "verl": "verl",
    "verl-omni": "verl_omni",
    "verl_omni": "verl_omni",
}


def plugin_path(trainer: str) -> Path:
    """The plug-in file for a trainer, in a folder of its own: trainers put that folder on sys.path.

    Raises:
        ValueError: a trainer that takes no file.
    """
    if trainer not in TRAINERS:
        raise ValueError(f"trainer: expected one of {', '.join(sorted(TRAINERS))}, got {trainer!r:.60}")
    name = TRAINERS[trainer]
    return Path(__file__).resolve().parent / "plugins" / name / f"kinetrace_{name}_plugin.py"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("trainer", choices=sorted(TRAINERS), help="the trainer that takes a file")


def run(args: argparse.Namespace) -> int:
    """Prints the path."""
    print(plugin_path(args.trainer))
    return 0
