"""Rewards in a trainer's step: 512 completions in TRL's call form, and what another Python thread keeps meanwhile."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
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


class Beside:
    """Runs work over and over in another thread while a function runs in this one; `end` waits for those threads."""

    def __init__(self) -> None:
        self._workers: list[threading.Thread] = []

    def run(self, work: Callable[[], Any], function: Callable[[], Any]) -> Any:
        stop, begun = threading.Event(), threading.Event()

        def again() -> None:
            while not stop.is_set():
                begun.set()
                work()

        worker = threading.Thread(target=again)
        worker.start()
        begun.wait()
        answer = function()
        stop.set()
        self._workers.append(worker)
        return answer

    def end(self) -> None:
        while self._workers:
            self._workers.pop().join()


def case_interpreter(quick: bool = False) -> Case:
    """A Python thread alone; beside rewards that another thread computes over and over; and beside hashes, which need no
    interpreter. Its time is what it computed and what it waited for the interpreter, not what it waited for a core."""
    loops, count = (20_000, 2 * GROUP) if quick else (3_000_000, 512)
    beside, block = Beside(), bytes(4 << 20 if quick else 32 << 20)

    def right(name: str, batch: Batch, answer: Any) -> None:
        beside.end()  # outside the clock
        assert answer == spin(loops)

    contenders = {
        "kinetrace beside Python": lambda batch: beside.run(lambda: trl_call(batch, threads=1), lambda: spin(loops)),
        # as long as a call of the reward, none of it in the interpreter
        "hash beside Python": lambda batch: beside.run(lambda: hashlib.sha256(block), lambda: spin(loops)),
        # what the clock must tell apart
        "Python beside Python": lambda batch: beside.run(lambda: spin(20_000), lambda: spin(loops)),
        "Python alone": lambda batch: spin(loops),
    }
    return Case(
        "rewards/interpreter",
        contenders,
        lambda seed: make_batch(seed, count),
        right,
        clock="granted",
        threads=2,
        cold=False,
    )


def case_beside(quick: bool = False) -> Case:
    """The other side: 512 completions on one thread while another keeps the interpreter busy, which it gives up after
    5 ms only (sys.getswitchinterval). The waiting for a core does not count; the limit is a sleep of 40 ms."""
    count, beside = 2 * GROUP if quick else 512, Beside()

    def right(name: str, batch: Batch, answer: Any) -> None:
        beside.end()
        if answer:
            check(name, batch, answer)

    def limit(batch: Batch) -> list[float | None]:
        time.sleep(LIMIT_S)
        return []

    contenders = {
        "kinetrace": lambda batch: trl_call(batch, threads=1),
        "kinetrace beside Python": lambda batch: beside.run(lambda: spin(20_000), lambda: trl_call(batch, threads=1)),
        "40 ms": limit,
    }
    inputs = partial(make_batch, completions=count)
    return Case("rewards/beside", contenders, inputs, right, problems=count, clock="granted", threads=2, cold=False)


CASES = {"step": case_step, "interpreter": case_interpreter, "beside": case_beside}


@pytest.mark.parametrize("name", list(CASES))
def test_rewards(name: str, compare: Callable[..., Comparison], quick: bool) -> None:
    compare(CASES[name](quick), rounds=8)
