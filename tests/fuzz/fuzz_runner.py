"""Runs fuzzed calls: each answers rightly or raises an error that names the argument; nothing crashes or hangs."""

from __future__ import annotations

import faulthandler
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fuzz_advantages
import fuzz_dtw
import fuzz_fits
import fuzz_masks
import fuzz_motion
import fuzz_soft
import fuzz_traces
import kinetrace
from fuzz_inputs import Call, Rng, frozen, plain

#: Generator and judge of every public kernel. A new kernel gets a line here.
KERNELS: dict[str, tuple[Callable[[Rng], Call], Callable[[Call, Any], None]]] = {
    "fit_kinematics": (fuzz_fits.fit_kinematics_call, fuzz_fits.judge_fit_kinematics),
    "fit_segments": (fuzz_fits.fit_segments_call, fuzz_fits.judge_fit_segments),
    "kinematic_residual": (fuzz_motion.kinematic_residual_call, fuzz_motion.judge_kinematic_residual),
    "track_residual": (fuzz_motion.track_residual_call, fuzz_motion.judge_track_residual),
    "chain_flow": (fuzz_motion.chain_flow_call, fuzz_motion.judge_chain_flow),
    "dtw": (fuzz_dtw.dtw_call, fuzz_dtw.judge_dtw),
    "dtw_from_cost": (fuzz_dtw.dtw_from_cost_call, fuzz_dtw.judge_dtw),
    "soft_dtw": (fuzz_soft.soft_dtw_call, fuzz_soft.judge_soft_dtw),
    "soft_dtw_from_cost": (fuzz_soft.soft_dtw_from_cost_call, fuzz_soft.judge_soft_dtw),
    "group_advantages": (fuzz_advantages.group_advantages_call, fuzz_advantages.judge_group_advantages),
    "segment_advantages": (fuzz_advantages.segment_advantages_call, fuzz_advantages.judge_segment_advantages),
    "rouge": (fuzz_traces.rouge_call, fuzz_traces.judge_rouge),
    "rouge_cost": (fuzz_traces.rouge_cost_call, fuzz_traces.judge_rouge_cost),
    "split_steps": (fuzz_traces.split_steps_call, fuzz_traces.judge_split_steps),
    "mask_centroids": (fuzz_masks.mask_centroids_call, fuzz_masks.judge_mask_centroids),
    "mask_iou": (fuzz_masks.mask_pair_call, fuzz_masks.judge_mask_iou),
    "mask_chamfer": (fuzz_masks.mask_pair_call, fuzz_masks.judge_mask_chamfer),
}
MESSAGE = re.compile(r"^(\w+): expected .+, got .+", re.DOTALL)
SECONDS = 120  # a call that takes longer hangs


class Finding(NamedTuple):
    """A call that went wrong; (kernel, seed, index) makes it again."""

    kernel: str
    seed: int
    index: int
    what: str


def kernels() -> list[str]:
    """Kernels that this build of kinetrace has."""
    return [name for name in KERNELS if hasattr(kinetrace, name)]


def make(kernel: str, seed: int, index: int) -> Call:
    """The call number `index` of a seed."""
    return KERNELS[kernel][0](np.random.default_rng([seed, list(KERNELS).index(kernel), index]))


def try_call(kernel: str, call: Call) -> str:
    """What is wrong with the answer to one call; "" when nothing is."""
    before = frozen(call) if not call.broken else []
    try:
        answer = getattr(kinetrace, kernel)(*call.args, **call.options)
    except (TypeError, ValueError) as error:
        found = MESSAGE.match(str(error))
        if not found:
            return f"{type(error).__name__} without argument, expected and got: {str(error)[:100]!r}; {_shown(call)}"
        return "" if call.broken else f"a good call was refused: {error}"
    except Exception:
        return traceback.format_exc(limit=-2).strip()
    if call.broken:
        return f"a bad argument was accepted, {_shown(call)}"
    if frozen(call) != before:
        return "an input was written to"
    try:
        with np.errstate(all="ignore"):
            KERNELS[kernel][1](call, plain(answer))
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"wrong answer ({Path(where.filename).name}:{where.lineno}): {' '.join(str(error).split())[:400]}"
    except Exception:
        return "the judge failed: " + traceback.format_exc(limit=-3)
    return ""


def _shown(call: Call) -> str:
    value = call.options.get(call.broken, call.args[0])
    dtype, shape = getattr(value, "dtype", ""), getattr(value, "shape", repr(value)[:80])
    return f"{call.broken or 'first argument'}: {type(value).__name__} {dtype} {shape}"


def fuzz(kernel: str, seed: int, indices: range, trace: Any = None) -> Iterator[Finding]:
    """Makes the calls `indices` of `seed`; yields what went wrong. A hang ends the process with every thread's stack.

    Args:
        kernel: name of a public function.
        seed: of all random numbers.
        indices: numbers of the calls.
        trace: file that keeps the number of the call under way, to find the one that crashed.
    """
    for index in indices:
        if index % 64 == 0:
            faulthandler.dump_traceback_later(SECONDS, exit=True, file=sys.__stderr__)
        if trace is not None:
            trace.seek(0)
            trace.write(f"{kernel} {seed} {index}        \n")
            trace.flush()
        what = try_call(kernel, make(kernel, seed, index))
        if what:
            yield Finding(kernel, seed, index, what)
    faulthandler.cancel_dump_traceback_later()
