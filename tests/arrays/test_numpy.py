"""NumPy and buffer-protocol arrays: any strides are read in place, nothing is written, odd memory is refused."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from compare import assert_same_bits, rows

Tracks = npt.NDArray[Any]
Layout = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def _fortran(x: Tracks) -> Tracks:
    return np.asfortranarray(x)


def _transposed(x: Tracks) -> Tracks:
    return np.ascontiguousarray(x.transpose(1, 0, 2)).transpose(1, 0, 2)


def _every_second(x: Tracks) -> Tracks:
    wide = np.full((x.shape[0] * 2, x.shape[1] * 3, x.shape[2] + 1), np.nan, x.dtype)
    wide[::2, ::3, :-1] = x
    return wide[::2, ::3, :-1]


def _backwards(x: Tracks) -> Tracks:
    return np.ascontiguousarray(x[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]


def _read_only(x: Tracks) -> Tracks:
    copy = x.copy()
    copy.flags.writeable = False
    return copy


def _far_apart(x: Tracks) -> Tracks:
    memory = np.zeros((x.shape[0], 1 << 12), x.dtype)
    view = memory[:, : x[0].size].reshape(x.shape)
    view[...] = x
    return view


def _in_a_record(x: Tracks) -> Tracks:
    record = np.zeros(x.shape, np.dtype([("value", x.dtype), ("other", x.dtype)]))
    record["value"] = x
    return record["value"]


LAYOUTS = [_fortran, _transposed, _every_second, _backwards, _read_only, _far_apart, _in_a_record]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_gives_the_bits_of_a_contiguous_copy(fit: Any, tracks: Tracks, layout: Layout) -> None:
    expected = fit(tracks)
    view = layout(tracks)
    assert np.array_equal(view, tracks)
    assert_same_bits(fit(view), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_are_never_modified(fit: Any, tracks: Tracks, layout: Layout) -> None:
    view = layout(tracks)
    weights = np.linspace(0, 1, 44, dtype=tracks.dtype).reshape(4, 11)
    visible = np.arange(44).reshape(4, 11) % 5 != 0
    times = np.arange(11, dtype=tracks.dtype) ** 2
    memory = view.base if view.base is not None else view
    before = [x.tobytes() for x in (memory, weights, visible, times)]
    fit(view, weights=weights, visible=visible, times=times, robust="tukey")
    assert [x.tobytes() for x in (memory, weights, visible, times)] == before


def test_results_are_fresh_numpy_arrays_of_the_callers_dtype(fit: Any, tracks: Tracks) -> None:
    result = fit(tracks)
    floats = (result.coefficients, result.residual_rms, result.covariance, result.r_squared)
    assert [type(x) for x in result] == [np.ndarray] * 6
    assert {x.dtype for x in floats} == {tracks.dtype}
    assert (result.n_points.dtype, result.status.dtype) == (np.int32, np.int32)
    assert all(x.flags.owndata and x.flags.writeable and x.flags.c_contiguous for x in result)
    assert not any(np.shares_memory(x, tracks) for x in result)


def test_broadcast_views(fit: Any, tracks: Tracks) -> None:
    repeated = np.broadcast_to(tracks[1], tracks.shape)
    result = fit(repeated, weights=np.broadcast_to(tracks.dtype.type(2), (4, 11)))
    expected = fit(np.ascontiguousarray(repeated), weights=np.full((4, 11), 2, tracks.dtype))
    assert_same_bits(result, expected)


def test_strided_weights_times_and_visible(fit: Any, tracks: Tracks) -> None:
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.5, 2, (11, 4)).astype(tracks.dtype).T
    times = np.sort(rng.uniform(0, 9, 22)).astype(tracks.dtype)[::-2]
    visible = (rng.uniform(size=(4, 22)) < 0.8)[:, ::2]
    result = fit(tracks, weights=weights, times=times, visible=visible)
    copies = {"weights": weights.copy(), "times": times.copy(), "visible": visible.copy()}
    assert_same_bits(result, fit(tracks, **copies))
    assert_same_bits(result, fit(tracks, **(copies | {"visible": visible.astype(np.uint8) * 255})))


@pytest.mark.parametrize("shape", [(0, 5, 2), (0, 0, 1), (3, 0, 2)])
def test_empty_batches_and_tracks(fit: Any, shape: tuple[int, ...]) -> None:
    result = fit(np.zeros(shape, np.float32))
    assert result.coefficients.shape == (shape[0], 3, shape[2])
    assert result.status.tolist() == [1] * shape[0]
    assert np.isnan(result.coefficients).all()
    assert result.n_points.tolist() == [0] * shape[0]


def test_memoryview_and_array_array(fit: Any, tracks: Tracks) -> None:
    expected = fit(tracks)
    assert_same_bits(fit(memoryview(tracks)), expected)
    own = array.array("f" if tracks.dtype == np.float32 else "d", tracks.ravel())
    assert_same_bits(fit(memoryview(own).cast("B").cast(own.typecode, tracks.shape)), expected)
    with pytest.raises(ValueError, match=r"^positions: expected shape \(B, T, D\), got \(88,\)$"):
        fit(own)
    visible = memoryview(bytearray([1] * 11 * 4)).cast("B", (4, 11))
    assert_same_bits(fit(tracks, visible=visible), expected)


def test_subclass_and_one_row(fit: Any, tracks: Tracks) -> None:
    class Labelled(np.ndarray):
        pass

    expected = fit(tracks)
    assert_same_bits(fit(tracks.view(Labelled)), expected)
    assert_same_bits(fit(tracks[2:3]), rows(expected, slice(2, 3)))


def test_misaligned_data_is_refused(fit: Any, tracks: Tracks) -> None:
    memory = bytearray(tracks.nbytes + 1)
    odd = np.frombuffer(memory, tracks.dtype, tracks.size, offset=1).reshape(tracks.shape)
    with pytest.raises(ValueError, match=r"^positions: expected aligned data, got a misaligned array$"):
        fit(odd)


def test_strides_that_are_no_whole_elements_are_refused(fit: Any) -> None:
    packed = np.zeros((4, 11), np.dtype([("x", "<f4"), ("y", "<f4"), ("tag", "u1")], align=False))
    with pytest.raises(ValueError, match=r"^weights: expected strides in whole elements, got 9 bytes$"):
        fit(np.zeros((4, 11, 1), np.float32), weights=packed["x"])


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(">f4", "another dtype"), (">f8", "another dtype"), ("f2", "float16"), ("i4", "int32"), ("i8", "int64"),
     ("u1", "uint8"), ("?", "bool"), ("c8", "another dtype"), ("g", "another dtype"), ("u2", "another dtype")],
)  # fmt: skip
def test_other_dtypes_are_refused(fit: Any, dtype: str, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^positions: expected float32 or float64, got {name}$"):
        fit(np.zeros((2, 5, 2), dtype))


def test_mixed_dtypes_are_refused(fit: Any) -> None:
    x = np.zeros((2, 5, 2), np.float32)
    with pytest.raises(ValueError, match=r"^weights: expected float32 like positions, got float64$"):
        fit(x, weights=np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"^times: expected float32 like positions, got int64$"):
        fit(x, times=np.arange(5))
    with pytest.raises(ValueError, match=r"^visible: expected bool or uint8, got float32$"):
        fit(x, visible=np.ones((2, 5), np.float32))


@pytest.mark.parametrize("what", [[[[1.0, 2.0]]], None, 3.0, "tracks", object(), {"a": 1}, np.datetime64("2020-01-01")])
def test_what_is_no_array_is_refused(fit: Any, what: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^positions: expected .*, got "):
        fit(what)


def test_object_and_string_arrays_are_refused(fit: Any) -> None:
    for dtype in (object, "U3", "V8", "M8[s]"):
        odd = np.zeros((2, 5, 2), dtype)
        with pytest.raises((TypeError, ValueError), match=r"^positions: expected .*, got "):
            fit(odd)


def test_dimensions(fit: Any) -> None:
    for shape in ((), (3,), (3, 4), (1, 2, 3, 4), (1,) * 6):
        with pytest.raises(ValueError, match=r"^positions: expected shape \(B, T, D\), got \("):
            fit(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"^positions: expected at most 6 dimensions, got 7$"):
        fit(np.zeros((1,) * 7, np.float32))
    with pytest.raises(ValueError, match=r"^positions: expected 1 to 4 coordinates D, got 5$"):
        fit(np.zeros((1, 2, 5), np.float32))


def test_a_refused_array_is_released(fit: Any) -> None:
    memory = bytearray(4 * 128)
    view = np.frombuffer(memory, np.float32).reshape((2,) * 7)
    with pytest.raises(ValueError, match="positions"):
        fit(view)
    del view
    memory.append(0)  # raises BufferError while a view is held
