"""Group advantages beside TRL's torch form and verl's loop; segment advantages beside gather and the memory's speed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import advantage_peers as peers
import kinetrace as kt
from kinetrace import _cpu, _reference
from measure import Case, Comparison, Contender

SIZE = 8  # responses per prompt


class Batch(NamedTuple):
    """One round's rewards: groups in order, and the same rows shuffled under ids of any size."""

    rewards: torch.Tensor
    ids: torch.Tensor
    shuffled: torch.Tensor
    far_ids: torch.Tensor


def _batch(rows: int, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    rewards = (rng.integers(0, 21, size=rows) / 10).astype(np.float32)
    ids, order = np.arange(rows) // SIZE, rng.permutation(rows)
    return Batch(*map(torch.from_numpy, (rewards, ids, rewards[order], ids[order] * 10**12)))


def _check(name: str, batch: Batch, answer: Any) -> None:
    rewards, ids = (batch.shuffled, batch.far_ids) if "shuffled" in name else (batch.rewards, batch.ids)
    chosen = torch.unique(ids)[:: max(1, len(ids) // (SIZE * 50))][:50]
    rows = torch.isin(ids, chosen)
    expected = _reference.group_advantages(rewards[rows].numpy(), ids[rows].numpy(), eps=1e-4)
    np.testing.assert_allclose(answer[rows].numpy(), expected, rtol=2e-5, atol=2e-5)


def typical(quick: bool) -> Case:
    """65,536 rewards in groups of 8, float32, one core."""
    rows = 512 if quick else 65_536
    run = partial(kt.group_advantages, num_threads=1)
    contenders: dict[str, Any] = {
        "kinetrace": lambda b: run(b.rewards, b.ids),
        "kinetrace shuffled": lambda b: run(b.shuffled, b.far_ids),
        "TRL form": lambda b: peers.trl_form(b.rewards, SIZE),
        "torch view": lambda b: peers.torch_view(b.rewards, SIZE, 1e-4),
        "verl loop": Contender(lambda b: peers.verl_loop(b.rewards, b.ids.tolist(), 1e-4), max_rounds=2),
    }
    return Case("group_advantages/typical", contenders, partial(_batch, rows), _check, problems=rows // SIZE)


class Tokens(NamedTuple):
    """One round's advantages per segment and the segments of the tokens."""

    rewards: torch.Tensor
    ids: torch.Tensor
    segments: torch.Tensor


def _tokens(rows: int, tokens: int, dtype: torch.dtype, seed: int) -> Tokens:
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, tokens, size=(rows, 2)), axis=1)
    at = np.arange(tokens)
    segments = np.where(at < ends[:, :1], 0, np.where(at < ends[:, 1:], 1, -1))
    rewards = torch.from_numpy(rng.random((rows, 2)).astype(np.float32))
    return Tokens(rewards, torch.arange(rows) // SIZE, torch.from_numpy(segments).to(dtype))


def _check_tokens(_: str, batch: Tokens, answer: Any) -> None:
    rows = slice(0, SIZE)
    expected = _reference.segment_advantages(batch.rewards[rows].numpy(), batch.ids[rows].numpy(), batch.segments[rows])
    np.testing.assert_allclose(answer[rows].numpy(), expected, rtol=2e-5, atol=2e-5)


def move(batch: Tokens) -> torch.Tensor:
    """Reads the segments and writes an answer of that size in memory got as kinetrace gets it; nothing else."""
    answer = torch.empty(batch.segments.shape)
    _cpu.stream_move(batch.segments.numpy(), answer.numpy(), 1)
    return answer


def _segments(name: str, dtype: torch.dtype, quick: bool) -> Case:
    """(512, 4,096) tokens to float32, one core; "move" is the memory's roof, written bytes included."""
    rows, tokens = (16, 64) if quick else (512, 4096)

    def gather(b: Tokens) -> torch.Tensor:
        columns = [kt.group_advantages(b.rewards[:, k], b.ids, num_threads=1) for k in range(2)]
        return peers.torch_gather(torch.stack(columns, dim=1), b.segments.long())

    def check(contender: str, batch: Tokens, answer: Any) -> None:
        if contender != "move":
            _check_tokens(contender, batch, answer)

    contenders: dict[str, Any] = {
        "kinetrace": lambda b: kt.segment_advantages(b.rewards, b.ids, b.segments, num_threads=1),
        "torch gather": gather,
        "move": move,
    }
    return Case(
        f"group_advantages/{name}",
        contenders,
        partial(_tokens, rows, tokens, dtype),
        check,
        bytes_read=rows * tokens * dtype.itemsize,
        keep_memory=True,
    )


def segments(quick: bool) -> Case:
    """Segments of int64, as torch's own gather wants them."""
    return _segments("segments", torch.int64, quick)


def segments_int8(quick: bool) -> Case:
    """Segments of int8, an eighth of the bytes."""
    return _segments("segments_int8", torch.int8, quick)


CASES: dict[str, Callable[[bool], Case]] = {
    "typical": typical,
    "segments": segments,
    "segments_int8": segments_int8,
}


@pytest.mark.parametrize("name", CASES)
def test_group_advantages(name: str, quick: bool, compare: Callable[..., Comparison]) -> None:
    compare(CASES[name](quick))
