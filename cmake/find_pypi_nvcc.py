"""Prints the root of the CUDA toolkit that the nvidia-cuda-nvcc wheel unpacked, or nothing."""

import importlib.util
from pathlib import Path

spec = importlib.util.find_spec("nvidia")
roots = [Path(place) / "cu13" for place in (spec.submodule_search_locations or [])] if spec else []
print(next((str(root) for root in roots if (root / "bin" / "nvcc").exists()), ""))
