"""Random inputs of fuzzed calls: nasty values, nasty memory, and arguments that must be refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator

#: How far magnitudes go. "plain" and "wide" stay where nothing overflows or vanishes; "wild" does not.
REGIMES = ("plain", "plain", "wide", "wild")
#: Largest power of ten of a value in the regime "wide": its squares times weights stay far inside the dtype.
WIDE = {"float32": 5, "float64": 40}
# Room for huge strides, which the system hands out only page by page: 32 MB for each array of a call, eight at the most.
_ARENAS = np.zeros((8, 1 << 25), np.uint8)
_turn = [0]  # whose turn it is


class Call(NamedTuple):
    """One call of a public function."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    dtype: Any
    regime: str
    broken: str  # name of the argument that must be refused, or ""


def pick(rng: Rng, choices: Any) -> Any:
    """One of `choices`, which may hold anything."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: Rng, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def size(rng: Rng, most: int) -> int:
    """An extent: often 0, 1 or 2."""
    return int(pick(rng, (0, 1, 1, 2, 3, int(rng.integers(0, most + 1)), int(rng.integers(0, most + 1)))))


def values(rng: Rng, shape: tuple[int, ...], dtype: Any, regime: str) -> Array:
    """Numbers of a regime; "wild" has NaN, infinities, denormals, 1e38 and 1e-38 (1e308 and 1e-308) among them."""
    x = rng.normal(size=shape)
    if regime == "wide":
        x = x * 10.0 ** rng.integers(-WIDE[np.dtype(dtype).name], WIDE[np.dtype(dtype).name] + 1)
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(dtype)
    if regime == "wild":
        where = rng.random(shape) < pick(rng, (0.02, 0.3, 1.0))
        x[where] = rng.choice(specials(dtype), size=int(where.sum()))
    return x


def specials(dtype: Any) -> Array:
    """Values that break careless arithmetic."""
    limits = np.finfo(dtype)
    big, small = float(limits.max), float(limits.tiny)
    least = limits.smallest_subnormal
    positive = [np.nan, np.inf, big, big / 3, big**0.5, big**0.25, small, small**0.5, small / 4, least, 0.0]
    return np.array([s * x for x in positive for s in (1, -1)], dtype)


def lay_out(rng: Rng, x: Array) -> Any:
    """The same values in other memory: strided, reversed, read-only, far apart, or in another library."""
    kinds = ("c", "c", "fortran", "permuted", "reversed", "stepped", "far", "readonly", "torch", "torch")
    kind = pick(rng, kinds)
    if kind == "fortran":
        return np.asfortranarray(x)
    if kind == "permuted":
        order = rng.permutation(x.ndim)
        return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if kind == "reversed":
        back = tuple(slice(None, None, int(pick(rng, (-1, 1)))) for _ in range(x.ndim))
        return np.ascontiguousarray(x[back])[back]
    if kind == "stepped":
        steps = rng.integers(1, 4, x.ndim)
        room = np.full([n * int(s) + 1 for n, s in zip(x.shape, steps, strict=True)], 113, x.dtype)
        view = room[tuple(slice(0, n * int(s), int(s)) for n, s in zip(x.shape, steps, strict=True))]
        view[...] = x
        return view
    if kind == "far":
        return _far(rng, x)
    if kind == "torch":
        import torch

        return torch.from_numpy(np.array(x, order=pick(rng, "CF")))
    copy = np.array(x, order="C")
    copy.flags.writeable = kind != "readonly"
    return copy


def _far(rng: Rng, x: Array) -> Array:
    """A view with jumps of up to megabytes along one axis, in memory of its own among the arrays of a call."""
    if x.ndim == 0 or x.size == 0:
        return x.copy()
    axis = int(rng.integers(x.ndim))
    arena = _ARENAS[_turn[0]]
    jump = len(arena) // x.shape[axis] // 1024 * 1024
    if x.size // x.shape[axis] * x.itemsize > jump:
        return x.copy()
    strides, step = [0] * x.ndim, x.itemsize
    for i in reversed(range(x.ndim)):
        if i != axis:
            strides[i], step = step, step * x.shape[i]
    strides[axis] = jump
    _turn[0] = (_turn[0] + 1) % len(_ARENAS)
    view: Array = np.ndarray(x.shape, x.dtype, arena, 0, tuple(strides))
    if chance(rng, 0.5):
        view = view[tuple(slice(None, None, -1) if i == axis else slice(None) for i in range(x.ndim))]
    view[...] = x
    return view


#: Values that each kind of option refuses.
BAD: dict[str, tuple[Any, ...]] = {
    "positive": ("1", 0, -1.0, float("nan"), float("inf"), True, [1.0], 1j, 10**400, b"1"),
    "int": ("1", 1.5, -1, 2**31, 2**70, True, [1], float("nan")),
    "choice": ("", "Huber", "mean ", 1, b"mean", True, ["mean"]),
    "threads": (0, -1, 4097, 2**70, 1.0, "2", True),
}


def break_array(rng: Rng, x: Any) -> Any:
    """Something in the place of array `x` that must be refused whatever else the call holds."""
    x = np.asarray(x)
    kind = int(rng.integers(9))
    if kind == 0:
        return x.tolist()
    if kind == 1:
        return np.ones(x.shape, ">f4")
    if kind == 2:
        return np.ones(x.shape, np.complex64)
    if kind == 3:
        return x[None, None, None, None, None]
    if kind == 4:
        return pick(rng, ("text", 1.5, object(), {}, (1, 2)))
    if kind == 5:
        with np.errstate(all="ignore"):
            return x.astype(np.int16)
    if kind == 6:
        memory = bytearray(4 * max(x.size, 1) + 1)
        return np.frombuffer(memory, np.float32, max(x.size, 1), offset=1).reshape(x.shape if x.size else (1,))
    if kind == 7:
        return np.float32(1.5) * np.ones(())
    return x.astype(object)


def frozen(call: Call) -> list[bytes]:
    """Bytes of all array arguments, to see that a call writes to none."""
    return [np.asarray(x).tobytes() for x in (*call.args, *call.options.values()) if hasattr(x, "shape")]


def plain(x: Any) -> Any:
    """NumPy arrays for tensors, at any depth of a result."""
    if hasattr(x, "_asdict"):
        return type(x)(*(plain(y) for y in x))
    return x.numpy() if hasattr(x, "numpy") and not isinstance(x, np.ndarray) else x
