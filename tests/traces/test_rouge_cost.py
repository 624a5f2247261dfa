"""rouge_cost: golden cases, the definition, lengths and padding, repeated references, weights, bad calls."""

from __future__ import annotations

from collections import UserList

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetrace as kt
from compare import assert_same_bits
from golden_cases import case_id, cases
from kinetrace import _reference

FILE = "prr_dtw"
STEPS = st.lists(
    st.lists(st.sampled_from(["ball", "falls", "falling", "é", "K", "球", "3.5", "İ"]), max_size=12).map(" ".join),
    max_size=6,
)


def check_like_the_definition(got: kt.RougeCost, references: list, candidates: list, **options) -> None:
    """Every entry to the last bit, NaN beyond the lengths."""
    n, m = ([len(steps) for steps in lists] for lists in (references, candidates))
    assert got.cost.shape == (len(candidates), max(n, default=0), max(m, default=0))
    assert got.x_lengths.dtype == got.y_lengths.dtype == np.int32
    assert (got.x_lengths.tolist(), got.y_lengths.tolist()) == (n, m)
    for b, (reference, candidate) in enumerate(zip(references, candidates, strict=True)):
        want = np.full(got.cost.shape[1:], np.nan)
        want[: n[b], : m[b]] = _reference.rouge_cost(reference, candidate, **options)
        np.testing.assert_array_equal(got.cost[b], want)


@pytest.mark.parametrize("case", cases("text", FILE), ids=case_id)
def test_golden(case: dict) -> None:
    lists = [case["reference_steps"]], [case["generated_steps"]]
    got = kt.rouge_cost(*lists, weights=case["weights_r1_r2_rl"])
    np.testing.assert_allclose(got.cost[0], case["expected"]["cost"], rtol=0, atol=1e-12)


@given(st.lists(st.tuples(STEPS, STEPS), max_size=5), st.booleans())
def test_like_the_definition(pairs: list, stem: bool) -> None:
    references, candidates = [p[0] for p in pairs], [p[1] for p in pairs]
    options = {"weights": (0.5, 0.2, 0.3), "stem": stem}
    check_like_the_definition(kt.rouge_cost(references, candidates, **options), references, candidates, **options)


def test_steps_beyond_a_mask_beside_short_ones() -> None:
    rng = np.random.default_rng(5)
    steps = [" ".join(f"w{k}" for k in rng.integers(9, size=size)) for size in (3, 64, 65, 0, 200, 12, 1, 130)]
    check_like_the_definition(kt.rouge_cost([steps], [steps[::-1]]), [steps], [steps[::-1]])


def test_one_reference_for_all_is_that_reference_for_each() -> None:
    reference, candidates = ["a ball", "it falls"], [["it falls"], [], ["a ball", "a ball rolls", "x"]]
    one = kt.rouge_cost([reference], candidates)
    assert_same_bits(one, kt.rouge_cost([reference] * 3, candidates))
    assert_same_bits(one, kt.rouge_cost([list(reference), tuple(reference), UserList(reference)], candidates))


def test_references_of_equal_content_and_nearly_equal_ones() -> None:
    references = [["ab", "c"], ["a", "bc"], ["ab", "c"], ["abc"], ["ab", "c", ""], ["áb", "c"], [], ["ab", "c"]]
    candidates = [["ab c", "a", "bc", "abc", "c", "b"]] * len(references)
    check_like_the_definition(kt.rouge_cost(references, candidates), references, candidates)


def test_same_bits_for_any_number_of_threads_and_order() -> None:
    rng = np.random.default_rng(3)
    words = np.array(["ball", "falls", "falling", "bounces", "é", "stop"])

    def trace() -> list[str]:
        return [" ".join(rng.choice(words, size)) for size in rng.integers(0, 20, rng.integers(0, 8))]

    groups = [trace() for _ in range(20)]
    references = [groups[k] for k in rng.integers(20, size=150)]
    candidates = [trace() for _ in range(150)]
    one = kt.rouge_cost(references, candidates, num_threads=1)
    assert_same_bits(one, kt.rouge_cost(references, candidates, num_threads=7))
    order = rng.permutation(150)
    again = kt.rouge_cost([references[k] for k in order], [candidates[k] for k in order])
    assert_same_bits(again, kt.RougeCost(*(array[order] for array in one)))


def test_weights_are_divided_by_their_sum() -> None:
    lists = [["a ball falls", "it is red"]], [["the ball falls", "it was red", "no"]]
    f = np.stack([kt.rouge([r] * 3, lists[1][0]) for r in lists[0][0]])
    for k, weights in enumerate(np.eye(3)):
        np.testing.assert_array_equal(kt.rouge_cost(*lists, weights=weights).cost[0], 1 - f[:, :, k])
    np.testing.assert_allclose(kt.rouge_cost(*lists, weights=(2, 2, 4)).cost[0], 1 - f @ [0.25, 0.25, 0.5], atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
def test_float32_is_the_rounded_float64(dtype: object) -> None:
    lists = [["a ball falls", "it is red"]], [["the ball falls", "it was red", "no"]]
    single, double = kt.rouge_cost(*lists, dtype=dtype), kt.rouge_cost(*lists)  # type: ignore[arg-type]
    assert (single.cost.dtype, double.cost.dtype) == (np.float32, np.float64)
    assert (single.cost == double.cost.astype(np.float32)).all()


def test_empty_batch_and_empty_lists() -> None:
    assert kt.rouge_cost([], []).cost.shape == (0, 0, 0)
    assert kt.rouge_cost([[], []], [[], ["a"]]).cost.shape == (2, 0, 1)


@pytest.mark.parametrize(
    ("references", "candidates", "error", "message"),
    [
        (["a"], [["a"]], TypeError, r"references: expected a list of lists of str, got str at \[0\]"),
        ([["a"]], "a", TypeError, "candidates: expected a list of lists of str, got str"),
        ([["a"]], [["a", 3]], TypeError, r"candidates: expected a list of lists of str, got int at \[0\]\[1\]"),
        ([["a"]] * 3, [["a"]] * 2, ValueError, "candidates: expected 3 items, one for each of references, got 2"),
    ],
)
def test_bad_lists(references, candidates, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        kt.rouge_cost(references, candidates)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("weights", (1, 1), ValueError),
        ("weights", (0, 0, 0), ValueError),
        ("weights", (1, -1, 1), ValueError),
        ("weights", (1, float("nan"), 1), ValueError),
        ("weights", (1, float("inf"), 1), ValueError),
        ("weights", (1, "1", 1), TypeError),
        ("weights", 1.0, TypeError),
        ("stem", 1, TypeError),
        ("dtype", "float16", ValueError),
        ("dtype", "no type", ValueError),
        ("num_threads", 0, ValueError),
        ("num_threads", 1.5, TypeError),
    ],
)
def test_bad_options(option: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{option}: expected .+, got "):
        kt.rouge_cost([["a"]], [["a"]], **{option: value})  # type: ignore[arg-type]
