"""rouge: golden cases, the rouge-score package on all sorts of text to the last bit, stems, tokens, bad calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize

import kinetrace as kt
from golden_cases import case_id, cases
from kinetrace import _cpu, _reference
from kinetrace._reference.rouge import porter_stem
from kinetrace._reference.rouge import tokenize as definition_tokens

FILE = "rouge"
NAMES = ("rouge1", "rouge2", "rougeL")
SCORERS = {stem: RougeScorer(NAMES, use_stemmer=stem) for stem in (False, True)}
STEMMER = PorterStemmer()

SUFFIXES: str = """ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti
    iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent sion
    tion ion ou ism ate iti ous ive ize s ies sses ed ing eed ied y e ll l at bl iz tt zz ss"""
IRREGULAR: str = """sky skies dying lying tying news inning innings outing outings canning cannings howe proceed exceed succeed
    dies ties spied died feed geology theology"""
STEMMABLE = st.tuples(
    st.text("aeiouybcdlstzx0", max_size=5), st.lists(st.sampled_from(SUFFIXES.split()), max_size=3).map("".join)
).map("".join)
WORDS = st.sampled_from(
    ["ball", "falls", "falling", "the", "The", "it's", "3.5", "café", "K", "\u212aelvin", "İs", "球"]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(WORDS | STEMMABLE, max_size=30).map(" ".join))


def package(references: list[str], candidates: list[str], stem: bool) -> np.ndarray:
    """(B, 3) F-measures of rouge-score."""
    scores = [SCORERS[stem].score(r, c) for r, c in zip(references, candidates, strict=True)]
    return np.array([[score[name].fmeasure for name in NAMES] for score in scores]).reshape(-1, 3)


@pytest.mark.parametrize("stem", [True, False])
@pytest.mark.parametrize("case", cases("pairs", FILE) + cases("no_stemmer", FILE), ids=case_id)
def test_golden(case: dict, stem: bool) -> None:
    if stem == case.get("use_stemmer", True):
        want = [case["expected"][name][2] for name in NAMES]
    else:
        want = package([case["reference"]], [case["prediction"]], stem)[0].tolist()
    got = kt.rouge([case["reference"]], [case["prediction"]], stem=stem)
    np.testing.assert_allclose(got, [want], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", cases("tokens", FILE), ids=case_id)
def test_golden_tokens(case: dict) -> None:
    assert _cpu.rouge_tokens(case["text"], True) == case["tokens"]
    assert definition_tokens(case["text"]) == case["tokens"]


def test_golden_stems() -> None:
    stems = {case["word"]: case["stem"] for case in cases("stems", FILE)}
    assert {word: porter_stem(word) for word in stems} == stems
    long = {word: stem for word, stem in stems.items() if len(word) > 3}
    assert _cpu.rouge_tokens(" ".join(long), True) == list(long.values())


@given(st.lists(STEMMABLE | st.sampled_from(IRREGULAR.split()), min_size=1, max_size=50))
def test_stems_like_nltk(words: list[str]) -> None:
    words = [word for word in words if word]
    expected = [STEMMER.stem(word) for word in words]
    assert [porter_stem(word) for word in words] == expected
    short = [stem if len(word) > 3 else word for word, stem in zip(words, expected, strict=True)]
    assert _cpu.rouge_tokens(" ".join(words), True) == short


@given(TEXTS, st.booleans())
@example("\ud800 lone\udfff surrogates", True)
@example("İİ\u212a ıß Σς", False)
@example("\x00zero\x00s inside", True)
def test_tokens_like_the_package(text: str, stem: bool) -> None:
    assert _cpu.rouge_tokens(text, stem) == tokenize(text, STEMMER if stem else None)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8), st.booleans())
@example([("", ""), ("a", ""), ("", "a"), ("a", "a"), ("a b", "a b"), ("...", "...")], True)
def test_like_the_package(pairs: list[tuple[str, str]], stem: bool) -> None:
    references, candidates = [p[0] for p in pairs], [p[1] for p in pairs]
    got = kt.rouge(references, candidates, stem=stem)
    assert (got.shape, got.dtype) == ((len(pairs), 3), np.float64)
    assert (got == package(references, candidates, stem)).all()
    assert (got == _reference.rouge(references, candidates, stem=stem)).all()


@settings(max_examples=60)
@given(
    st.sampled_from([0, 1, 2, 62, 63, 64, 65, 127, 128, 129, 200]),
    st.sampled_from([0, 1, 2, 40, 64, 65, 130]),
    st.sampled_from([1, 2, 5, 40]),
    st.integers(0, 2**32 - 1),
)
def test_long_texts_cross_the_blocks_of_the_masks(n: int, m: int, words: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, candidate = (" ".join(f"w{k}" for k in rng.integers(words, size=size)) for size in (n, m))
    assert (kt.rouge([reference], [candidate]) == package([reference], [candidate], True)).all()


def test_words_with_a_common_beginning_differ() -> None:
    heads = ["a" * 7, "a" * 8, "a" * 15, "a" * 16, "a" * 17, "a" * 40]
    words = [head + tail for head in heads for tail in ("", "x", "y", "xx", "0" * 9 + "x", "0" * 9 + "y")]
    assert _cpu.rouge_tokens(" ".join(words), False) == words
    for word in words:
        others = [other for other in words if other != word]
        assert (kt.rouge([word] * len(others), others, stem=False) == 0).all()


def test_many_different_words() -> None:
    words = [f"{k:x}z{k * 7919 % 100003}" for k in range(50_000)]
    assert _cpu.rouge_tokens(" ".join(words), False) == words


def test_one_reference_for_all() -> None:
    candidates = ["a ball falls", "the ball", "", "falls a ball"]
    one = kt.rouge(["a ball falls"], candidates)
    assert (one == kt.rouge(["a ball falls"] * 4, candidates)).all()
    assert kt.rouge([], []).shape == (0, 3)


def test_same_bits_for_any_number_of_threads_and_order() -> None:
    rng = np.random.default_rng(3)
    words = np.array(["ball", "falls", "falling", "bounces", "é", "stop"])
    texts = [" ".join(rng.choice(words, size)) for size in rng.integers(0, 90, 400)]
    references, candidates = texts[:200], texts[200:]
    one = kt.rouge(references, candidates, num_threads=1)
    order = rng.permutation(200)
    assert (one == kt.rouge(references, candidates, num_threads=5)).all()
    assert (one[order] == kt.rouge([references[k] for k in order], [candidates[k] for k in order])).all()


@pytest.mark.parametrize(
    ("references", "candidates", "error", "message"),
    [
        ("a", ["a"], TypeError, "references: expected a list of str, got str"),
        (["a"], b"a", TypeError, "candidates: expected a list of str, got bytes"),
        (["a"], ["a", None], TypeError, r"candidates: expected a list of str, got NoneType at \[1\]"),
        ([["a"]], ["a"], TypeError, r"references: expected a list of str, got list at \[0\]"),
        (["a", "b"], ["a"], ValueError, "candidates: expected 2 items, one for each of references, got 1"),
        (None, ["a"], TypeError, "references: expected a list of str, got NoneType"),
    ],
)
def test_bad_calls(references, candidates, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        kt.rouge(references, candidates)


def test_bad_options() -> None:
    with pytest.raises(TypeError, match=r"^stem: expected "):
        kt.rouge(["a"], ["a"], stem="yes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^num_threads: expected "):
        kt.rouge(["a"], ["a"], num_threads=0)
