"""The scene in MuJoCo's format: an object, a ramp where the primitive has one, ground, wall and camera."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .motion import half_height_m, reach, slope_rad
from .spec import ClipSpec

Floats = npt.NDArray[np.float64]

OBJECT: Final = "object"
CAMERA: Final = "camera"
WALL_M: Final = 6.0
"""The wall stands this far behind the plane of motion."""
_TEXELS: Final = {"object": 128, "wall": 512, "ground": 512, "ramp": 256}

_XML: Final = """
<mujoco>
  <compiler angle="radian"/>
  <option gravity="0 0 -{gravity!r}"/>
  <visual>
    <global offwidth="{size}" offheight="{size}"/>
    <quality offsamples="4" numslices="128" numstacks="64"/>
    <map znear="1" zfar="300"/>
    <headlight ambient="0.5 0.5 0.5" diffuse="0 0 0" specular="0 0 0"/>
  </visual>
  <statistic extent="1"/>
  <asset>
    <texture name="object" type="cube" builtin="flat" width="{object}" height="{object_all}"/>
    <texture name="wall" type="2d" builtin="flat" width="{wall}" height="{wall}"/>
    <texture name="ground" type="2d" builtin="flat" width="{ground}" height="{ground}"/>
    <texture name="ramp" type="2d" builtin="flat" width="{ramp}" height="{ramp}"/>
    <material name="object" texture="object" specular="0" shininess="0"/>
    <material name="wall" texture="wall" texuniform="true" texrepeat="0.05 0.05" specular="0" shininess="0"/>
    <material name="ground" texture="ground" texuniform="true" texrepeat="0.05 0.05" specular="0" shininess="0"/>
    <material name="ramp" texture="ramp" texuniform="true" texrepeat="0.1 0.1" specular="0" shininess="0"/>
  </asset>
  <worldbody>
    <light directional="true" dir="0.35 0.45 -0.8" diffuse="0.4 0.4 0.4" specular="0 0 0" castshadow="false"/>
    <light directional="true" dir="-0.3 0.9 -0.2" diffuse="0.25 0.25 0.25" specular="0 0 0" castshadow="false"/>
    <geom name="wall" type="plane" pos="0 {wall_m!r} 0" xyaxes="1 0 0 0 0 1" size="200 200 1" material="wall"/>
    <geom name="ground" type="plane" size="200 200 1" material="ground"/>
    {ramp_geom}
    <camera name="camera" pos="{camera_pos}" xyaxes="{camera_axes}" fovy="{fovy!r}"/>
    <body name="object" mocap="true">
      <geom name="object" type="{shape}" size="{half}" euler="0 {tilt!r} 0" material="object"
            contype="0" conaffinity="0"/>
    </body>
  </worldbody>
</mujoco>
"""


def scene_xml(spec: ClipSpec, camera: Camera, *, ranges: dict[str, Any] | None = None) -> str:
    """The MuJoCo model of a clip; the object is a mocap body: it goes where it is put."""
    half = half_height_m(spec)
    sizes = {"sphere": 1, "cylinder": 2, "box": 3}
    turn, place = camera.world_from_camera[:3, :3], camera.world_from_camera[:3, 3]
    return _XML.format(
        gravity=spec.gravity,
        size=spec.size_px,
        object_all=6 * _TEXELS["object"],
        **_TEXELS,
        wall_m=WALL_M,
        ramp_geom=_ramp_xml(spec, ranges),
        camera_pos=_text(place),
        camera_axes=_text(np.concatenate([turn[:, 0], -turn[:, 1]])),
        fovy=math.degrees(spec.fovy_rad),
        shape=spec.shape,
        half=_text(np.full(sizes[spec.shape], half)),
        tilt=-slope_rad(spec),
    )


def _text(values: Floats) -> str:
    return " ".join(repr(float(v)) for v in values)


def _ramp_xml(spec: ClipSpec, ranges: dict[str, Any] | None) -> str:
    """A slab whose surface touches the object along its way, and goes on a little at both ends."""
    slope = slope_rad(spec)
    if slope == 0.0:
        return ""
    along = np.array([math.cos(slope), 0.0, math.sin(slope)])
    normal = np.array([-math.sin(slope), 0.0, math.cos(slope)])
    start = np.array([0.0, 0.0, spec.height_m])
    travel = (reach(spec, ranges=ranges) - start) @ along
    low, high = float(travel.min()) - 2 * spec.radius_m, float(travel.max()) + 2 * spec.radius_m
    thick = 0.25
    middle = start + 0.5 * (low + high) * along - (half_height_m(spec) + thick) * normal
    half = np.array([0.5 * (high - low), 2.5 * spec.radius_m, thick])
    return (
        f'<geom name="ramp" type="box" pos="{_text(middle)}" euler="0 {-slope!r} 0" size="{_text(half)}" '
        'material="ramp" contype="0" conaffinity="0"/>'
    )


def paint(model: Any, spec: ClipSpec) -> None:
    """Fills the model's textures: smooth random grain, grey behind, strongly coloured on the object."""
    rng = np.random.default_rng((*spec.seed, 1))
    looks = {
        "object": (_hue(rng), ((2.5, 40.0), (7.0, 28.0))),
        "wall": (rng.uniform(0.92, 1.08, 3) * 128.0, ((1.5, 9.0), (6.0, 10.0), (24.0, 8.0))),
        "ground": (rng.uniform(0.9, 1.1, 3) * 100.0, ((1.5, 8.0), (6.0, 8.0))),
        "ramp": (rng.uniform(0.85, 1.15, 3) * 150.0, ((1.5, 8.0), (6.0, 8.0))),
    }
    for name, (colour, layers) in looks.items():
        texture = model.texture(name).id
        height, width = int(model.tex_height[texture]), int(model.tex_width[texture])
        start = int(model.tex_adr[texture])
        grain = _grain(rng, height, width, layers)
        pixels = np.clip(np.rint(colour * (1.0 + grain[..., None] / 128.0)), 0, 255).astype(np.uint8)
        model.tex_data[start : start + pixels.size] = pixels.reshape(-1)


def _hue(rng: np.random.Generator) -> Floats:
    """A strong colour: one channel high, one low, one anywhere."""
    return np.asarray(rng.permutation([210.0, 60.0, rng.uniform(60.0, 210.0)]))


def _grain(rng: np.random.Generator, height: int, width: int, layers: tuple[tuple[float, float], ...]) -> Floats:
    """Sum of smooth noises; a layer is (scale in texels, standard deviation in grey levels of 128)."""
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    total = np.zeros((height, width))
    for scale, level in layers:
        spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
        layer = np.fft.irfft2(spectrum * np.exp(-0.5 * (np.pi * f * scale) ** 2), s=total.shape)
        total += level * layer / layer.std()
    return total
