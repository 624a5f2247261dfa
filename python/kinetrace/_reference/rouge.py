"""Definition of rouge: the tokens, the Porter stem and ROUGE-1, -2, -L as the rouge-score package computes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

_IRREGULAR = {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
} | {word: word for word in ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")}

_STEP_2 = """ational ate, tional tion, enci ence, anci ance, izer ize, bli ble, alli al, entli ent, eli e, ousli ous,
    ization ize, ation ate, ator ate, alism al, iveness ive, fulness ful, ousness ous, aliti al, iviti ive,
    biliti ble, fulli ful, logi log"""
_STEP_3 = "icate ic, ative, alize al, iciti ic, ical ic, ful, ness"
_STEP_4 = "al, ance, ence, er, ic, able, ible, ant, ement, ment, ent, ion, ou, ism, ate, iti, ous, ive, ize"

Rules = list[tuple[str, str]]


def _rules(text: str) -> Rules:
    """Pairs (suffix, replacement) of a table written as above."""
    pairs = [rule.split() for rule in text.split(",")]
    return [(pair[0], pair[1] if len(pair) > 1 else "") for pair in pairs]


def _classes(word: str) -> str:
    """One letter per letter: v for a vowel, c for a consonant; y is a vowel exactly after a consonant."""
    out = ""
    for i, letter in enumerate(word):
        vowel = letter in "aeiou" or (letter == "y" and i > 0 and out[-1] == "c")
        out += "v" if vowel else "c"
    return out


def measure(stem: str) -> int:
    """m of Porter's paper: how often a consonant directly follows a vowel."""
    return _classes(stem).count("vc")


def _ends_short(stem: str) -> bool:
    """*o of the paper, and (as in NLTK) a vowel and a consonant alone."""
    classes = _classes(stem)
    return classes == "vc" or (classes.endswith("cvc") and stem[-1] not in "wxy")


def _first_match(word: str, rules: Rules, allowed: Callable[[str, str], bool]) -> str:
    """Replaces the first suffix that matches, if `allowed(stem, suffix)`; later rules are not tried either way."""
    for suffix, replacement in rules:
        if word.endswith(suffix):
            stem = word[: len(word) - len(suffix)]
            return stem + replacement if allowed(stem, suffix) else word
    return word


def _plural(word: str) -> str:
    """Step 1a."""
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _first_match(word, [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")], lambda *_: True)


def _past(word: str) -> str:
    """Step 1b."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if measure(word[:-3]) > 0 else word
    stem = next((word[: -len(s)] for s in ("ed", "ing") if word.endswith(s) and "v" in _classes(word[: -len(s)])), None)
    if stem is None:
        return word
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) > 1 and stem[-1] == stem[-2] and _classes(stem)[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if measure(stem) == 1 and _ends_short(stem) else stem


def _final_y(word: str) -> str:
    """Step 1c."""
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _classes(word[:-1])[-1] == "c" else word


def _double_suffix(word: str) -> str:
    """Step 2."""
    while word.endswith("alli") and measure(word[:-4]) > 0:
        word = word[:-2]
    # The l of logi counts as part of the stem.
    return _first_match(word, _rules(_STEP_2), lambda stem, s: measure(stem + "l" if s == "logi" else stem) > 0)


def _final_e_and_l(word: str) -> str:
    """Steps 5a and 5b."""
    if word.endswith("e"):
        m = measure(word[:-1])
        if m > 1 or (m == 1 and not _ends_short(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and measure(word[:-1]) > 1 else word


def porter_stem(word: str) -> str:
    """Porter's stem with the extensions of NLTK's PorterStemmer in its default mode, of a lower-case ASCII word."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _double_suffix(_final_y(_past(_plural(word))))
    word = _first_match(word, _rules(_STEP_3), lambda stem, _: measure(stem) > 0)
    word = _first_match(
        word, _rules(_STEP_4), lambda stem, s: measure(stem) > 1 and (s != "ion" or stem[-1] in ("s", "t"))
    )
    return _final_e_and_l(word)


def tokenize(text: str, *, stem: bool = True) -> list[str]:
    """Lower-cased runs of ASCII letters and digits; those longer than three characters are stemmed."""
    words = re.findall("[a-z0-9]+", text.lower())
    return [porter_stem(word) if stem and len(word) > 3 else word for word in words]


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        last = row[:]
        for j, y in enumerate(b):
            row[j + 1] = last[j] + 1 if x == y else max(last[j + 1], row[j])
    return row[-1]


def _f_measure(hits: int, predicted: int, expected: int) -> float:
    """Harmonic mean of hits / predicted and hits / expected."""
    precision, recall = hits / max(predicted, 1), hits / max(expected, 1)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def rouge(references: Sequence[str], candidates: Sequence[str], *, stem: bool = True) -> np.ndarray:
    """(B, 3) F-measures of ROUGE-1, -2, -L of each pair."""
    out = np.zeros((len(references), 3))
    for row, reference, candidate in zip(out, references, candidates, strict=True):
        x, y = tokenize(reference, stem=stem), tokenize(candidate, stem=stem)
        for n in (1, 2):
            grams = [Counter(tuple(t[i : i + n]) for i in range(len(t) - n + 1)) for t in (x, y)]
            hits = sum((grams[0] & grams[1]).values())
            row[n - 1] = _f_measure(hits, max(len(y) - n + 1, 0), max(len(x) - n + 1, 0))
        row[2] = _f_measure(lcs_length(x, y), len(y), len(x))
    return out


def rouge_cost(
    reference: Sequence[str],
    candidate: Sequence[str],
    *,
    weights: Sequence[float] = (1 / 3, 1 / 3, 1 / 3),
    stem: bool = True,
) -> np.ndarray:
    """(N, M) cost of two lists of steps: 1 - weighted mean of the three F-measures."""
    cost = np.ones((len(reference), len(candidate)))
    for i, step in enumerate(reference):
        f1, f2, fl = rouge([step] * len(candidate), candidate, stem=stem).T
        cost[i] = 1 - (weights[0] * f1 + weights[1] * f2 + weights[2] * fl) / sum(weights)
    return cost
