"""split_steps and extract_tag: golden cases, the definition on text made to confuse, and bad calls."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import kinetrace as kt
from golden_cases import case_id, cases
from kinetrace import _reference

TAGS = ["<think>", "</think>", "<answer>", "</answer>", "<observation>", "</observation>", "<Think>", "</thin", "<"]
ENUMERATORS = ["step", "Step", "STEP", "sTep", "3", "10", "(", ")", ".", ":", "-", "*", "•", "٣", "½", "_"]
SEPARATORS = [" ", "  ", "\t", "\n", "\r", "\x0b", "\x1c", "\x85", "\xa0", "\u2028", "!", "?", ";", "。", "！", "？"]
WORDS = ["ball", "B", "é", "球", "𝟙", "\ud800", "\x00", "²"]
TRACES = st.lists(st.sampled_from(TAGS + ENUMERATORS + SEPARATORS + WORDS), max_size=25).map("".join)


@pytest.mark.parametrize("case", cases("split", "prr_dtw"), ids=case_id)
def test_golden(case: dict) -> None:
    assert kt.split_steps(case["text"]) == case["expected"]


@given(TRACES, st.booleans())
@example("Step 3: Step 4: x step 5) y", True)
@example("x_step 3: y step 4- z", True)
@example("", False)
def test_like_the_definition(text: str, markers: bool) -> None:
    assert kt.split_steps(text, markers=markers) == _reference.split_steps(text, markers=markers)


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    assert kt.split_steps(text) == _reference.split_steps(text)


@given(TRACES)
def test_every_step_is_a_stripped_part_of_the_text(text: str) -> None:
    for step in kt.split_steps(text):
        assert step
        assert step in text
        assert step == step.strip()
        assert re.search(r"\w", step)


def test_markers_begin_steps_within_a_line() -> None:
    text = "Step 1: look up. Step 2: it falls step 3) stop. The footstep 4: no"
    assert kt.split_steps(text) == ["look up.", "Step 2: it falls step 3) stop.", "The footstep 4: no"]
    assert kt.split_steps(text, markers=True) == ["look up.", "it falls", "stop.", "The footstep 4: no"]


def test_only_the_first_thought_counts() -> None:
    assert kt.split_steps("before <think>a. b</think> c <think>d</think>") == ["a.", "b"]
    assert kt.split_steps("</think> a <think>b<think>c</think>") == ["b<think>c"]
    assert kt.split_steps("<think>never closed. So all <answer>counts</answer>") == [
        "never closed.",
        "So all",
        "counts",
    ]


@given(TRACES, st.sampled_from(["think", "answer", "a.b", ""]), st.booleans())
def test_extract_tag_like_the_definition(text: str, tag: str, strip: bool) -> None:
    assert kt.extract_tag(text, tag, strip=strip) == _reference.extract_tag(text, tag, strip=strip)


def test_extract_tag() -> None:
    text = "x<answer> \n A<answer>B </answer></answer>"
    assert kt.extract_tag(text, "answer") == "A<answer>B"
    assert kt.extract_tag(text, "answer", strip=False) == " \n A<answer>B "
    assert kt.extract_tag(text, "Answer") is None
    assert kt.extract_tag("<a.b>1</a.b><axb>2</axb>", "a.b") == "1"
    assert kt.extract_tag("<answer></answer>", "answer") == ""


@pytest.mark.parametrize("call", [lambda: kt.split_steps(b"a"), lambda: kt.split_steps(None)])  # type: ignore[arg-type]
def test_no_text(call) -> None:
    with pytest.raises(TypeError, match=r"^text: expected str, got "):
        call()


def test_bad_options() -> None:
    with pytest.raises(TypeError, match=r"^markers: expected "):
        kt.split_steps("a", markers=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^tag: expected str, got None"):
        kt.extract_tag("a", None)  # type: ignore[arg-type]
