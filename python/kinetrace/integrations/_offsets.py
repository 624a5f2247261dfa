"""Where the characters of generated tokens lie: offsets without tokenizing the text anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Span = tuple[int, int]


def text_and_offsets(tokenizer: Any, ids: Sequence[int]) -> tuple[str, list[Span]]:
    """The text of generated tokens, special ones left out, and each token's (start, end) in characters.

    Generated tokens need not be those that the tokenizer makes of their text, so its offsets serve only where they are;
    otherwise tokens are decoded one after another, each with what came since the last complete character before it.

    Args:
        tokenizer: as transformers has them: decode(ids, skip_special_tokens=True), and for the fast way a call with
            return_offsets_mapping.
        ids: generated tokens without padding.

    Returns:
        The text as trainers decode it; spans, empty for special tokens and for all but the last token of a character.
    """
    listed = [int(i) for i in ids]
    text: str = tokenizer.decode(listed, skip_special_tokens=True)
    special = set(getattr(tokenizer, "all_special_ids", ()))
    spans = _encoded(tokenizer, text, listed, special)
    if spans is None:
        spans = _streamed(tokenizer, listed)
    if spans is None or (spans and spans[-1][1] != len(text)):
        spans = _prefixes(tokenizer, listed, len(text))
    return text, spans


def _encoded(tokenizer: Any, text: str, ids: list[int], special: set[int]) -> list[Span] | None:
    """By tokenizing the text, if that gives these very tokens."""
    if not getattr(tokenizer, "is_fast", False):
        return None
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    kept = [i for i in ids if i not in special]
    if list(found["input_ids"]) != kept:
        return None
    offsets, spans, end = iter(found["offset_mapping"]), [], 0
    for i in ids:
        start, end = (end, end) if i in special else next(offsets)
        spans.append((int(start), int(end)))
    return spans


def _streamed(tokenizer: Any, ids: list[int]) -> list[Span]:
    """One token after another: the text of a short window with it, less that of the window before it."""
    spans: list[Span] = []
    window = read = length = 0
    before = ""
    for t in range(len(ids)):
        now: str = tokenizer.decode(ids[window : t + 1], skip_special_tokens=True)
        start = length
        if len(now) > len(before) and not now.endswith("\ufffd"):
            length += len(now) - len(before)
            window, read = read, t + 1
            before = tokenizer.decode(ids[window:read], skip_special_tokens=True)
        spans.append((start, length))
    return spans


def _prefixes(tokenizer: Any, ids: list[int], total: int) -> list[Span]:
    """By decoding every prefix: slow, right for any tokenizer that only appends."""
    ends = [len(tokenizer.decode(ids[: t + 1], skip_special_tokens=True)) for t in range(len(ids))]
    spans, last = [], 0
    for end in ends:
        spans.append((last, max(last, min(end, total))))
        last = spans[-1][1]
    return spans
