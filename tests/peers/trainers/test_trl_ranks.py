"""TRL on two gloo processes that each see half of a group: rewards that compare its responses stay right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: no trainer was run (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: no trainer was run (pip install kinetrace[trainers])")

PROGRAM = Path(__file__).with_name("two_ranks.py")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_group_relative_reward_on_two_ranks(accumulate: int, tmp_path: Path) -> None:
    """With 1 step of accumulation a rank sees half a group, with 2 a whole one: the program writes what each saw."""
    port = 29500 + (os.getpid() + accumulate * 97) % 2000
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        str(port),
    ]
    run = subprocess.run(
        [*command, str(PROGRAM), str(accumulate), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    ranks: list[Any] = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    seen = [rank["plain_groups"][0] for rank in ranks]
    assert [len(groups) for groups in seen] == [2 * accumulate] * 2
    whole = [rank["whole_groups"][0] for rank in ranks]
    for groups in whole:  # complete groups of four, on every rank
        assert all(groups.count(group) == 4 for group in groups)
    if accumulate == 1:
        assert seen[0] == seen[1]  # half a group each
    together = [value for rank in ranks for value in rank["rank_rewards"][0]]
    groups = [group for groups in seen for group in groups]
    for group in set(groups):
        assert sorted(r for r, g in zip(together, groups, strict=True) if g == group) == [0.0, 1.0, 2.0, 3.0]
    for rank in ranks:
        assert rank["temporal"] == rank["temporal_alone"]
        assert any(value not in (0.0, None) for value in rank["temporal"][0])
        assert all(abs(value) < 1e3 for row in rank["advantages"] for value in row)
    # The same advantages as one process that has all responses.
    for rank in ranks:
        assert rank["advantages"] == rank["advantages_alone"]
        assert rank["advantages"] != [[0.0] * len(row) for row in rank["advantages"]]
