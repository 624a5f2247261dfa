"""Renders a scene with MuJoCo: colour, which pixels are the object, and depth."""

from __future__ import annotations

import os
import sys
from types import ModuleType, TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kinetrace.video.errors import MissingExtraError

from .camera import Camera
from .scene import CAMERA, OBJECT, paint, scene_xml
from .spec import ClipSpec

Floats = npt.NDArray[np.float64]

_OSMESA: Final = "on Debian and Ubuntu: apt install libosmesa6, then set MUJOCO_GL=osmesa"


class RenderingError(MissingExtraError):
    """MuJoCo or the OpenGL library that it draws with is missing; the text says what to install."""


def default_gl() -> None:
    """Sets MUJOCO_GL to "osmesa" in this process if it is unset, on Linux without a display.

    Only the command `kinetrace simulate` calls this, for its own process: MuJoCo reads the variable when it is
    imported, and its own default wants a display. A caller's environment is never changed by rendering.
    """
    if sys.platform == "linux" and not os.environ.get("MUJOCO_GL") and not os.environ.get("DISPLAY"):
        os.environ["MUJOCO_GL"] = "osmesa"


def load_mujoco(*, rendering: bool = True) -> Any:
    """MuJoCo, or an error that says what to install; its dynamics need no OpenGL library.

    Raises:
        RenderingError: no MuJoCo, or none of the OpenGL library that MUJOCO_GL asks for.
    """
    try:
        import mujoco
    except ImportError as error:
        if getattr(error, "name", None) == "mujoco":
            raise RenderingError(
                "mujoco is not installed; rendering needs: pip install 'kinetrace[simulate]'"
            ) from error
        raise _no_gl(error) from error
    except (AttributeError, OSError, RuntimeError) as error:
        # PyOpenGL without the library behind it: the functions that it looks up are missing.
        raise _no_gl(error) from error
    module: ModuleType = mujoco
    if rendering and not hasattr(module, "Renderer"):
        raise _no_gl("mujoco has no Renderer")
    return module


def _no_gl(cause: object) -> RenderingError:
    chosen = os.environ.get("MUJOCO_GL")
    what = f"MUJOCO_GL={chosen}" if chosen else "MUJOCO_GL unset"
    return RenderingError(f"MuJoCo has no OpenGL library to draw with ({what}: {cause}); {_OSMESA}")


class Renderer:
    """The scene of one clip; a context manager."""

    def __init__(self, spec: ClipSpec, camera: Camera, *, ranges: dict[str, Any] | None = None) -> None:
        self._mujoco = load_mujoco()
        self._model = self._mujoco.MjModel.from_xml_string(scene_xml(spec, camera, ranges=ranges))
        paint(self._model, spec)
        self._data = self._mujoco.MjData(self._model)
        self._object = int(self._model.geom(OBJECT).id)
        try:
            self._renderer = self._mujoco.Renderer(self._model, spec.size_px, spec.size_px)
        except (AttributeError, ImportError, OSError, RuntimeError) as error:
            raise _no_gl(error) from error
        except self._mujoco.FatalError as error:
            raise _no_gl(error) from error

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the OpenGL context."""
        self._renderer.close()

    def draw(
        self, position_m: Floats | None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
        """One picture with the object's centre at a place (3,), or without the object.

        Returns:
            Colour (H, W, 3) uint8, the object's pixels (H, W) and depth (H, W) float32 in metres along the
            optical axis.
        """
        away = np.array([0.0, 0.0, -1000.0])
        self._data.mocap_pos[0] = away if position_m is None else position_m
        self._mujoco.mj_forward(self._model, self._data)
        renderer = self._renderer
        renderer.update_scene(self._data, CAMERA)
        colour = renderer.render()
        renderer.enable_segmentation_rendering()
        labels = renderer.render()
        renderer.disable_segmentation_rendering()
        renderer.enable_depth_rendering()
        depth = renderer.render()
        renderer.disable_depth_rendering()
        geom = int(self._mujoco.mjtObj.mjOBJ_GEOM)
        mask = (labels[..., 0] == self._object) & (labels[..., 1] == geom)
        return colour, mask, depth
