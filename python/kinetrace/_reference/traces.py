"""Definition of split_steps and extract_tag: from a reasoning trace to its steps, by regular expressions."""

from __future__ import annotations

import re

_TAG = re.compile("</?(?:think|answer|observation)>")
_STEP_NUMBER = r"(?:step|Step|STEP)\s?\d+\s*[:.)\-](?=\s|$)"
_MARKER = re.compile(rf"(?<!\w)(?={_STEP_NUMBER})")
_ENUMERATOR = re.compile(rf"\s*(?:{_STEP_NUMBER}|(?:\(?\d+\s*[.)]|[-*•])(?=\s|$))")
_SENTENCE_END = re.compile(r"(?<=[.!?;])(?=\s)|(?<=[。！？])")


def extract_tag(text: str, tag: str, *, strip: bool = True) -> str | None:
    """What the first <tag>...</tag> encloses, up to the nearest end; None without such a pair."""
    name = re.escape(tag)
    found = re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
    if found is None:
        return None
    return found[1].strip() if strip else found[1]


def split_steps(text: str, *, markers: bool = False) -> list[str]:
    """The steps of a trace: its thought, by lines, without enumerators, by sentences."""
    thought = extract_tag(text, "think", strip=False)
    lines = re.split("[\r\n]", _TAG.sub("\n", text) if thought is None else thought)
    if markers:
        lines = [part for line in lines for part in _MARKER.split(line)]
    steps = []
    for line in lines:
        start = _ENUMERATOR.match(line)
        for piece in _SENTENCE_END.split(line[start.end() :] if start else line):
            if any(c.isalnum() for c in piece):
                steps.append(piece.strip())
    return steps
