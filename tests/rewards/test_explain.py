"""explain: the alignment is the one that was paid for, its text and its picture."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from kinetrace.rewards import ProcessReasoningReward

REFERENCE = ["The ball falls.", "It bounces twice.", "It stops for $5 and $6."]
TRACE = "<think>Look at it. The ball falls down. So. It bounces twice! Then it stops. End</think>"
NAMES = ("symmetric1", "classic_jump", "sequential", "sequential_jump", "sigma21")


@pytest.mark.parametrize("step", NAMES)
@pytest.mark.parametrize("subsequence", [True, False, "start", "end"])
def test_the_path_costs_what_was_paid_for(step: str, subsequence: bool | str) -> None:
    reward = ProcessReasoningReward(step=step, subsequence=subsequence, normalize=None, length_penalty=0.1)
    got = reward.explain(TRACE, REFERENCE)
    (parts,) = reward.components([TRACE], reference_steps=[REFERENCE])
    assert got.cost.shape == (len(got.reference_steps), len(got.generated_steps)) == (3, 6)
    np.testing.assert_equal((got.distance, got.reward), (parts["distance"], parts["process"]))
    assert got.length_penalty == parts["length_penalty"]
    if np.isinf(got.distance):
        assert len(got.path) == 0
        return
    assert got.cost[tuple(got.path.T)].sum() == pytest.approx(got.distance, abs=1e-12)
    assert got.path[-1, 0] == 2
    assert subsequence in (True, "start") or got.path[0].tolist() == [0, 0]
    assert subsequence in (True, "end") or got.path[-1].tolist() == [2, 5]


def test_its_text_names_what_met() -> None:
    lines = str(ProcessReasoningReward(step="sequential_jump").explain(TRACE, REFERENCE)).splitlines()
    assert lines[0] == "1. The ball falls."
    assert lines[1].endswith("2. The ball falls down.")
    assert lines[3] == "   0.000  4. It bounces twice!"
    assert lines[-1].startswith("distance 0.")


def test_its_picture() -> None:
    got = ProcessReasoningReward().explain(TRACE, REFERENCE)
    ax = got.draw(label_width=12)
    assert isinstance(ax.figure, Figure)
    (line,) = ax.lines
    np.testing.assert_array_equal(np.column_stack([line.get_ydata(), line.get_xdata()]), got.path)
    np.testing.assert_array_equal(ax.images[0].get_array(), got.cost)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "1 The ball fa…",
        "2 It bounces …",
        "3 It stops fo…",
    ]
    assert ax.get_xticklabels()[0].get_text() == "1 Look at it."
    assert got.draw().get_yticklabels()[2].get_text() == r"3 It stops for \$5 and \$6."
    own = Figure().add_subplot()
    assert got.draw(own) is own
    assert got._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(("trace", "reference"), [("", REFERENCE), (TRACE, []), ("", []), ("One. Two.", REFERENCE)])
def test_traces_without_an_alignment(trace: str, reference: list[str]) -> None:
    got = ProcessReasoningReward().explain(trace, reference)
    assert len(got.path) == 0
    assert got.reward == 0
    assert got._repr_png_().startswith(b"\x89PNG")
    assert "reward 0.0000" in str(got)


def test_matrices_and_undefined_rewards() -> None:
    reward = ProcessReasoningReward(metric="matrix", empty_reference="nan")
    got = reward.explain("A. B.", ["x"], cost=[[0.5, 0.25]])
    assert got.path.tolist() == [[0, 1]]
    assert got.generated_steps == ["A.", "B."]
    empty = reward.explain("A.", [], cost=np.empty((0, 1)))
    assert empty.reward is None
    assert "reward undefined" in str(empty)
