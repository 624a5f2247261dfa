"""Rewards in a trainer's step: 512 completions in TRL's call form, and what another Python thread keeps meanwhile."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import kinetrace as kt
from measure import Case, Comparison
from test_bench_rouge import GROUP, Batch, check, make_batch

LIMIT_S = 0.040


def trl_call(batch: Batch, threads: int | None = None) -> list[float | None]:
    """What GRPOTrainer gives a reward function: conversations, columns, tokens and its own functions."""
    count = len(batch.completions)
    values: list[float | None] = kt.rewards.ProcessReasoningReward(num_threads=threads)(
        prompts=[[{"role": "user", "content": "What happens?"}]] * count,
        completions=[[{"role": "assistant", "content": text}] for text in batch.completions],
        completion_ids=[[1, 2, 3]] * count,
        reference_steps=batch.references,
        trainer_state=None,
        log_extra=lambda name, values: None,
        log_metric=lambda name, value: None,
    )
    return values


def case_step(quick: bool = False) -> Case:
    """512 completions of 15 steps against 12, two cores, elapsed time; the limit is a sleep of 40 ms."""
    count = 8 * GROUP if quick else 512

    def limit(batch: Batch) -> list[float | None]:
        time.sleep(LIMIT_S)
        return trl_call(batch) if quick else []

    def right(name: str, batch: Batch, answer: Any) -> None:
        if answer:
            check(name, batch, answer)

    contenders = {"kinetrace": trl_call, "40 ms": limit}
    return Case(
        "rewards/step", contenders, lambda seed: make_batch(seed, count), right, problems=count, clock="wall", threads=2
    )


def spin(loops: int) -> int:
    """Pure Python work that needs the interpreter all the time."""
    total = 0
    for i in range(loops):
        total += i & 3
    return total


def case_interpreter(quick: bool = False) -> Case:
    """A Python thread alone, beside rewards that another thread computes over and over, and beside hashes, which need no
    interpreter: where other programs run, only the last two compare."""
    loops, count = (20_000, 2 * GROUP) if quick else (3_000_000, 512)

    def alone(batch: Batch) -> int:
        return spin(loops)

    def beside(work: Callable[[Batch], Any], batch: Batch) -> int:
        stop, begun = threading.Event(), threading.Event()

        def again() -> None:
            while not stop.is_set():
                begun.set()
                work(batch)

        worker = threading.Thread(target=again)
        worker.start()
        begun.wait()
        total = spin(loops)
        stop.set()
        workers.append(worker)
        return total

    def without_interpreter(batch: Batch) -> Any:
        return hashlib.sha256(block)  # as long as a call of the reward, none of it in the interpreter

    def right(name: str, batch: Batch, answer: Any) -> None:
        while workers:  # outside the clock
            workers.pop().join()
        assert answer == spin(loops)

    workers: list[threading.Thread] = []
    block = bytes(4 << 20 if quick else 32 << 20)
    contenders = {
        "kinetrace beside Python": lambda batch: beside(lambda own: trl_call(own, threads=1), batch),
        "hash beside Python": lambda batch: beside(without_interpreter, batch),
        "Python alone": alone,
    }
    return Case(
        "rewards/interpreter",
        contenders,
        lambda seed: make_batch(seed, count),
        right,
        clock="wall",
        threads=2,
        cold=False,
    )


CASES = {"step": case_step, "interpreter": case_interpreter}


@pytest.mark.parametrize("name", list(CASES))
def test_rewards(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=8)
