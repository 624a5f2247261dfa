"""The clip's camera: a pinhole, where it stands, and the way between pixels and the world."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .motion import half_height_m
from .spec import ClipSpec

Floats = npt.NDArray[np.float64]

MARGIN_PX: Final = 12.0
"""At 512 px; room between all that the object reaches and the border."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; pixel centres at integers, camera axes x right, y down, z forward."""

    focal_px: float
    centre_px: tuple[float, float]
    world_from_camera: Floats
    """(4, 4)"""

    @property
    def intrinsics(self) -> Floats:
        """(3, 3)"""
        (u, v), f = self.centre_px, self.focal_px
        return np.array([[f, 0.0, u], [0.0, f, v], [0.0, 0.0, 1.0]])

    def project(self, points_m: npt.ArrayLike) -> Floats:
        """World points (..., 3) to pixels (..., 2)."""
        p = np.asarray(points_m, dtype=np.float64) - self.world_from_camera[:3, 3]
        x, y, z = np.moveaxis(p @ self.world_from_camera[:3, :3], -1, 0)
        return np.stack([self.focal_px * x / z + self.centre_px[0], self.focal_px * y / z + self.centre_px[1]], axis=-1)

    def unproject(self, pixels: npt.ArrayLike, depth_m: npt.ArrayLike) -> Floats:
        """Pixels (..., 2) with the depth (...,) along the optical axis to world points (..., 3)."""
        p, z = np.asarray(pixels, dtype=np.float64), np.asarray(depth_m, dtype=np.float64)
        ray = (p - np.asarray(self.centre_px)) / self.focal_px
        local = np.concatenate([ray, np.ones((*ray.shape[:-1], 1))], axis=-1) * z[..., None]
        return np.asarray(local @ self.world_from_camera[:3, :3].T + self.world_from_camera[:3, 3])

    def depth(self, points_m: npt.ArrayLike) -> Floats:
        """(...,) distance of world points (..., 3) along the optical axis."""
        p = np.asarray(points_m, dtype=np.float64) - self.world_from_camera[:3, 3]
        return np.asarray(p @ self.world_from_camera[:3, 2])


def place_camera(spec: ClipSpec, points_m: Floats) -> Camera:
    """The camera of a clip: turned as the spec says, and as near as it can be with all the points in the picture.

    Args:
        spec: yaw, pitch, field of view, picture size and the object's radius.
        points_m: (N, 3), all places of the object's centre.
    """
    size = spec.size_px
    focal = 0.5 * size / math.tan(0.5 * spec.fovy_rad)
    cy, sy, cp, sp = (f(a) for a in (spec.yaw_rad, spec.pitch_rad) for f in (math.cos, math.sin))
    forward = np.array([sy * cp, cy * cp, -sp])
    right = np.array([cy, -sy, 0.0])
    down = np.cross(forward, right)
    turn = np.stack([right, down, forward], axis=-1)
    ball = spec.radius_m if spec.shape == "sphere" else math.sqrt(3.0) * half_height_m(spec)
    target = 0.5 * (points_m.min(0) + points_m.max(0))
    local = (points_m - target) @ turn
    limit = 0.5 * (size - 1) - MARGIN_PX * size / 512
    # |x| + ball <= limit / focal * (z + distance) on both axes, for every point.
    needed = (np.abs(local[:, :2]).max(1) + 1.1 * ball) * focal / limit - local[:, 2]
    pose = np.eye(4)
    pose[:3, :3] = turn
    pose[:3, 3] = target - float(needed.max()) * forward
    centre = 0.5 * (size - 1)
    return Camera(focal, (centre, centre), pose)
