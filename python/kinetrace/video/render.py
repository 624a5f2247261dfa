"""Renders scenes: a textured object, anti-aliased at sub-pixel positions, over a textured background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .scenes import Scene

Floats = npt.NDArray[np.float64]
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """Appearance of one clip: an object's size, shape and texture waves, a background and sensor noise."""

    radius_px: float
    squareness: float
    """Exponent of the outline |x|^p + |y|^p = r^p: 2 is a disc, 4 a rounded square."""
    waves: Floats
    """(K, 4): frequency x, y in radians per px, phase, amplitude in grey levels."""
    tint: Floats
    background: Floats
    noise: float
    noise_seed: int


def draw_look(rng: np.random.Generator, *, radius_px: float, size_px: int, noise: float = 1.0) -> Look:
    """A random look; the texture's waves are 5 to 14 px long, so every place on the object is trackable."""
    count = 20
    length = rng.uniform(5.0, 14.0, count)
    turn = rng.uniform(0, 2 * np.pi, count)
    k = 2 * np.pi / length
    amplitude = rng.uniform(0.5, 1.0, count)
    amplitude *= 38.0 / np.sqrt((amplitude**2).sum() / 2)
    waves = np.column_stack([k * np.cos(turn), k * np.sin(turn), rng.uniform(0, 2 * np.pi, count), amplitude])
    tint = rng.uniform(0.75, 1.25, 3)
    squareness = float(rng.choice([2.0, 2.0, 4.0]))
    return Look(
        radius_px,
        squareness,
        waves,
        tint / tint.mean(),
        draw_background(rng, size_px),
        noise,
        int(rng.integers(1 << 31)),
    )


def draw_background(rng: np.random.Generator, size_px: int) -> Floats:
    """A background (H, W, 3): smooth noise of several scales with grey levels around 115."""
    f = np.hypot(np.fft.fftfreq(size_px)[:, None], np.fft.rfftfreq(size_px)[None, :])
    total = np.zeros((size_px, size_px))
    for scale_px, level in ((2.0, 9.0), (6.0, 14.0), (24.0, 14.0)):
        spectrum = np.fft.rfft2(rng.standard_normal((size_px, size_px)))
        layer = np.fft.irfft2(spectrum * np.exp(-0.5 * (2 * np.pi * f * scale_px / 2) ** 2), s=total.shape)
        total += level * layer / layer.std()
    tint = rng.uniform(0.85, 1.15, 3)
    return np.asarray((115.0 + total)[..., None] * (tint / tint.mean()))


def render(scene: Scene, look: Look) -> Frames:
    """RGB frames (T, H, W, 3) uint8 of a scene; pixel centres at integers.

    Texture and outline are formulas of the distance to the true centre, so the picture is exact at any
    sub-pixel position. No motion blur.
    """
    rng = np.random.default_rng(look.noise_seed)
    still = look.background.copy()
    if scene.slope is not None:
        _paint_ramp(still, scene.slope)
    frames = np.empty((len(scene.positions), *still.shape), dtype=np.uint8)
    for t, centre in enumerate(scene.positions):
        picture = still.copy()
        if scene.present[t]:
            paint_object(picture, centre, look)
        picture += look.noise * rng.standard_normal(picture.shape[:2])[..., None]
        frames[t] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return frames


def _paint_ramp(picture: Floats, slope: tuple[float, float, float]) -> None:
    x0, y0, angle = slope
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    depth = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    cover = np.clip(depth + 0.5, 0.0, 1.0)[..., None]
    picture *= 1.0 - 0.3 * cover


def paint_object(picture: Floats, centre: Any, look: Look) -> None:
    height, width = picture.shape[:2]
    reach = int(np.ceil(look.radius_px)) + 2
    left, top = max(int(centre[0]) - reach, 0), max(int(centre[1]) - reach, 0)
    right, bottom = min(int(centre[0]) + reach + 1, width), min(int(centre[1]) + reach + 1, height)
    if right <= left or bottom <= top:
        return
    x = (np.arange(left, right) - centre[0])[None, :]
    y = (np.arange(top, bottom) - centre[1])[:, None]
    p = look.squareness
    distance = (np.abs(x) ** p + np.abs(y) ** p) ** (1 / p)
    cover = np.clip(look.radius_px + 0.5 - distance, 0.0, 1.0)[..., None]
    phase = look.waves[:, 0] * x[..., None] + look.waves[:, 1] * y[..., None] + look.waves[:, 2]
    grey = 130.0 + np.cos(phase) @ look.waves[:, 3]
    patch = picture[top:bottom, left:right]
    patch += cover * (grey[..., None] * look.tint - patch)


def write_clip(path: Any, frames: Frames, fps: float) -> None:
    """Writes frames as an MP4 (H.264 at near-lossless quality, MPEG-4 where PyAV was built without x264)."""
    from fractions import Fraction

    from .errors import load_av

    av = load_av()
    codec, options = "mpeg4", {"qmin": "1", "qmax": "2"}
    if "libx264" in av.codecs_available:
        codec, options = "libx264", {"crf": "8", "preset": "veryfast", "threads": "1"}
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(10_000), options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
