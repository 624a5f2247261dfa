"""examples/newton_collapse.py, a reduced run: what it claims holds, it is the same every time, and it writes its picture."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "newton_collapse.py"


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    """The example as a module, with one thread of torch as its main function has."""
    spec = importlib.util.spec_from_file_location("newton_collapse", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield module
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def runs(example: Any) -> list[Any]:
    """The two arms of one seed, 60 of the 200 steps."""
    generator = example.pretrained(0)
    return [example.post_train(generator, arm, 0, steps=60) for arm in ("kinematic", "kinematic + mass")]


@pytest.mark.slow
def test_the_claim(example: Any, runs: list[Any]) -> None:
    alone, both = runs
    assert 0.9 < alone.motion[0] == both.motion[0] < 1.1
    assert alone.motion[-1] < 0.3
    assert alone.rmse_a[-1] > alone.rmse_a[0]
    assert both.motion[-1] > 0.9
    assert both.rmse_a[-1] < 0.85 * both.rmse_a[0]
    assert example.broken_claims(runs) == []
    swapped = [example.Run("kinematic", 0, both.generator, both.steps, both.motion, both.rmse_a)]
    assert len(example.broken_claims(swapped)) == 1  # the check can fail


@pytest.mark.slow
def test_the_picture(example: Any, runs: list[Any], tmp_path: Path) -> None:
    example.plot(runs, str(tmp_path / "out.png"))
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"


def test_seeds_are_fixed(example: Any) -> None:
    first, second = (example.post_train(example.pretrained(1, steps=3), "kinematic + mass", 1, steps=2) for _ in "ab")
    assert first.motion == second.motion
    assert first.rmse_a == second.rmse_a


def test_its_parts_are_what_they_say(example: Any) -> None:
    throws = example.draw_throws(4, seed=3)
    paths = example.true_paths(throws)
    third = paths.diff(n=3, dim=1)
    assert third.abs().max() < 1e-4  # constant acceleration
    torch.testing.assert_close(paths.diff(n=2, dim=1)[..., 1], throws[:, 4:].expand(-1, 8), atol=1e-4, rtol=0)
    assert paths.min() > 5
    assert paths.max() < example.SIDE_PX - 5
    frames = example.render(paths)
    torch.testing.assert_close(example.centroids(frames), paths, atol=0.5, rtol=0)
    flow = example.LucasKanade()(frames)
    for b in range(4):  # the flow at the disc's middle is its velocity
        for t in range(9):
            x, y = paths[b, t].round().int().tolist()
            torch.testing.assert_close(flow[b, t, :, y, x], paths[b, t + 1] - paths[b, t], atol=0.15, rtol=0)
    still = example.LucasKanade()(frames[:, :1].expand_as(frames))
    assert still.abs().max() < 1e-5
    assert not list(example.LucasKanade().parameters())
