"""NewtonBench."""
from .ranges import draw_clip
from .motion import simulate
