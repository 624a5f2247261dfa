"""A small progress bar on stderr."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Shows done of total clips, the current stage and the time left; silent unless wanted.

    With `wanted=None` it shows itself only on a terminal.
    """

    def __init__(self, total: int, *, wanted: bool | None = None, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty() if wanted is None else wanted
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._width = 0

    def stage(self, name: str, stage: str) -> None:
        """Redraws the bar with what is being done."""
        if not self._shown:
            return
        filled = int(20 * self._done / max(self._total, 1))
        left = ""
        if self._done:
            rest = (time.monotonic() - self._started) / self._done * (self._total - self._done)
            left = f" {rest:.0f} s left"
        self._draw(f"[{'#' * filled}{'.' * (20 - filled)}] {self._done}/{self._total}{left} {name}: {stage}")

    def advance(self) -> None:
        """One more clip is done."""
        self._done += 1

    def clear(self) -> None:
        """Takes the bar away, so that other text can be printed."""
        if self._shown and self._width:
            self._draw("")
            self._stream.write("\r")
            self._stream.flush()
            self._width = 0

    def _draw(self, text: str) -> None:
        text = text[:120]
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)
