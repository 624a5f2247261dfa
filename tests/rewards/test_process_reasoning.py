"""ProcessReasoningReward: golden vectors from matrices and text, every argument, and what happens at the edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from golden_cases import allowed, case_id, cases
from kinetrace.rewards import PRESETS, ProcessReasoningReward
from kinetrace.step_pattern import StepPattern

FILE = "prr_dtw"
FREE = {(True, True): True, (True, False): "start", (False, True): "end", (False, False): False}
REFERENCE = ["The ball falls.", "It bounces twice.", "It stops."]
TRACE = "Look at the ball. The ball falls down. It bounces twice. Then it stops."


def pattern(case: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a golden case."""
    name = "symmetric1" if case["variant"] == "classic" else case["variant"]
    free = FREE[case.get("free_start", True), case.get("free_end", True)]
    return {"step": name, "jump": case["jump"], "subsequence": free}


def near(actual: Any, expected: Any) -> None:
    expected = np.array(expected, dtype=np.float64)
    assert np.shape(actual) == expected.shape
    assert (np.abs(np.array(actual, dtype=np.float64) - expected) <= allowed(expected, np.float64, FILE)).all()


@pytest.mark.parametrize("case", cases("cost_matrix", FILE), ids=case_id)
def test_golden_matrices(case: dict) -> None:
    for key, value in case["expected"]["reward_n_ref"].items():
        name, alpha = key.split(":")
        reward = ProcessReasoningReward(metric="matrix", map=name, alpha=float(alpha), **pattern(case))
        near(reward(completions=["any"], cost=[case["cost"]]), [value])
        for norm, distance in case["expected"]["distance"].items():
            normalize = {"none": None, "n_ref": "x", "n_plus_m": "sum", "path": "path"}[norm]
            parts = ProcessReasoningReward(metric="matrix", normalize=normalize, **pattern(case)).components(
                completions=["any"], cost=[case["cost"]]
            )
            assert parts[0]["distance"] == pytest.approx(float(distance), rel=1e-9)


@pytest.mark.parametrize("case", cases("ragged_batch", FILE), ids=case_id)
def test_golden_ragged_batches(case: dict) -> None:
    reward = ProcessReasoningReward(metric="matrix", **pattern(case))
    near(reward(completions=[""] * len(case["costs"]), cost=case["costs"]), case["expected"]["reward_exp_1"])


@pytest.mark.parametrize("case", cases("text", FILE), ids=case_id)
def test_golden_text(case: dict) -> None:
    for name in ("exp", "linear", "reciprocal"):
        reward = ProcessReasoningReward(
            split=str.splitlines, rouge_weights=case["weights_r1_r2_rl"], map=name, **pattern(case)
        )
        text = "\n".join(case["generated_steps"])
        got = reward(completions=[text], reference_steps=[case["reference_steps"]])
        near(got, [case["expected"][f"prr_{name}_1"]])
        explained = reward.explain(text, case["reference_steps"])
        near(explained.cost, case["expected"]["cost"])
        near([explained.reward], [case["expected"][f"prr_{name}_1"]])


@pytest.mark.parametrize("case", cases("empty", FILE), ids=case_id)
def test_golden_empty_traces(case: dict) -> None:
    reference, completion = ["a step"] * case["n"], "a step. " * case["m"]
    for policy in ("zero", "nan"):
        want = float(case["expected"][f"reward_policy_{policy}"])
        reward = ProcessReasoningReward(empty_reference=policy)
        got = reward(completions=[completion], reference_steps=[reference])
        assert got == [None if math.isnan(want) else want]
        np.testing.assert_equal(reward.components([completion], reference_steps=[reference])[0]["process"], want)


def test_a_trace_that_says_it_all() -> None:
    assert ProcessReasoningReward()([" ".join(REFERENCE)], reference_steps=[REFERENCE]) == [1.0]


def test_a_missing_reference_is_unscorable() -> None:
    got = ProcessReasoningReward()([TRACE, TRACE], reference_steps=[None, REFERENCE])
    assert got[0] is None
    assert got[1] == ProcessReasoningReward()([TRACE], reference_steps=[REFERENCE])[0]


def test_too_few_steps_for_the_pattern_pay_nothing() -> None:
    parts = ProcessReasoningReward().components(["The ball falls."], reference_steps=[REFERENCE])
    assert (parts[0]["process"], parts[0]["distance"]) == (0.0, math.inf)


def test_a_reference_may_be_text() -> None:
    reward = ProcessReasoningReward()
    text = "<think>" + " ".join(REFERENCE) + "</think>"
    assert reward([TRACE], reference_steps=[text]) == reward([TRACE], reference_steps=[REFERENCE])


def test_the_batch_does_not_matter() -> None:
    reward = ProcessReasoningReward(step="classic_jump")
    traces = [TRACE, "One. Two. Three. " * 9, "", TRACE[:30]]
    references = [REFERENCE, REFERENCE[:1], REFERENCE, ["x"] * 7]
    alone = [reward([t], reference_steps=[r])[0] for t, r in zip(traces, references, strict=True)]
    assert reward(traces, reference_steps=references) == alone
    assert reward(traces[::-1], reference_steps=references[::-1]) == alone[::-1]
    assert reward([], reference_steps=[]) == []


def test_length_penalty() -> None:
    def distance(**options: float) -> dict[str, float]:
        return ProcessReasoningReward(**options).components([TRACE], reference_steps=[REFERENCE])[0]

    plain = distance()
    assert (plain["length_penalty"], plain["generated_steps"], plain["reference_steps"]) == (0, 4, 3)
    for allowance, surplus in ((1.0, 1), (0.0, 4), (0.5, 2.5), (2.0, 0)):
        got = distance(length_penalty=0.3, length_allowance=allowance)
        assert got["length_penalty"] == pytest.approx(0.3 * surplus / 3)
        assert got["process"] == pytest.approx(plain["process"] * math.exp(-0.3 * surplus / 3))


def test_repeats_are_dropped_from_the_generated_trace_only() -> None:
    reward = ProcessReasoningReward(drop_repeats=True)
    text = "The ball falls. THE BALL, falls! It bounces twice. É. é! It stops. The ball falls."
    (parts,) = reward.components([text], reference_steps=[REFERENCE + REFERENCE[:1]])
    assert (parts["generated_steps"], parts["reference_steps"]) == (4, 4)
    assert reward.explain(text, " ".join(REFERENCE + REFERENCE[:1])).reference_steps == REFERENCE + REFERENCE[:1]


def test_markers_and_functions_as_split_rules() -> None:
    text = "Step 1: a ball falls Step 2: it stops"
    for split, steps in (("sentence", 1), ("markers", 2), (str.split, 9)):
        (parts,) = ProcessReasoningReward(split=split).components([text], reference_steps=[["a"]])
        assert parts["generated_steps"] == steps
        assert len(ProcessReasoningReward(split=split).explain(text, ["a"]).generated_steps) == steps


def test_embeddings() -> None:
    rng = np.random.default_rng(0)
    table = {step: rng.normal(size=5) for step in ["A.", "B.", "C.", "D."]}
    calls = []

    def embed(steps: list[str]) -> np.ndarray:
        calls.append(steps)
        return np.array([table[step] for step in steps])

    reward = ProcessReasoningReward(metric="cosine", embed=embed)
    completions, references = ["A. B. C. D.", "D. C.", "A."], [["A.", "C."], ["C."], []]
    got = reward(completions, reference_steps=references)
    assert calls == [["A.", "C.", "B.", "D."]]
    assert got[0] == got[1] == 1
    assert got[2] == 0
    columns = {
        "reference_embeddings": [np.array([table[s] for s in r]) for r in references],
        "completion_embeddings": [np.array([table[s] for s in c.split()]) for c in completions],
    }
    assert ProcessReasoningReward(metric="cosine")(completions, **columns) == got
    unit = {step: row / np.linalg.norm(row) for step, row in table.items()}
    assert reward.explain("B. D.", ["A."]).cost[0] == pytest.approx(
        [1 - unit["A."] @ unit["B."], 1 - unit["A."] @ unit["D."]]
    )


def test_bad_embeddings() -> None:
    reward = ProcessReasoningReward(metric="cosine")
    columns = {"reference_embeddings": [np.ones((2, 3))], "completion_embeddings": [np.ones((2, 3))]}
    assert reward([""], **columns) == [1]
    with pytest.raises(ValueError, match=r"^completion_embeddings: expected 3 coordinates, got 4"):
        reward([""], **columns | {"completion_embeddings": [np.ones((2, 4))]})
    with pytest.raises(ValueError, match=r"^reference_embeddings: expected arrays \(steps, D\), got shape \(3,\)"):
        reward([""], **columns | {"reference_embeddings": [np.ones(3)]})
    with pytest.raises(ValueError, match=r"^reference_embeddings: expected a column with 1 entries, got None"):
        reward([""])


def test_totals_and_the_gate() -> None:
    reward = ProcessReasoningReward(
        accuracy="correct",
        format=lambda completions, **_: [0.5 for _ in completions],
        total_weights=(2, 4, 8),
        gate_on_correct=True,
    )
    texts, references = [" ".join(REFERENCE)] * 3, [REFERENCE] * 3
    assert reward(texts, reference_steps=references, correct=[1, 0, None]) == [2 + 2 + 8, 2, 2]
    parts = reward.components(texts, reference_steps=references, correct=[1, 0, None])
    assert [(p["accuracy"], p["format"], p["gate"], p["process"]) for p in parts] == [
        (1, 0.5, 1, 1),
        (0, 0.5, 0, 1),
        (0, 0.5, 0, 1),
    ]


def test_from_cost_is_the_reward_of_matrices() -> None:
    rng = np.random.default_rng(0)
    cost = rng.random((40, 5, 9))
    n, m = rng.integers(0, 6, 40), rng.integers(0, 10, 40).astype(np.int32)
    reward = ProcessReasoningReward(metric="matrix", length_penalty=0.1, empty_reference="nan")
    columns = {"cost": [c[:i, :j] for c, i, j in zip(cost, n, m, strict=True)]}
    want = [math.nan if r is None else r for r in reward([""] * 40, **columns)]
    np.testing.assert_array_equal(reward.from_cost(cost, x_lengths=n, y_lengths=m), want)
    assert 3 < np.isnan(want).sum() < 20
    assert reward.from_cost(cost[:, :, :0]).tolist() == [0] * 40
    single = reward.from_cost(cost.astype(np.float32))
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, reward([""] * 40, cost=list(cost)), rtol=2e-6)
    with pytest.raises(ValueError, match=r"^cost: expected shape \(B, N, M\), got \(5, 9\)"):
        reward.from_cost(cost[0])


def test_a_function_as_map() -> None:
    reward = ProcessReasoningReward(map=lambda v: 2 - v, alpha=3.0, metric="matrix", step="sequential")
    assert reward([""], cost=[[[0.5, 0.25]]]) == [1.25]


def test_negative_costs_give_finite_rewards() -> None:
    for name in ("exp", "linear", "reciprocal"):
        got = ProcessReasoningReward(metric="matrix", map=name)(["", ""], cost=[[[-1e6]], [[math.nan]]])
        assert math.isfinite(got[0])
        assert got[1] is None


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    assert any(mark in PRESETS[name].provenance for mark in ("[derived]", "[published"))
    columns = {"embed": lambda steps: np.eye(len(steps))} if name == "embeddings" else {}
    reward = ProcessReasoningReward.preset(name, alpha=2.0, **columns)
    assert reward.alpha == 2
    assert 0 < reward([TRACE], reference_steps=[REFERENCE])[0] <= 1


def test_the_default_is_the_preset_caption() -> None:
    assert ProcessReasoningReward.preset("caption").__dict__ == ProcessReasoningReward().__dict__
    assert ProcessReasoningReward().step == StepPattern.named("sequential_jump", jump=2)
    with pytest.raises(ValueError, match=r"^preset: expected one of 'caption', .+, got 'paper'"):
        ProcessReasoningReward.preset("paper")


def test_it_is_where_the_documentation_says() -> None:
    assert kt.rewards.ProcessReasoningReward is ProcessReasoningReward


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("split", "lines", ValueError),
        ("metric", "bleu", ValueError),
        ("rouge_weights", (1, 1), ValueError),
        ("rouge_weights", (0, 0, 0), ValueError),
        ("rouge_weights", "111", TypeError),
        ("step", "jump", ValueError),
        ("jump", 0, ValueError),
        ("subsequence", 1, ValueError),
        ("normalize", "n", ValueError),
        ("map", "tanh", ValueError),
        ("alpha", 0, ValueError),
        ("alpha", math.nan, ValueError),
        ("alpha", "1", TypeError),
        ("length_penalty", -1, ValueError),
        ("length_allowance", math.inf, ValueError),
        ("empty_reference", "none", ValueError),
        ("total_weights", (1, math.inf, 1), ValueError),
        ("gate_on_correct", True, ValueError),
    ],
)
def test_bad_arguments(argument: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{argument}: expected .+, got "):
        ProcessReasoningReward(**{argument: value})


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({}, ValueError, "reference_steps: expected a column with 1 entries, got None"),
        (
            {"reference_steps": [[], []]},
            ValueError,
            "reference_steps: expected 1 entries, one per completion, got 2 entries",
        ),
        ({"reference_steps": "text"}, ValueError, "reference_steps: expected 1 entries, one per completion, got str"),
        (
            {"reference_steps": [[1]]},
            TypeError,
            r"references: expected a list of str or lists of str, got int at \[0\]\[0\]",
        ),
    ],
)
def test_bad_columns(columns: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        ProcessReasoningReward()(completions=["a"], **columns)


@pytest.mark.parametrize("completions", [None, "text", [3], [["text"]], {"content": "a"}, [[{"content": 3}]]])
def test_bad_completions(completions: Any) -> None:
    with pytest.raises(TypeError, match=r"^completions: expected .+, got "):
        ProcessReasoningReward()(completions=completions, reference_steps=[["a"]])
