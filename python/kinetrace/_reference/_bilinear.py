"""Bilinear sampling at pixel coordinates, shared by the definitions that move points through flow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


class Corners(NamedTuple):
    """The four pixels around each sample point, its place between them, and whether it is in the image.

    x0 = floor(x) and x1 = min(x0+1, W-1): on the last column both are the same pixel, so the derivative
    there is 0; elsewhere the derivative at a whole number is the one from the right. Points outside get
    pixel (0,0).
    """

    x0: Index
    x1: Index
    y0: Index
    y1: Index
    fx: Float
    fy: Float
    inside: npt.NDArray[np.bool_]


def corners(x: Float, y: Float, height: int, width: int) -> Corners:
    """Corners of points x,y in pixels; inside iff 0 <= x <= W-1 and 0 <= y <= H-1."""
    with np.errstate(invalid="ignore"):
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x = np.where(inside, x, 0.0)
    y = np.where(inside, y, 0.0)
    x0 = np.floor(x).astype(np.intp)
    y0 = np.floor(y).astype(np.intp)
    return Corners(x0, np.minimum(x0 + 1, width - 1), y0, np.minimum(y0 + 1, height - 1), x - x0, y - y0, inside)


def displaced(x: Float, y: Float, dx: Float, dy: Float, height: int, width: int) -> Corners:
    """Corners of the points (x+dx, y+dy) of pixels x,y, the fractions taken of dx and dy alone: no rounding."""
    with np.errstate(invalid="ignore"):
        x0, y0 = x + np.floor(dx), y + np.floor(dy)
        fx, fy = dx - np.floor(dx), dy - np.floor(dy)
        inside = (x0 >= 0) & ((x0 < width - 1) | ((x0 == width - 1) & (fx == 0)))
        inside &= (y0 >= 0) & ((y0 < height - 1) | ((y0 == height - 1) & (fy == 0)))
    column, row = (np.where(inside, v, 0.0).astype(np.intp) for v in (x0, y0))
    fx, fy = (np.where(inside, v, 0.0) for v in (fx, fy))
    right, below = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    return Corners(column, right, row, below, fx, fy, inside)


def sample(image: Float, c: Corners) -> Float:
    """Values (C,...) of an image (C,H,W): along x on both rows, then along y; non-finite corners spread."""
    top = _blend(c.fx, image[:, c.y0, c.x0], image[:, c.y0, c.x1])
    bottom = _blend(c.fx, image[:, c.y1, c.x0], image[:, c.y1, c.x1])
    return _blend(c.fy, top, bottom)


def _blend(f: Float, a: Float, b: Float) -> Float:
    """(1 - f) a + f b without the difference b - a, which may overflow; an infinite a gives NaN."""
    return a - f * a + f * b


def slopes(image: Float, c: Corners) -> tuple[Float, Float]:
    """Derivatives of the sampled values (C,...) along x and along y."""
    top = image[:, c.y0, c.x1] - image[:, c.y0, c.x0]
    bottom = image[:, c.y1, c.x1] - image[:, c.y1, c.x0]
    left = image[:, c.y1, c.x0] - image[:, c.y0, c.x0]
    right = image[:, c.y1, c.x1] - image[:, c.y0, c.x1]
    return top + c.fy * (bottom - top), left + c.fx * (right - left)


def scatter(gradient: Float, c: Corners, upstream: Float) -> None:
    """Adds upstream (C,...) to the pixels of gradient (C,H,W) it was sampled from: sample transposed; inf as NaN."""
    for row, along_y in ((c.y0, 1 - c.fy), (c.y1, c.fy)):
        for column, along_x in ((c.x0, 1 - c.fx), (c.x1, c.fx)):
            for channel in range(len(gradient)):
                np.add.at(gradient[channel], (row, column), finite(along_y * along_x * upstream[channel]))


def finite(values: Float) -> Float:
    """The values, infinities made NaN."""
    return np.where(np.isfinite(values), values, np.nan)
