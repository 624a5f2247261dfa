"""Finds what scripts/mutate_cuda.py breaks in a CUDA source: barriers, masks, and lines marked KT_MUTATE."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BARRIER = re.compile(r"\b(__syncthreads|__syncthreads_count|__syncthreads_and|__syncthreads_or|__syncwarp)\s*\(")
MASKED = re.compile(r"\b(__(?:shfl|shfl_up|shfl_down|shfl_xor|ballot|any|all)_sync|__syncwarp)\s*\(")
FULL_MASK = re.compile(r"0x[fF]{8}[uU]?|~0[uU]?|(\w+::)*k?_?(full|all)_?(mask|warp|lanes)?", re.IGNORECASE)
MARK = re.compile(r"//\s*KT_MUTATE:\s*(.*)")
EQUIVALENT = re.compile(r"//\s*KT_EQUIVALENT\s+(barrier|mask|marked):\s*(.*\S)")
# comments, strings and characters; a quote after a digit separates digits
NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])'", re.DOTALL)


class UsageError(Exception):
    """A mark that cannot be understood, or a tree that does not pass unchanged."""


@dataclass(frozen=True)
class Mutation:
    """One edit: text[start:end] of `path` (relative to the root) becomes `replacement`."""

    path: Path
    line: int
    kind: str  # barrier, mask or marked
    what: str
    start: int
    end: int
    replacement: str
    equivalent: str = ""  # why the source says that no test can notice


def blank_comments(text: str) -> str:
    """The same text with comments and string literals blanked, every character at its place."""
    return NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def argument_spans(code: str, opening: int) -> tuple[list[tuple[int, int]], int]:
    """Spans of the arguments after the parenthesis at `opening`, and the position behind the closing one."""
    spans, depth, start = [], 0, opening + 1
    for i in range(opening, len(code)):
        if code[i] in "([{":
            depth += 1
        elif code[i] in ")]}":
            depth -= 1
            if depth == 0:
                if code[start:i].strip():
                    spans.append((start, i))
                return spans, i + 1
        elif code[i] == "," and depth == 1:
            spans.append((start, i))
            start = i + 1
    raise UsageError("a parenthesis is not closed")


def removed_barrier(name: str, arguments: list[str]) -> str:
    if name in ("__syncthreads", "__syncwarp"):
        return "static_cast<void>(0)"
    return f"(({arguments[0].strip()}) != 0)"  # what the thread itself would have contributed


def mask_changes(mask: str) -> list[str]:
    """A lane dropped from the mask, and the mask widened to the whole warp where it is not that already."""
    without_lowest = f"(({mask}) & (({mask}) - 1u))"
    return ["0xfffffffeu"] if FULL_MASK.fullmatch(mask) else ["0xffffffffu", without_lowest]


def marked_change(code_line: str, mark: str) -> tuple[int, int, str]:
    """The edit (start, end, replacement) within a line that a KT_MUTATE mark asks for."""
    if mark == "delete":
        return 0, len(code_line.rstrip()), ""
    if mark == "bound":
        found = re.search(r"\bif\s*(?:constexpr\s*)?\(", code_line)
        if not found:
            raise UsageError("KT_MUTATE: bound needs an `if (...)` on its line")
        _, end = argument_spans(code_line, found.end() - 1)
        return found.end(), end - 1, "true"
    old, arrow, new = mark.partition(" -> ")
    if not arrow or old not in code_line:
        raise UsageError(f"KT_MUTATE: expected `bound`, `delete` or `old -> new` with old on the line, got `{mark}`")
    start = code_line.index(old)
    return start, start + len(old), new


def equivalent_reason(lines: list[str], line: int, kind: str) -> str:
    """The reason of a KT_EQUIVALENT mark on line number `line`, or alone on the line above, or ""."""
    candidates = [lines[line - 1]]
    if line >= 2 and lines[line - 2].lstrip().startswith("//"):
        candidates.append(lines[line - 2])
    for candidate in candidates:
        mark = EQUIVALENT.search(candidate)
        if mark and mark[1] == kind:
            return mark[2]
    return ""


def find_calls(code: str, text: str) -> list[tuple[str, str, int, int, str]]:
    """(kind, what, start, end, replacement) for every barrier removed and every mask changed."""
    found = []
    for match in BARRIER.finditer(code):
        spans, end = argument_spans(code, match.end() - 1)
        arguments = [text[a:b] for a, b in spans]
        what = f"`{match[1]}` removed"
        found.append(("barrier", what, match.start(), end, removed_barrier(match[1], arguments)))
    for match in MASKED.finditer(code):
        spans, _ = argument_spans(code, match.end() - 1)
        for start, end in spans[:1]:  # __syncwarp() has no argument
            mask = text[start:end].strip()
            for change in mask_changes(mask):
                found.append(("mask", f"`{match[1]}` mask `{mask}` -> `{change}`", start, end, change))
    return found


def find_marked(path: Path, text: str) -> list[tuple[str, str, int, int, str]]:
    """(kind, what, start, end, replacement) for every KT_MUTATE mark; a line may carry several."""
    found, offset = [], 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        mark = MARK.search(line)
        code_line = line[: mark.start()] if mark else ""
        for wanted in re.split(r"//\s*KT_MUTATE:", mark[1]) if mark else ():
            try:
                start, end, replacement = marked_change(code_line, wanted.strip())
            except UsageError as error:
                raise UsageError(f"{path}:{number}: {error}") from None
            shown = code_line[start:end].strip()
            what = f"`{shown}` -> `{replacement}`" if replacement else f"`{shown}` deleted"
            found.append(("marked", what, offset + start, offset + end, replacement))
        offset += len(line)
    return found


def find_mutations(path: Path, text: str) -> list[Mutation]:
    """All mutations of one source file, in the order of its lines."""
    lines = text.splitlines()
    mutations = []
    for kind, what, start, end, replacement in find_calls(blank_comments(text), text) + find_marked(path, text):
        line = text.count("\n", 0, start) + 1
        reason = equivalent_reason(lines, line, kind)
        mutations.append(Mutation(path, line, kind, what, start, end, replacement, reason))
    return sorted(mutations, key=lambda m: (m.line, m.start))
