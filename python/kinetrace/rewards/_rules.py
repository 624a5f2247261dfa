"""Rules that compare an answer with a solution, by type of problem: those of Video-R1, and what is safe about them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

_ANSWER = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)


def answer_of(text: str) -> str:
    """Inside of the first <answer>...</answer>, stripped; empty without one."""
    found = _ANSWER.search(text)
    return found.group(1).strip() if found else ""


def number_of(text: str) -> float | None:
    """As Python reads a number, commas removed."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def multiple_choice(answer: str, solution: str, compat: bool) -> float:
    """Equal texts. Two empty ones are equal in compat only."""
    return float(answer == solution and (compat or answer != ""))


def numerical(answer: str, solution: str, compat: bool) -> float:
    """Equal to two decimals, and both or neither with a decimal mark (a comma counts as one)."""
    del compat
    if ("." in answer or "," in answer) != ("." in solution or "," in solution):
        return 0.0
    a, s = number_of(answer), number_of(solution)
    return float(a is not None and s is not None and round(a, 2) == round(s, 2))


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Edits of words, case-sensitive, over the words of the reference (at least 1)."""
    r, h = reference.split(), hypothesis.split()
    row = list(range(len(h) + 1))
    for i, word in enumerate(r, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(h, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1] / max(1, len(r))


def ocr(answer: str, solution: str, compat: bool) -> float:
    """1 - word error rate, not below 0."""
    del compat
    return max(0.0, min(1.0, 1.0 - word_error_rate(solution, answer)))


def regression(answer: str, solution: str, compat: bool) -> float:
    """1 - relative error, not below 0. In compat NaN scores 1, and 0 against 0 scores 0."""
    a, s = number_of(answer), number_of(solution)
    if a is None or s is None:
        return 0.0
    if not compat:
        if not (math.isfinite(a) and math.isfinite(s)):
            return 0.0
        if a == s:
            return 1.0
    error = (abs(a - s) + 1e-9) / (abs(s) + 1e-9)
    return 1.0 - min(1.0, max(0.0, error))


#: By type of problem as Video-R1's data spell them; "free-form" is ROUGE, which takes whole batches.
RULES: dict[str, Callable[[str, str, bool], float]] = {
    "multiple choice": multiple_choice,
    "numerical": numerical,
    "OCR": ocr,
    "regression": regression,
}
