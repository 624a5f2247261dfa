"""GRPO with the process reward learns the order of events on 3 seeds; with the answer alone it does not.

The reduced form of examples/learn_order.py: 80 steps at a constant learning rate; about 25 s of one core.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: nothing was learned (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: nothing was learned (pip install kinetrace[trainers])")

import tiny_models  # noqa: E402, F401  # the environment

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import learn_order

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

STEPS = 80


@pytest.mark.parametrize("seed", range(3))
def test_order_is_learned_from_the_process_reward_only(seed: int) -> None:
    torch.set_num_threads(1)
    with_process = np.array(learn_order.run(seed, STEPS, process=True, schedule="constant"))
    answer_alone = np.array(learn_order.run(seed, STEPS, process=False, schedule="constant"))
    assert len(with_process) == len(answer_alone) == STEPS
    assert with_process[-10:].mean() > with_process[:10].mean() + 0.15
    assert np.polyfit(np.arange(STEPS), with_process, 1)[0] * STEPS > 0.15
    assert answer_alone[-10:].mean() < answer_alone[:10].mean() + 0.05
    assert with_process[-10:].mean() > answer_alone[-10:].mean() + 0.2


def test_the_measure() -> None:
    order = (0, 1, 2, 3)
    right = "".join(learn_order.EVENTS)
    assert learn_order.order_correctness(right, order) == 1
    assert learn_order.order_correctness("<think>" + right + right, order) == 1
    assert learn_order.order_correctness("".join(reversed(learn_order.EVENTS)), order) == 0
    assert learn_order.order_correctness(learn_order.EVENTS[0] + learn_order.EVENTS[2], order) == pytest.approx(1 / 6)
