"""The motion as MuJoCo's own dynamics computes it: gravity, and contact with friction on the ramp."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .motion import half_height_m, slope_rad, theory
from .renderer import load_mujoco
from .spec import LAWFUL, ClipSpec

Floats = npt.NDArray[np.float64]

STEPS_PER_SECOND: Final = 4096
"""A whole number of steps for 16 frames per second; the largest step is then 1/4096 s."""

_XML: Final = """
<mujoco>
  <compiler angle="radian"/>
  <option timestep="{step!r}" integrator="{integrator}" cone="elliptic" gravity="0 0 -{gravity!r}" iterations="200"
          tolerance="1e-14"/>
  <worldbody>
    {ramp}
    <body name="object" pos="0 0 0">
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 0 1"/>
      <geom type="sphere" size="{radius!r}" mass="1" condim="3" friction="{friction!r} 0 0"/>
    </body>
  </worldbody>
</mujoco>
"""
_RAMP: Final = '<geom type="plane" size="500 500 1" euler="0 {tilt!r} 0" condim="3" friction="{friction!r} 0 0"/>'


def simulate_dynamics(spec: ClipSpec) -> Floats:
    """Positions (T, 3) of a lawful clip by MuJoCo's integrator and contact solver.

    Free flight with the Runge-Kutta integrator is exact for a constant force. On the ramp the body, which has no
    rotation, touches a plane with the clip's friction; MuJoCo's contacts are soft: the acceleration over the clip is
    right to better than 0.1 %, but the body chatters by a millimetre, so differences of single frames are off by
    up to a few per cent. That is why the analytic driver is the default.

    Raises:
        RenderingError: MuJoCo is not installed.
        ValueError: an unlawful clip.
    """
    if spec.variant != LAWFUL:
        raise ValueError(f"driver: expected a lawful clip for MuJoCo's dynamics, got {spec.name}")
    mujoco: Any = load_mujoco(rendering=False)
    per_frame = math.ceil(STEPS_PER_SECOND / spec.fps)
    on_ramp = spec.primitive.startswith("ramp")
    slope = slope_rad(spec)
    model = mujoco.MjModel.from_xml_string(
        _XML.format(
            step=1.0 / (per_frame * spec.fps),
            integrator="implicitfast" if on_ramp else "RK4",
            gravity=spec.gravity,
            radius=half_height_m(spec),
            friction=spec.friction,
            ramp=_RAMP.format(tilt=-slope, friction=spec.friction) if on_ramp else "",
        )
    )
    data = mujoco.MjData(model)
    foot = half_height_m(spec) * np.array([-math.sin(slope), math.cos(slope)])
    velocity = theory(spec)[0]
    data.qpos[:] = foot if on_ramp else 0.0
    data.qvel[:] = velocity[[0, 2]]
    places = np.zeros((spec.num_frames, 3))
    start = np.array([0.0, spec.height_m]) - (foot if on_ramp else 0.0)
    for t in range(spec.num_frames):
        places[t, [0, 2]] = data.qpos + start
        for _ in range(per_frame):
            mujoco.mj_step(model, data)
    return places
