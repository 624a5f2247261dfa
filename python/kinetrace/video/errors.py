"""Errors of the video part: bad input files and missing optional packages."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class InputError(ValueError):
    """An input file that cannot be scored; its text is one line that names the file and the cause."""

    def __init__(self, path: object, cause: str) -> None:
        self.path = str(path)
        self.cause = " ".join(cause.split())
        super().__init__(f"{self.path}: {self.cause}")


class MissingExtraError(ImportError):
    """A package of the `video` extra is not installed."""


def _load(module: str, package: str) -> Any:
    try:
        loaded: ModuleType = importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{package} is not installed ({error}); the video commands need: pip install 'kinetrace[video]'"
        ) from error
    return loaded


def load_cv2() -> Any:
    """OpenCV, or a clear error that names the extra."""
    return _load("cv2", "opencv-python-headless")


def load_av() -> Any:
    """PyAV, or a clear error that names the extra."""
    return _load("av", "av")


def load_pyplot() -> Any:
    """Matplotlib's pyplot on the Agg canvas, or a clear error that names the extra."""
    _load("matplotlib", "matplotlib").use("Agg")
    return _load("matplotlib.pyplot", "matplotlib")
