"""Metrics of motion and physics in video: dictionaries of named scores."""

from __future__ import annotations

from kinetrace.metrics.pisa import pisa, pisa_coverage, pisa_frames

__all__ = [
    "pisa",
    "pisa_coverage",
    "pisa_frames",
]
