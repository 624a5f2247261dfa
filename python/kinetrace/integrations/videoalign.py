"""DanceGRPO and VideoAlign: an object with VideoAlign's `reward(video_paths, prompts, ...)`.

from kinetrace.integrations.videoalign import VideoInferencer
inferencer = VideoInferencer()       # in place of VideoVLMRewardInference in DanceGRPO's training scripts
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any


def motion_score(path: str) -> float | None:
    """kinetrace's own motion score of a video file, `kinetrace score`; None where it has none."""
    from pathlib import Path

    from kinetrace.video.analyse import Options, analyse_file

    score = float(analyse_file(Path(path), Options(None, None, None, (0, None), 16)).score)
    return score if math.isfinite(score) else None


class VideoInferencer:
    """Scores files as VideoAlign does: "MQ" (motion quality) is the reward, "VQ" and "TA" are 0, "Overall" is the sum.

    Args:
        reward: function (path, prompt=...) or (path) of one file to a float or None; None: `motion_score`.
        fallback: of what cannot be scored (DanceGRPO takes -1.0 when an exception is raised).

    Raises:
        Nothing for a bad file: its score is the fallback, for DanceGRPO would swallow the exception.
    """

    def __init__(self, reward: Callable[..., float | None] | None = None, *, fallback: float = -1.0) -> None:
        self.score, self.fallback = reward or motion_score, fallback

    def reward(
        self,
        video_paths: Sequence[str],
        prompts: Sequence[str],
        fps: Any = None,
        num_frames: Any = None,
        max_pixels: Any = None,
        use_norm: bool = True,
    ) -> list[dict[str, float]]:
        """Scores of files; fps, num_frames, max_pixels and use_norm concern VideoAlign's model and are not used."""
        if len(video_paths) != len(prompts):
            raise ValueError(f"prompts: expected {len(video_paths)} entries, one per file, got {len(prompts)}")
        rows = []
        for path in video_paths:
            value = self._value(path)
            rows.append({"VQ": 0.0, "MQ": value, "TA": 0.0, "Overall": value})
        return rows

    def _value(self, path: str) -> float:
        from kinetrace.video.errors import InputError

        try:
            value = self.score(path)
        except (InputError, OSError):
            return self.fallback
        return self.fallback if value is None or not math.isfinite(value) else float(value)
