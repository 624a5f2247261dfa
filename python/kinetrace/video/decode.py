"""Reads video files and masks: grey frames with their times, or one clear error line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .errors import InputError, load_av, load_cv2

Frames = npt.NDArray[np.uint8]
VIDEO_SUFFIXES: Final = frozenset(
    "." + name
    for names in ("3gp avi flv gif m2ts m4v mkv mov mp4", "mpeg mpg mts ogv ts webm wmv y4m")
    for name in names.split()
)
MIN_FRAMES: Final = 4
"""Fewest frames that can contradict a constant acceleration: its path through three is always exact."""


@dataclass(frozen=True)
class Clip:
    """Grey frames (T, H, W) uint8 and their times (T,) in seconds from the first one."""

    name: str
    frames: Frames
    times_s: npt.NDArray[np.float64]
    fps: float
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.frames.shape[2]), int(self.frames.shape[1])


def clip_from_frames(frames: npt.NDArray[Any], *, fps: float, name: str = "frames") -> Clip:
    """A clip from frames in memory, (T, H, W) grey or (T, H, W, 3) RGB, uint8."""
    array = np.asarray(frames)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[-1] != 3):
        raise ValueError(f"frames: expected uint8 (T, H, W) or (T, H, W, 3), got {array.dtype} {array.shape}")
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"fps: expected a positive number, got {fps}")
    if array.ndim == 4:
        cv2 = load_cv2()
        array = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in array])
    _check_length(name, len(array))
    return Clip(name, np.ascontiguousarray(array), np.arange(len(array)) / fps, float(fps))


def read_clip(path: Path, *, fps: float | None = None, span: tuple[int, int | None] = (0, None)) -> Clip:
    """Decodes a video file.

    Times come from the file's time stamps where they are usable, else from its frame rate; `fps` overrides
    both.

    Raises:
        InputError: the file is missing, empty, truncated, not a video, or has fewer than MIN_FRAMES frames.
    """
    if not path.exists():
        raise InputError(path, "no such file")
    if not path.is_file():
        raise InputError(path, "not a file")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty")
    av = load_av()
    frames: list[Frames] = []
    stamps: list[float] = []
    level = av.logging.get_level()
    # FFmpeg's own complaints would stand between our lines; what matters of them comes as an exception.
    av.logging.set_level(av.logging.PANIC)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video or container.format.name in ("tty", "bin", "xbin", "idf"):
                raise InputError(path, "not a video (no video stream)")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or 0)
            expected = _expected_frames(stream, container, rate, av)
            for index, frame in enumerate(container.decode(stream)):
                if index < span[0]:
                    continue
                if span[1] is not None and index >= span[1]:
                    break
                frames.append(_grey(frame, frames))
                stamps.append(float(frame.pts * frame.time_base) if frame.pts is not None else np.nan)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        if frames:
            raise InputError(
                path, f"decoding stopped after {len(frames)} frames: truncated or damaged ({reason})"
            ) from error
        raise InputError(path, f"not a readable video: not a video file, or truncated ({reason})") from error
    finally:
        av.logging.set_level(level)
    whole = span[0] + len(frames)
    if span[1] is None and expected - whole > max(1.0, 0.1 * expected):
        raise InputError(path, f"truncated or damaged: {whole} of {expected:.0f} frames can be decoded")
    _check_length(path, len(frames))
    times, used_fps, warnings = _time_base(path, np.asarray(stamps), rate, fps)
    return Clip(path.name, np.stack(frames), times, used_fps, warnings)


def _check_length(name: object, count: int) -> None:
    if count == 0:
        raise InputError(name, "no frame can be decoded")
    if count < MIN_FRAMES:
        what = "a single frame" if count == 1 else f"only {count} frames"
        raise InputError(name, f"{what}: motion needs at least {MIN_FRAMES}")


def _expected_frames(stream: Any, container: Any, rate: float, av: Any) -> float:
    """Frames that the header promises; 0 when it does not say."""
    if stream.frames:
        return float(stream.frames)
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base * rate)
    if container.duration is not None and container.format.name.startswith("matroska"):
        return float(container.duration / av.time_base * rate)
    return 0.0


def _grey(frame: Any, earlier: list[Frames]) -> Frames:
    grey: Frames = frame.to_ndarray(format="gray")
    turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
    if turns:
        grey = np.rot90(grey, turns)
    if earlier and grey.shape != earlier[0].shape:
        raise ValueError(f"the frame size changes from {earlier[0].shape[::-1]} to {grey.shape[::-1]}")
    return np.ascontiguousarray(grey)


def _time_base(
    path: Path, stamps: npt.NDArray[np.float64], rate: float, fps: float | None
) -> tuple[npt.NDArray[np.float64], float, tuple[str, ...]]:
    count = len(stamps)
    if fps is not None:
        return np.arange(count) / fps, float(fps), ()
    steps = np.diff(stamps)
    if not np.all(np.isfinite(stamps)) or np.any(steps <= 0):
        if rate <= 0:
            raise InputError(path, "no usable time stamps and no frame rate: give --fps")
        return np.arange(count) / rate, rate, ("time stamps are not usable: the header's frame rate is used",)
    mean_step = (stamps[-1] - stamps[0]) / (count - 1)
    uniform = np.arange(count) * mean_step
    if np.abs(stamps - stamps[0] - uniform).max() > 0.25 * mean_step:
        return (
            stamps - stamps[0],
            float(1 / mean_step),
            ("variable frame rate: the file's time stamps are used",),
        )
    # Rounded time stamps (milliseconds in Matroska) lose to the header's rate where the two agree.
    if rate > 0 and abs(rate * mean_step - 1) < 2e-3:
        return np.arange(count) / rate, rate, ()
    return uniform, float(1 / mean_step), ()


def read_mask(path: Path, *, size: tuple[int, int], num_frames: int, video: object) -> npt.NDArray[np.bool_]:
    """A mask (1 or T, H, W) from an image, a .npy array or a video; nonzero (video: above half) is inside.

    Raises:
        InputError: unreadable, of another size than the video, or with another number of frames.
    """
    if not path.exists():
        raise InputError(path, "no such mask file")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise InputError(path, f"not a readable .npy mask ({error})") from error
        if array.ndim not in (2, 3):
            raise InputError(path, f"a mask array must be (H, W) or (T, H, W), got {array.shape}")
        mask = np.asarray(array != 0)
    elif suffix in VIDEO_SUFFIXES:
        mask = np.asarray(read_clip(path).frames > 127)
    else:
        cv2 = load_cv2()
        image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if path.stat().st_size else None
        if image is None:
            raise InputError(path, "not a readable mask image")
        mask = np.asarray(image != 0)
    mask = mask[None] if mask.ndim == 2 else mask
    if mask.shape[:0:-1] != size:
        raise InputError(
            video,
            f"the mask {path.name} is {mask.shape[2]}x{mask.shape[1]}, the video is {size[0]}x{size[1]}",
        )
    if len(mask) not in (1, num_frames):
        raise InputError(video, f"the mask {path.name} has {len(mask)} frames, the video has {num_frames}")
    if not mask.any():
        raise InputError(video, f"the mask {path.name} is empty")
    return mask
