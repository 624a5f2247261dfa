"""What an alignment of two traces looks like: the steps that met, in words and as a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Explanation:
    """One completion's alignment with its reference, as `ProcessReasoningReward.explain` returns it.

    Attributes:
        reference_steps: n steps, one per row of the cost.
        generated_steps: m steps, one per column.
        cost: (n, m) float64.
        path: (P, 2) int32: reference step, generated step of each cell; empty where there is no alignment.
        distance: of the alignment, normalised, without the length penalty; inf where there is none, NaN where a trace
            has no steps.
        length_penalty: what the distance was raised by.
        reward: the process reward in [0, 1] for costs >= 0, or None where it is not defined.
    """

    reference_steps: list[str]
    generated_steps: list[str]
    cost: npt.NDArray[np.float64]
    path: npt.NDArray[np.int32]
    distance: float
    length_penalty: float
    reward: float | None

    def __str__(self) -> str:
        """The reference, step by step, with what it was aligned with."""
        lines = []
        for i, step in enumerate(self.reference_steps):
            lines.append(f"{i + 1}. {step}")
            for j in self.path[self.path[:, 0] == i, 1]:
                lines.append(f"   {self.cost[i, j]:.3f}  {j + 1}. {self.generated_steps[j]}")
        reward = "undefined" if self.reward is None else f"{self.reward:.4f}"
        lines.append(f"distance {self.distance:.4f}, length penalty {self.length_penalty:.4f}, reward {reward}")
        return "\n".join(lines)

    def draw(self, ax: Any = None, *, label_width: int = 36) -> Any:
        """Draws the cost matrix, its path and the steps; needs matplotlib.

        Args:
            ax: matplotlib axes to draw into; None: those of a new figure, which no window shows.
            label_width: characters of a step that are shown.

        Returns:
            The axes; `ax.figure.savefig("alignment.png")` writes the picture.
        """
        rows, columns = len(self.reference_steps), len(self.generated_steps)
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(4.5 + 0.8 * columns, 2.8 + 0.6 * rows), layout="constrained").add_subplot()
        if self.cost.size:
            image = ax.imshow(self.cost, cmap="viridis_r", aspect="auto", vmin=0, vmax=max(1.0, _largest(self.cost)))
            ax.figure.colorbar(image, ax=ax, label="cost")
        if len(self.path):
            ax.plot(self.path[:, 1], self.path[:, 0], "o-", color="tab:red", label="alignment")
        ax.set_xticks(
            range(columns), _labels(self.generated_steps, label_width), rotation=35, ha="right", rotation_mode="anchor"
        )
        ax.set_yticks(range(rows), _labels(self.reference_steps, label_width))
        ax.set(xlabel="generated steps", ylabel="reference steps")
        reward = "undefined" if self.reward is None else f"{self.reward:.3f}"
        ax.set_title(f"distance {self.distance:.3f}, reward {reward}")
        return ax

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        buffer = io.BytesIO()
        self.draw().figure.savefig(buffer, format="png")
        return buffer.getvalue()


def _largest(cost: npt.NDArray[np.float64]) -> float:
    finite = cost[np.isfinite(cost)]
    return float(finite.max(initial=0))


def _labels(steps: list[str], width: int) -> list[str]:
    """Numbered and cut; a dollar sign is no mathematics here."""
    cut = [step if len(step) <= width else step[: width - 1] + "…" for step in steps]
    return [f"{i + 1} {step}".replace("$", r"\$") for i, step in enumerate(cut)]
