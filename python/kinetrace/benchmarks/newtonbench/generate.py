"""Writes clips and their truth: the work of `kinetrace simulate newtonbench`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from kinetrace.primitives import PRIMITIVES, PrimitiveKind
from kinetrace.video.render import write_clip

from .camera import place_camera
from .draw import draw_clip
from .motion import reach, simulate
from .renderer import Renderer
from .spec import SPLITS, VARIANTS, ClipSpec, Split, View, variants_of
from .truth import Truth, make_truth, save_truth

Driver = Literal["analytic", "mujoco"]
DRIVERS: Final[tuple[Driver, ...]] = ("analytic", "mujoco")


def clip_specs(
    *,
    splits: Sequence[Split] = SPLITS,
    primitives: Sequence[PrimitiveKind] = PRIMITIVES,
    clips: int = 10,
    variants: Sequence[str] = (),
    view: View = "parallel",
    seed: int = 0,
    ranges: dict[str, Any] | None = None,
) -> Iterator[ClipSpec]:
    """The clips of a benchmark: `clips` for each primitive and split, each followed by its unlawful twins.

    Variants that a primitive does not have are left out for it.

    Raises:
        ValueError: unknown split, primitive or variant, or clips < 1.
    """
    unknown = [v for v in variants if v not in VARIANTS]
    if unknown:
        raise ValueError(f"variants: expected some of {', '.join(VARIANTS)}, got {unknown[0]!r}")
    if clips < 1:
        raise ValueError(f"clips: expected at least 1, got {clips}")
    for split in splits:
        for primitive in primitives:
            for index in range(clips):
                spec = draw_clip(primitive, split, index, seed=seed, view=view, ranges=ranges)
                yield spec
                yield from (spec.with_variant(v) for v in variants if v in variants_of(primitive))


def render_clip(
    spec: ClipSpec, *, driver: Driver = "analytic", ranges: dict[str, Any] | None = None
) -> tuple[npt.NDArray[np.uint8], Truth]:
    """Renders a clip with MuJoCo.

    Args:
        spec: from `draw_clip`.
        driver: "analytic" puts the object where `kinetrace.simulate_primitive` says: exact, and the only driver
            of unlawful variants. "mujoco" lets MuJoCo's dynamics move it, with the contact and friction of its
            own solver (see `simulate_dynamics`).
        ranges: the table that the clip was drawn from; None for the package's own.

    Returns:
        Frames (T, H, W, 3) uint8 and the truth.

    Raises:
        RenderingError: MuJoCo or its OpenGL library is missing.
        ValueError: an unlawful clip with the driver "mujoco".
    """
    if driver not in DRIVERS:
        raise ValueError(f"driver: expected one of {', '.join(DRIVERS)}, got {driver!r}")
    motion = simulate(spec, ranges=ranges)
    camera = place_camera(spec, reach(spec, ranges=ranges))
    if driver == "mujoco":
        from .dynamics import simulate_dynamics

        motion = replace(motion, positions_m=simulate_dynamics(spec))
    with Renderer(spec, camera, ranges=ranges) as renderer:
        drawn = [
            renderer.draw(place if there else None)
            for place, there in zip(motion.positions_m, motion.present, strict=True)
        ]
    frames, masks, depth = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return frames, make_truth(spec, motion, camera, masks, depth, driver=driver)


def generate(
    out: Path,
    specs: Sequence[ClipSpec],
    *,
    driver: Driver = "analytic",
    ranges: dict[str, Any] | None = None,
    tick: Callable[[ClipSpec], None] = lambda spec: None,
) -> None:
    """Writes OUT/SPLIT/NAME.mp4, .npz and .json for each clip.

    The same specs give the same files with the same versions of MuJoCo, Mesa and PyAV; the truth but for the
    rendered masks and depth depends on none of them.

    Raises:
        RenderingError: MuJoCo or its OpenGL library is missing.
    """
    for spec in specs:
        tick(spec)
        folder = out / spec.split
        folder.mkdir(parents=True, exist_ok=True)
        frames, truth = render_clip(spec, driver=driver, ranges=ranges)
        write_clip(folder / f"{spec.name}.mp4", frames, spec.fps)
        save_truth(truth, folder / spec.name)
