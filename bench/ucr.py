"""1-NN classification with DTW on the UCR data sets bundled with the aeon package: accuracies and times.

    python bench/ucr.py [float32|float64]

Prints a Markdown table: accuracy by kinetrace.dtw_matrix, the UCR archive's published one, pairs a second.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any, NamedTuple

import numpy as np

import kinetrace

#: Accuracy of 1-NN with DTW over the full window in the UCR archive's own table (1 - error, four digits).
PUBLISHED = {"GunPoint": 0.9067, "ArrowHead": 0.7029, "ItalyPowerDemand": 0.9504, "OSULeaf": 0.5909}
_LOADERS = {
    "GunPoint": "load_gunpoint",
    "ArrowHead": "load_arrow_head",
    "ItalyPowerDemand": "load_italy_power_demand",
    "OSULeaf": "load_osuleaf",
}


class Split(NamedTuple):
    """Series (B, T) float64 and their classes (B,)."""

    series: np.ndarray
    classes: np.ndarray


def load(name: str, split: str) -> Split:
    """One split ("train" or "test") of a data set out of the installed aeon package; nothing is downloaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aeon import datasets

        series, classes = getattr(datasets, _LOADERS[name])(split=split)
    return Split(np.ascontiguousarray(series[:, 0]), np.asarray(classes))


def predictions(train: Split, test: Split, **options: Any) -> np.ndarray:
    """Class of the nearest training series, the first of equally near ones, for each test series."""
    distances = kinetrace.dtw_matrix(test.series, train.series, **options)
    return np.asarray(train.classes[np.argmin(distances, axis=1)])


def accuracy(name: str, dtype: Any = np.float64, **options: Any) -> float:
    """Share of the test series that get their class."""
    train, test = (load(name, split) for split in ("train", "test"))
    train, test = (split._replace(series=split.series.astype(dtype)) for split in (train, test))
    return float(np.mean(predictions(train, test, **options) == test.classes))


def main(dtype: str = "float64") -> None:
    """Prints the table."""
    print(f"| data set | train | test | length | accuracy, {dtype} | published | pairs a second |")
    print("|---|---|---|---|---|---|---|")
    for name, published in PUBLISHED.items():
        train, test = (load(name, split) for split in ("train", "test"))
        train, test = (split._replace(series=split.series.astype(dtype)) for split in (train, test))
        start = time.perf_counter()
        predicted = predictions(train, test)
        seconds = time.perf_counter() - start
        counts = f"{len(train.classes)} | {len(test.classes)} | {test.series.shape[1]}"
        rate = len(train.classes) * len(test.classes) / seconds
        right = float(np.mean(predicted == test.classes))
        print(f"| {name} | {counts} | {right:.4f} | {published:.4f} | {rate:,.0f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
