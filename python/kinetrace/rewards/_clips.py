"""Clips as rewards get them: layouts and ranges stated by the caller, read through views, never guessed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kinetrace._arrays import Array, is_torch, widened

#: Order of a clip's axes: B clips, T frames, C channels, H W pixels.
LAYOUTS: Final = ("TCHW", "CTHW", "THWC", "BTCHW", "BCTHW", "BTHWC")
#: Smallest and largest value of a pixel; "uint8" is 0 to 255 in integers.
RANGES: Final = {"[0,1]": (0.0, 1.0), "[-1,1]": (-1.0, 1.0), "[0,255]": (0.0, 255.0), "uint8": (0.0, 255.0)}


def checked(value: Any, name: str, choices: Any) -> str:
    """The value, if it is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r:.40}")
    return value


def as_btchw(clips: Array, layout: str, name: str, channels: tuple[int, ...]) -> Array:
    """A view (B, T, C, H, W) of clips in the layout; without B in the layout B is 1.

    Raises:
        TypeError: `clips` is no array.
        ValueError: it has other axes than the layout, or another number of channels.
    """
    if not hasattr(clips, "shape"):
        raise TypeError(f"{name}: expected an array, got {type(clips).__name__}")
    shape = tuple(clips.shape)
    if len(shape) != len(layout):
        raise ValueError(f"{name}: expected {layout}, got shape {shape}")
    order = [layout.index(axis) for axis in "BTCHW" if axis in layout]
    view = clips.permute(order) if is_torch(clips) else clips.transpose(order)
    if "B" not in layout:
        view = view[None]
    if view.shape[2] not in channels:
        wanted = " or ".join(map(str, channels))
        raise ValueError(f"{name}: expected {wanted} channels in layout {layout}, got shape {shape}")
    return view


def in_range(frames: Array, source: str, target: str, name: str = "frames") -> Array:
    """Frames of the range `source` as floats of the range `target`; the same object where the two agree.

    Half precision is widened before any arithmetic, uint8 becomes float32.

    Raises:
        ValueError: integers where the range means floats, or the reverse.
    """
    kind = str(frames.dtype).removeprefix("torch.")
    if (kind == "uint8") != (source == "uint8") or (source != "uint8" and not kind.startswith(("float", "bfloat"))):
        wanted = "uint8" if source == "uint8" else "floats"
        raise ValueError(f"{name}: expected {wanted} for the range {source}, got {kind}")
    if source == target:
        return frames
    if source == "uint8":
        frames = frames.float() if is_torch(frames) else frames.astype(np.float32)
    if RANGES[source] == RANGES[target]:
        return frames
    (a, b), (c, d) = RANGES[source], RANGES[target]
    wide = widened(frames)
    scale = (d - c) / (b - a)
    return wide * scale + (c - a * scale) if c != a * scale else wide * scale


def three_channels(frames: Array) -> Array:
    """Grey frames (B, T, 1, H, W) repeated into three channels as a view; others as they are."""
    if frames.shape[2] != 1:
        return frames
    b, t, _, h, w = frames.shape
    return frames.expand(b, t, 3, h, w) if is_torch(frames) else np.broadcast_to(frames, (b, t, 3, h, w))


def read_frames(path: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Frames (T, H, W, 3) uint8 of a video file.

    Raises:
        kinetrace.video.errors.InputError: the file is missing or cannot be decoded.
        ImportError: PyAV is not installed.
    """
    from kinetrace.video.errors import InputError, load_av

    av = load_av()
    try:
        with av.open(str(path)) as container:
            frames = []
            for frame in container.decode(video=0):
                turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
                frames.append(np.rot90(frame.to_ndarray(format="rgb24"), turns))
    except (av.FFmpegError, OSError, IndexError) as error:
        raise InputError(path, f"not a readable video ({getattr(error, 'strerror', None) or error})") from error
    if not frames:
        raise InputError(path, "no frame can be decoded")
    return np.stack(frames)
