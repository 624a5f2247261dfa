"""Random alignment problems that peers solve one by one and kinetrace in batches, and the judgement of both."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, wraps
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest

from kinetrace._reference._dtw_table import local_costs
from kinetrace.step_pattern import StepPattern

LONGEST = 40
#: Relative error allowed to float64: some 80 additions in another order, and the square of a peer's square root.
FLOAT64 = 1e-12
#: The same for float32, per addition and rounding of a cost: 2^-23, over at most n + m cells and D + 3 roundings.
FLOAT32 = 2.0**-23

R = TypeVar("R")
Cells = tuple[tuple[int, int], ...]
KINDS = ("normal", "single", "ties")


def peer(name: str) -> Any:
    """The module `name` of a peer; where its package is missing the tests of this file are skipped, saying so."""
    package = name.partition(".")[0]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:  # None: a folder of tests that has the package's name
        pytest.skip(f"peer {package} not installed: pip install kinetrace[peers]", allow_module_level=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


class Answer(NamedTuple):
    """What a peer says of one pair, in kinetrace's terms: squared costs summed, paths from start to end."""

    distance: float
    path: Cells | None


@dataclass(frozen=True, eq=False)
class Group:
    """Problems that share their options.

    Lengths are uniform from 1 to `longest`. Shapes: "any", "equal" (n = m), "wide" (n <= m), "tall" (n >= m). Of the three
    kinds, which take turns, "normal" has full float64 mantissas, "single" values that float32 holds, and "ties" small
    integers, whose sums are exact and often equal.
    """

    name: str
    count: int
    #: Options of kinetrace.dtw.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Options of the peer.
    peer: Mapping[str, Any] = field(default_factory=dict)
    coordinates: int = 1
    shape: str = "any"
    #: The peer's window where it is not one of kinetrace's: inside(i, j, n, m), given to kinetrace as infinite costs.
    mask: Callable[..., Any] | None = None
    #: Whether the peer breaks ties as kinetrace does, so that paths are equal and not only equally cheap. Not where
    #: costs are roots, of which the sums of ties round.
    same_ties: bool = True
    longest: int = LONGEST
    #: Whether every sequence is the longest.
    same_length: bool = False

    def __repr__(self) -> str:
        return self.name

    @cached_property
    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """n (B,) and m (B,)."""
        rng = np.random.default_rng([len(self.name), *self.name.encode()])
        n, m = rng.integers(1, self.longest + 1, size=(2, self.count))
        if self.same_length:
            n = m = np.full(self.count, self.longest)
        elif self.shape == "equal":
            m = n
        elif self.shape == "wide":
            n, m = np.minimum(n, m), np.maximum(n, m)
        elif self.shape == "tall":
            n, m = np.maximum(n, m), np.minimum(n, m)
        return n, m

    @cached_property
    def kinds(self) -> np.ndarray:
        """(B,) index into KINDS."""
        return np.arange(self.count) % len(KINDS)

    @cached_property
    def sequences(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y (B, longest, D), NaN beyond the lengths."""
        rng = np.random.default_rng([7, len(self.name), *self.name.encode()])
        kinds = self.kinds[:, None, None]
        arrays = []
        for lengths in self.lengths:
            normal = rng.normal(size=(self.count, self.longest, self.coordinates))
            ties = rng.integers(0, 4, size=normal.shape).astype(np.float64)
            array = np.select([kinds == 0, kinds == 1], [normal, normal.astype(np.float32)], ties)
            array[np.arange(self.longest) >= lengths[:, None]] = np.nan
            arrays.append(array)
        return arrays[0], arrays[1]

    def pair(self, b: int) -> tuple[np.ndarray, np.ndarray]:
        """x (n, D) and y (m, D) of problem b."""
        (x, y), (n, m) = self.sequences, self.lengths
        return np.ascontiguousarray(x[b, : n[b]]), np.ascontiguousarray(y[b, : m[b]])

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All problems one by one, as a peer takes them."""
        return (self.pair(b) for b in range(self.count))

    def cost(self, b: int) -> np.ndarray:
        """Local costs (n, m) of problem b by the definition, infinite outside the mask."""
        x, y = self.pair(b)
        cost = local_costs(x, y, self.options.get("metric", "sqeuclidean"))
        if self.mask is not None:
            i, j = np.indices(cost.shape)
            cost = np.where(self.mask(i, j, *cost.shape), cost, np.inf)
        return cost

    @cached_property
    def costs(self) -> np.ndarray:
        """(B, longest, longest), NaN beyond the lengths."""
        costs = np.full((self.count, self.longest, self.longest), np.nan)
        for b in range(self.count):
            cost = self.cost(b)
            costs[b, : cost.shape[0], : cost.shape[1]] = cost
        return costs


def solve(backend: Any, group: Group, dtype: Any = np.float64) -> Any:
    """kinetrace's result for the whole group in one call."""
    n, m = group.lengths
    lengths = {"x_lengths": n, "y_lengths": m}
    if group.mask is None:
        x, y = (array.astype(dtype) for array in group.sequences)
        return backend.call("dtw", x, y, return_path=True, **lengths, **group.options)
    options = {name: value for name, value in group.options.items() if name != "metric"}
    return backend.call("dtw_from_cost", group.costs.astype(dtype), return_path=True, **lengths, **options)


def check(backend: Any, group: Group, answers: list[Answer], dtype: Any) -> None:
    """Asserts that distances agree and that each path of the peer is kinetrace's, or as cheap where ties allow."""
    result = solve(backend, group, dtype)
    n, m = group.lengths
    want = np.array([answer.distance for answer in answers])
    chosen = np.ones(group.count, dtype=bool) if dtype == np.float64 else group.kinds > 0
    relative = FLOAT64 if dtype == np.float64 else FLOAT32 * (n + m + group.coordinates + 3)
    bound = relative * np.where(np.isfinite(want), np.abs(want), 0)
    with np.errstate(invalid="ignore"):
        wrong = chosen & ~((result.distance == want) | (np.abs(result.distance - want) <= bound))
    assert not wrong.any(), _difference(group, wrong, result.distance, want)
    np.testing.assert_array_equal(result.status[chosen], np.where(np.isinf(want), 5, 0)[chosen])
    for b in np.flatnonzero(chosen & np.isfinite(want)):
        theirs = answers[b].path
        if theirs is not None:
            _check_path(group, int(b), theirs, result, 4 * float(np.broadcast_to(relative, want.shape)[b]))


def _difference(group: Group, wrong: np.ndarray, got: np.ndarray, want: np.ndarray) -> str:
    b = int(np.flatnonzero(wrong)[0])
    x, y = group.pair(b)
    return (
        f"{group}: {wrong.sum()} of {len(wrong)} distances differ, first {b}: {got[b]!r}, the peer has {want[b]!r}\n"
        f"x = {x.tolist()}\ny = {y.tolist()}"
    )


def _check_path(group: Group, b: int, theirs: Cells, result: Any, relative: float) -> None:
    ours = tuple((int(i), int(j)) for i, j in result.path[b, : result.path_lengths[b]])
    if ours == theirs:
        return
    tied = group.kinds[b] == KINDS.index("ties")
    assert tied or result.distance.dtype == np.float32, f"{group} {b}: path {ours}, the peer has {theirs}"
    assert not (group.same_ties and tied), f"{group} {b}: ties broken as {ours}, by the peer as {theirs}"
    worth = path_cost(group.cost(b), theirs, group.options.get("step", "symmetric1"))
    assert abs(worth - result.distance[b]) <= relative * abs(worth), f"{group} {b}: the peer's path costs {worth}"


def path_cost(cost: np.ndarray, cells: Cells, step: StepPattern | str) -> float:
    """Accumulated cost along a path of the pattern's steps."""
    weights = {(di, dj): weight for di, dj, weight in reversed(StepPattern.of(step).steps)}
    total = float(cost[cells[0]])
    for before, cell in pairwise(cells):
        total += weights[cell[0] - before[0], cell[1] - before[1]] * float(cost[cell])
    return total


def cells(path: Any) -> Cells:
    """A peer's list or array of index pairs as tuples of ints."""
    return tuple((int(i), int(j)) for i, j in path)


def once(function: Callable[..., R]) -> Callable[..., R]:
    """A loop over a peer, run once for all back ends and dtypes; what the peer warns of is not ours."""

    @wraps(function)
    def quiet(*args: Any) -> R:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args)

    return cache(quiet)


def total(groups: tuple[Group, ...]) -> int:
    """Problems in all groups."""
    return sum(group.count for group in groups)


DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
