"""What was built, what was found on this machine, and why something is missing: `kinetrace info`."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
from typing import Any

from kinetrace import _cpu

#: What each optional part needs, as import names and distribution names.
EXTRAS: dict[str, dict[str, str]] = {
    "video": {"av": "av", "cv2": "opencv-python-headless", "matplotlib": "matplotlib", "tqdm": "tqdm"},
    "simulate": {"mujoco": "mujoco"},
    "torch": {"torch": "torch"},
    "cuda": {"cupy": "cupy-cuda13x"},
    "numba": {"numba": "numba"},
}


def build_info() -> dict[str, Any]:
    """Facts about this installation, as plain dictionaries that JSON can hold.

    No optional library is imported; the CUDA back end, where it was built, is loaded and asked for its devices.

    Returns:
        dict: `version`, `python`, `platform`, `compiler`; `backends` (per back end `built`, `usable`, `detail`);
        `simd` (`level`, `best`, `forced`); `threads` (`default`, `from`); `libraries` (versions, None where not
        installed); `extras` (per optional part the distributions that are missing).

    Example:
        >>> from kinetrace.info import build_info
        >>> build_info()["backends"]["cpu"]["usable"]
        True
    """
    return {
        "version": _cpu.version,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "compiler": _cpu.compiler,
        "backends": {"cpu": _cpu_backend(), "cuda": _cuda_backend(), "cuda_emu": _emulated_backend()},
        "simd": {"level": _simd_level(), "best": _cpu.best_simd_level(), "forced": os.environ.get("KINETRACE_SIMD")},
        "threads": {"default": _num_threads(), "from": _threads_from()},
        "libraries": {name: _version(name) for name in ("numpy", "torch", "cupy-cuda13x", "cupy-cuda12x", "cupy")},
        "extras": {extra: _missing(modules) for extra, modules in EXTRAS.items()},
    }


def _cpu_backend() -> dict[str, Any]:
    return {"built": True, "usable": True, "detail": f"{_cpu.best_simd_level()} at best, compiled with {_cpu.compiler}"}


def _cuda_backend() -> dict[str, Any]:
    """The CUDA back end: whether it was built, loads, and sees a device, else the first reason why not."""
    if importlib.util.find_spec("kinetrace._cuda") is None:
        return {"built": False, "usable": False, "detail": _cpu.cuda_build}
    try:
        module = importlib.import_module("kinetrace._cuda")
        found: dict[str, Any] = module.device_info()
    except Exception as error:  # whatever a broken driver or library says is the answer that is asked for
        return {"built": True, "usable": False, "detail": f"{_cpu.cuda_build}; {type(error).__name__}: {error}"}
    devices = int(found.get("devices", 0))
    reason = f"{devices} device{'s' if devices != 1 else ''}"
    if found.get("error"):
        reason = f"no usable device: {found['error']}"
    return {"built": True, "usable": devices > 0, "detail": f"{_cpu.cuda_build}; {reason}", **found}


def _emulated_backend() -> dict[str, Any]:
    built = importlib.util.find_spec("kinetrace._cuda_emu") is not None
    detail = "CUDA kernels on the CPU, for tests" if built else "for tests; KINETRACE_EMU=ON builds it"
    return {"built": built, "usable": built, "detail": detail}


def _simd_level() -> str:
    """The level that calls use, or what is wrong with the one that was asked for."""
    try:
        return _cpu.simd_level()
    except ValueError as error:
        return f"invalid ({error})"


def _num_threads() -> int | str:
    """Threads that calls use, or what is wrong with the number that was asked for."""
    try:
        return _cpu.num_threads()
    except ValueError as error:
        return f"invalid ({error})"


def _threads_from() -> str:
    text = os.environ.get("KINETRACE_NUM_THREADS")
    return f"KINETRACE_NUM_THREADS={text}" if text else "processors of this process"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _missing(modules: dict[str, str]) -> list[str]:
    return [name for module, name in modules.items() if importlib.util.find_spec(module) is None]


def format_info(info: dict[str, Any]) -> str:
    """The table that `kinetrace info` prints for a result of `build_info`."""
    simd, threads = info["simd"], info["threads"]
    forced = f"KINETRACE_SIMD={simd['forced']}" if simd["forced"] else "not forced"
    rows = [
        ("kinetrace", f"{info['version']} (Python {info['python']}, {info['platform']}, {info['compiler']})"),
        *((f"back end {name}", _mark(b) + b["detail"]) for name, b in info["backends"].items()),
        ("SIMD level", f"{simd['level']} (best here: {simd['best']}; {forced})"),
        ("threads", f"{threads['default']} ({threads['from']})"),
        ("libraries", ", ".join(f"{name} {v}" for name, v in info["libraries"].items() if v) or "none"),
        *((f"extra [{name}]", f"missing {', '.join(m)}" if m else "installed") for name, m in info["extras"].items()),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _mark(backend: dict[str, Any]) -> str:
    if backend["usable"]:
        return "ready: "
    return "built, not usable: " if backend["built"] else "not built: "


def add_parser(subparsers: Any) -> None:
    """Adds `info` to the command line's subparsers; its `run` is `run_info`."""
    parser = subparsers.add_parser("info", help="show what was built, what was found here, and why not")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run_info)


def run_info(args: argparse.Namespace) -> int:
    """Prints the facts; 0 always: a missing back end is an answer, not a failure."""
    info = build_info()
    print(json.dumps(info, indent=2) if args.json else format_info(info))
    return 0
