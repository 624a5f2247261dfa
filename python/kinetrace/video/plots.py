"""PNG plots of a scored clip: paths over frames, fitted against measured coordinates, residual map."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np

from .analyse import ClipResult, raw_path
from .errors import load_pyplot
from .results import score_parts_text, write_bytes

_SHOWN: Final = 6
_COLOURS: Final = (
    "#e41a1c",
    "#377eb8",
    "#4daf4a",
    "#984ea3",
    "#ff7f00",
    "#c0a000",
    "#a65628",
    "#f781bf",
    "#17becf",
    "#777777",
)


def write_plots(result: ClipResult, folder: Path, stem: str) -> list[str]:
    """Writes the three plots of a clip into a folder, each whole or not at all; returns their names."""
    plt = load_pyplot()
    names = []
    for suffix, draw in (("paths", _draw_paths), ("fit", _draw_fit), ("residual", _draw_residual)):
        figure = draw(plt, result)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
        plt.close(figure)
        name = f"{stem}.{suffix}.png"
        write_bytes(folder / name, buffer.getvalue())
        names.append(name)
    return names


def _picture(plt: Any, result: ClipResult) -> tuple[Any, Any]:
    width, height = result.clip.size
    figure, axes = plt.subplots(figsize=(8.0, 8.0 * height / width + 0.6), layout="constrained")
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_aspect("equal")
    return figure, axes


def _draw_paths(plt: Any, result: ClipResult) -> Any:
    """Point tracks (thin), centres (a dot per frame) and the fitted path (dashed) over a blend of frames."""
    figure, axes = _picture(plt, result)
    frames = result.clip.frames
    chosen = np.unique(np.linspace(0, len(frames) - 1, 4).astype(int))
    axes.imshow(frames[chosen].mean(0), cmap="gray", vmin=0, vmax=255)
    to_raw = np.linalg.inv(result.camera.to_first)
    for i, entity in enumerate(result.entities):
        colour = _COLOURS[i % len(_COLOURS)]
        tracks = np.where(entity.inliers[..., None], result.tracks.positions[:, entity.points], np.nan)
        for k in range(0, tracks.shape[1], max(1, tracks.shape[1] // 40)):
            axes.plot(tracks[:, k, 0], tracks[:, k, 1], "-", color=colour, linewidth=0.4, alpha=0.5)
        centre = raw_path(entity, result.camera)
        axes.plot(centre[:, 0], centre[:, 1], "o-", color=colour, markersize=3, linewidth=1.2)
        fitted = np.einsum("tij,tj->ti", to_raw[:, :2, :2], result.scores[i].fitted) + to_raw[:, :2, 2]
        span = slice(entity.first, entity.last + 1)
        axes.plot(fitted[span, 0], fitted[span, 1], "--", color="white", linewidth=1.0)
        place = centre[entity.first]
        axes.annotate(
            f"{i + 1}: {result.scores[i].score:.2f}",
            place,
            xytext=(6, -10),
            textcoords="offset points",
            color="white",
            fontsize=9,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5, "alpha": 0.8},
        )
    axes.set_title(
        f"{result.clip.name}: paths (dots: measured, dashed: constant acceleration), score {result.score:.3f}"
    )
    return figure


def _draw_fit(plt: Any, result: ClipResult) -> Any:
    """Coordinates over time, measured and fitted, with the residual below; one column per entity."""
    shown = min(_SHOWN, len(result.entities))
    figure, axes = plt.subplots(
        3,
        shown,
        figsize=(4.0 * shown + 1.0, 7.0),
        layout="constrained",
        squeeze=False,
        sharex="col",
        height_ratios=(2, 2, 1),
    )
    times = result.clip.times_s
    for i in range(shown):
        entity, score = result.entities[i], result.scores[i]
        column = axes[:, i]
        for axis, (name, colour) in enumerate((("x", "#377eb8"), ("y", "#e41a1c"))):
            column[axis].plot(times, entity.centre[:, axis], "o", color=colour, markersize=3.5, label="measured")
            column[axis].plot(times, score.fitted[:, axis], "-", color="black", linewidth=1, label="fitted")
            column[axis].set_ylabel(f"{name} (px)")
            residual = entity.centre[:, axis] - score.fitted[:, axis]
            column[2].plot(times, residual, ".-", color=colour, linewidth=0.8, markersize=4, label=name)
            seen = np.concatenate([entity.centre[entity.seen, axis], score.fitted[entity.seen, axis]])
            pad = 0.05 * np.ptp(seen) + 1
            column[axis].set_ylim(seen.max() + pad, seen.min() - pad) if axis else column[axis].set_ylim(
                seen.min() - pad, seen.max() + pad
            )
        for contact in score.contacts:
            for panel in column:
                panel.axvline(contact, color="gray", linestyle=":", linewidth=1)
        column[0].set_title(
            f"entity {i + 1}: score {score.score:.3f}\n"
            f"a = ({score.acceleration[0]:.1f}, {score.acceleration[1]:.1f}) "
            f"px/s², RMS {score.residual_rms:.3g} px\n{score_parts_text(score)}",
            fontsize=9,
        )
        column[2].axhline(0, color="black", linewidth=0.5)
        column[2].set_ylabel("residual (px)")
        column[2].set_xlabel("time (s)")
    axes[0, 0].legend(fontsize=8)
    axes[2, 0].legend(fontsize=8)
    return figure


def _draw_residual(plt: Any, result: ClipResult) -> Any:
    """Where the published Eulerian residual is large, averaged over the clip, on a logarithmic scale."""
    figure, axes = _picture(plt, result)
    field = np.sqrt(result.residual_map)
    top = max(float(field.max()), 1e-3)
    from matplotlib.colors import LogNorm

    image = axes.imshow(np.maximum(field, top * 1e-3), cmap="magma", norm=LogNorm(vmin=top * 1e-3, vmax=top))
    figure.colorbar(image, ax=axes, label="RMS second difference of flow (px)", shrink=0.8)
    axes.set_title(f"{result.clip.name}: kinematic residual, mean square {result.kinematic_residual:.3g} px²")
    return figure
