"""What trainers hand to a reward: completions in their several forms, and columns with one entry per completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def text_of(completion: Any) -> str:
    """Text of a completion: a string, or the first message of a conversation (its text parts); None is empty."""
    if isinstance(completion, str):
        return completion
    if type(completion) is list and len(completion) == 1 and type(completion[0]) is dict:
        # What TRL gives, by the hundred: the checks below take four times as long, all of it in the interpreter.
        content = completion[0].get("content")
        return content if type(content) is str else _content(content)
    if completion is None:
        return ""
    if isinstance(completion, Mapping):
        return _content(completion.get("content"))
    if isinstance(completion, Sequence) and all(isinstance(message, Mapping) for message in completion):
        return _content(completion[0].get("content")) if completion else ""
    raise TypeError(f"completions: expected str or lists of messages, got {type(completion).__name__}")


def _content(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Sequence):
        parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
        return "".join(part for part in parts if isinstance(part, str))
    raise TypeError(f"completions: expected a message whose content is str or parts, got {type(content).__name__}")


def texts_of(completions: Any) -> list[str]:
    """Texts of a batch of completions."""
    if completions is None or isinstance(completions, str | bytes | Mapping):
        raise TypeError(f"completions: expected a list with one per sample, got {type(completions).__name__}")
    return [text_of(completion) for completion in completions]


def column(columns: Mapping[str, Any], name: str, count: int) -> list[Any]:
    """One entry per completion.

    Raises:
        ValueError: the column is missing or has another length.
    """
    if columns.get(name) is None:
        raise ValueError(f"{name}: expected a column with {count} entries, got None")
    entries = columns[name]
    if isinstance(entries, str | bytes | Mapping) or len(entries) != count:
        got = type(entries).__name__ if isinstance(entries, str | bytes | Mapping) else f"{len(entries)} entries"
        raise ValueError(f"{name}: expected {count} entries, one per completion, got {got}")
    return list(entries)


def numbers(values: Any, name: str, count: int) -> list[float]:
    """Values of another reward, one per completion; None counts as 0."""
    listed = list(values)
    if len(listed) != count:
        raise ValueError(f"{name}: expected {count} values, one per completion, got {len(listed)}")
    return [0.0 if value is None or value != value else float(value) for value in listed]
