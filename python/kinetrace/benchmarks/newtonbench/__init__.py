"""NewtonBench's motion primitives: clips with known truth, lawful and not, and scores of predictions against it.

Drawing and simulating need nothing but NumPy; rendering needs the extra `simulate` and an OpenGL library.
docs/newtonbench.md describes the clips, the files and what was measured.
"""

from __future__ import annotations

from .camera import Camera, place_camera
from .draw import draw_clip
from .dynamics import simulate_dynamics
from .evaluate import Settings, evaluate
from .generate import clip_specs, generate, render_clip
from .gravity import RecoveredGravity, recover_gravity
from .motion import Motion, simulate, theory
from .renderer import RenderingError
from .spec import LAWFUL, SPLITS, VARIANTS, ClipSpec, load_ranges, variants_of
from .truth import Truth, load_truth

__all__ = [
    "LAWFUL",
    "SPLITS",
    "VARIANTS",
    "Camera",
    "ClipSpec",
    "Motion",
    "RecoveredGravity",
    "RenderingError",
    "Settings",
    "Truth",
    "clip_specs",
    "draw_clip",
    "evaluate",
    "generate",
    "load_ranges",
    "load_truth",
    "place_camera",
    "recover_gravity",
    "render_clip",
    "simulate",
    "simulate_dynamics",
    "theory",
    "variants_of",
]
