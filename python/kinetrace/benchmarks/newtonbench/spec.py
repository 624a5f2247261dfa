"""The parameters of a clip, and the ranges that they are drawn from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from kinetrace.primitives import PrimitiveKind

Split = Literal["id", "ood"]
View = Literal["parallel", "oblique"]
SPLITS: Final[tuple[Split, ...]] = ("id", "ood")
VIEWS: Final[tuple[View, ...]] = ("parallel", "oblique")
SHAPES: Final = ("sphere", "box", "cylinder")
LAWFUL: Final = "lawful"
VARIANTS: Final = ("hovering", "drifting_acceleration", "vanishing", "teleport", "reversed_friction", "wrong_gravity")
"""The ways in which a clip can break the law; reversed friction is one of the ramps only."""


@dataclass(frozen=True)
class ClipSpec:
    """One clip: what moves, how, and from where it is seen. Metres, seconds, radians."""

    name: str
    split: Split
    primitive: PrimitiveKind
    variant: str
    """"lawful" or one of VARIANTS."""
    num_frames: int
    fps: float
    size_px: int
    fovy_rad: float
    gravity: float
    height_m: float
    speed: float
    angle_rad: float
    friction: float
    shape: str
    radius_m: float
    view: View
    yaw_rad: float
    pitch_rad: float
    seed: tuple[int, ...]
    """Of the appearance and of what a variant draws; shared by a lawful clip and its variants."""

    def with_variant(self, variant: str) -> ClipSpec:
        """The unlawful twin, in all else the same clip."""
        if variant != LAWFUL and variant not in variants_of(self.primitive):
            expected = ", ".join((LAWFUL, *variants_of(self.primitive)))
            raise ValueError(f"variant: expected one of {expected} for {self.primitive}, got {variant!r}")
        stem = self.name.split(".")[0]
        return replace(self, variant=variant, name=stem if variant == LAWFUL else f"{stem}.{variant}")


def variants_of(primitive: PrimitiveKind) -> tuple[str, ...]:
    """The unlawful variants that a primitive has."""
    return tuple(v for v in VARIANTS if v != "reversed_friction" or primitive.startswith("ramp"))


def load_ranges(path: Path | None = None) -> dict[str, Any]:
    """The table of ranges: the package's own, or one of the same form.

    Raises:
        ValueError: the file is not TOML, or lacks a part.
    """
    if path is None:
        return _own_ranges()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"ranges: expected a TOML file, got {path}: {error}") from error
    own = _own_ranges()
    for part in own:
        if set(own[part]) - set(table.get(part, {})):
            missing = ", ".join(sorted(set(own[part]) - set(table.get(part, {}))))
            raise ValueError(f"ranges: expected [{part}] to hold {missing}, got {path} without")
    return table


@cache
def _own_ranges() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("ranges.toml").read_text(encoding="utf-8"))
