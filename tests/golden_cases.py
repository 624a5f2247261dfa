"""Reads the golden vectors; see golden/README.md."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "golden"


@functools.cache
def document(file: str = "kinematic") -> dict[str, Any]:
    """The whole file, read once."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{file}.json").read_text(encoding="utf-8"))
    return loaded


def cases(name: str, file: str = "kinematic") -> list[dict[str, Any]]:
    """One list of cases."""
    listed: list[dict[str, Any]] = document(file)[name]
    return listed


def case_id(case: dict[str, Any]) -> str:
    """Name of a case for pytest."""
    return str(case["id"])


def allowed(expected: Any, dtype: Any, file: str = "kinematic") -> Any:
    """Elementwise bound atol + rtol |expected| of the precision under test."""
    tolerance = document(file)["tolerance"][np.dtype(dtype).name]
    return tolerance["atol"] + tolerance["rtol"] * np.abs(np.asarray(expected, dtype=np.float64))
