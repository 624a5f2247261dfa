"""Fuzzed calls of the trace functions: nasty strings in nasty lists, judged by the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fuzz_inputs import BAD, Call, Rng, chance, pick, size
from kinetrace import _reference

PIECES = (
    *(
        "ball",
        "falls",
        "falling",
        "The",
        "A",
        "iso",
        "x9",
        "3.5",
        "it's",
        "café",
        "naïve",
        "\u212a",
        "İ",
        "球",
        "ß",
        "𝟙",
    ),
    *(
        " ",
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "\x85",
        "\u2028",
        "\xa0",
        "\x00",
        "\x1c",
        "\ud800",
        "\udfff",
        "-",
        "_",
        "•",
        "*",
    ),
    *(
        ". ",
        "! ",
        "? ",
        "; ",
        ".",
        "。",
        "！",
        "？",
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "Step 3:",
        "2)",
        "(4)",
    ),
)
WORDS = ("stemming", "stemmed", "ation", "ness", "yyyy", "y", "a" * 17, "a" * 18, "b" * 300, "agreed", "dying", "alli")


def text(rng: Rng, most: int = 12) -> str:
    """Words, separators and tags; now and then hundreds of words, or none."""
    if chance(rng, 0.05):
        return " ".join(pick(rng, WORDS) for _ in range(int(rng.integers(60, 200))))
    return "".join(pick(rng, PIECES if chance(rng, 0.8) else WORDS) for _ in range(int(rng.integers(0, most + 1))))


def listed(rng: Rng, items: list[Any]) -> Any:
    """A list, or something else that holds the same."""
    return pick(rng, (items, items, tuple(items)))


def _references(rng: Rng, count: int, make: Any) -> list[Any]:
    """One for all, or one each, of which some are equal."""
    if chance(rng, 0.2):
        return [make()]
    some = [make() for _ in range(max(1, count // 2))]
    return [pick(rng, some) if chance(rng, 0.5) else make() for _ in range(count)]


def _broken(rng: Rng, args: list[Any], options: dict[str, Any], bad: dict[str, tuple[Any, ...]]) -> str:
    """Spoils one argument in a quarter of the calls; its name, or ""."""
    if chance(rng, 0.75):
        return ""
    name = str(pick(rng, ("references", "candidates", *bad)))
    if name in bad:
        options[name] = pick(rng, bad[name])
    else:
        args[("references", "candidates").index(name)] = pick(
            rng, (None, "text", b"bytes", 3, [None], [3], [b"a"], [[3]])
        )
    return name


def rouge_call(rng: Rng) -> Call:
    """Pairs of texts."""
    count = size(rng, 6)
    args = [listed(rng, _references(rng, count, lambda: text(rng))), listed(rng, [text(rng) for _ in range(count)])]
    options = {"stem": chance(rng, 0.7), "num_threads": pick(rng, (None, 1, 3))}
    broken = _broken(rng, args, options, {"stem": (1, None, "yes"), "num_threads": BAD["threads"]})
    return Call(tuple(args), options, np.float64, "plain", broken)


def judge_rouge(call: Call, answer: Any) -> None:
    """The definition, to the last bit."""
    references, candidates = call.args
    references = list(references) * (len(candidates) if len(references) == 1 else 1)
    np.testing.assert_array_equal(answer, _reference.rouge(references, candidates, stem=call.options["stem"]))


def rouge_cost_call(rng: Rng) -> Call:
    """Lists of steps."""
    count = size(rng, 4)

    def steps() -> Any:
        return listed(rng, [text(rng, 6) for _ in range(size(rng, 4))])

    args = [listed(rng, _references(rng, count, steps)), listed(rng, [steps() for _ in range(count)])]
    weights = pick(rng, ((1, 1, 1), (0.5, 0.25, 0.25), (0, 0, 3), np.array([1.0, 0.0, 2.0])))
    options = {"weights": weights, "stem": chance(rng, 0.7), "dtype": pick(rng, ("float64", np.float32))}
    bad = {
        "weights": ((1, 1), (0, 0, 0), (-1, 1, 1), (np.nan, 1, 1), (1, np.inf, 1), "111", 3, (1, 1, None)),
        "stem": (1, None, "yes"),
        "dtype": ("float16", int, None, "single ", 3.5),
    }
    dtype = options["dtype"]
    broken = _broken(rng, args, options, bad)
    return Call(tuple(args), options, dtype, "plain", broken)


def judge_rouge_cost(call: Call, answer: Any) -> None:
    """The definition, to the last bit, amid NaN."""
    references, candidates = call.args
    references = list(references) * (len(candidates) if len(references) == 1 else 1)
    assert answer.cost.dtype == np.dtype(call.options["dtype"])
    n, m = ([len(steps) for steps in lists] for lists in (references, candidates))
    assert (answer.x_lengths.tolist(), answer.y_lengths.tolist()) == (n, m)
    want = np.full(answer.cost.shape, np.nan)
    for b, (reference, candidate) in enumerate(zip(references, candidates, strict=True)):
        options = {"weights": call.options["weights"], "stem": call.options["stem"]}
        want[b, : n[b], : m[b]] = _reference.rouge_cost(reference, candidate, **options)
    np.testing.assert_array_equal(answer.cost, want.astype(answer.cost.dtype))


def split_steps_call(rng: Rng) -> Call:
    """One text."""
    args, options = [text(rng, 30)], {"markers": chance(rng, 0.5)}
    broken = "" if chance(rng, 0.8) else str(pick(rng, ("text", "markers")))
    if broken == "text":
        args[0] = pick(rng, (None, b"a", 3, ["a"]))
    elif broken:
        options["markers"] = pick(rng, (1, None, "yes"))
    return Call(tuple(args), options, np.float64, "plain", broken)


def judge_split_steps(call: Call, answer: Any) -> None:
    """The definition."""
    assert answer == _reference.split_steps(*call.args, **call.options)
