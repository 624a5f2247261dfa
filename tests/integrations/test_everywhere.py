"""Every callable gives the same pickled, in spawned and forked processes and in eight threads; rows of finite numbers."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import call_forms
import pytest
from call_forms import CALLS, REFERENCE, TEXTS, WANT

from kinetrace.integrations import cosmos, easyr1, slime, verl
from kinetrace.integrations._rewards import reward_of


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(method: str) -> None:
    here = {name: call_forms.called(name) for name in CALLS}  # used before the fork
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        there = {name: pool.submit(call_forms.called, name) for name in CALLS}
        assert {name: future.result(timeout=300) for name, future in there.items()} == here


@pytest.mark.parametrize("name", CALLS)
def test_pickle(name: str) -> None:
    function, keywords = CALLS[name]
    again = pickle.loads(pickle.dumps(function))
    assert call_forms.plain(again(**keywords)) == call_forms.called(name)


def test_threads() -> None:
    here = {name: call_forms.called(name) for name in CALLS}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            futures = [(name, pool.submit(call_forms.called, name)) for name in CALLS for _ in range(8)]
            assert all(future.result(timeout=300) == here[name] for name, future in futures)


def rows_of(name: str, reward: Any, fallback: float) -> list[dict[str, float]]:
    """Rows of a trainer's form for a sample that can be scored, and for one that cannot."""
    infos = [{"reference_steps": REFERENCE}, {"reference_steps": None}]
    options = {"reward": reward, "fallback": fallback}
    if name == "verl":
        return [verl.compute_score("d", TEXTS[1], "A", info, **options) for info in infos]
    if name == "verl async":
        return [asyncio.run(verl.compute_score_async("d", TEXTS[1], "A", info, **options)) for info in infos]
    if name == "verl batch":
        return verl.compute_score_batch(["d"] * 2, [TEXTS[1]] * 2, ["A"] * 2, infos, **options)
    if name == "easyr1":
        truths = ['{"reference_steps": ["a b", "c"]}', '{"reference_steps": null}']
        rows = [{"response": TEXTS[1], "response_length": 1, "ground_truth": truth} for truth in truths]
        return [{"score": row.pop("overall"), **row} for row in easyr1.compute_score(rows, **options)]
    function = cosmos.RewardFunction(reward, fallback=fallback)
    found = [
        function(TEXTS[1], truth, prompt="p") for truth in ('{"reference_steps": ["a b"]}', '{"reference_steps": null}')
    ]
    return [{"score": value, **parts} for value, parts in found]


@pytest.mark.parametrize("name", ["verl", "verl async", "verl batch", "easyr1", "cosmos"])
@pytest.mark.parametrize("fallback", [0.0, -1.5])
def test_rows_have_the_same_keys_and_finite_numbers(name: str, fallback: float) -> None:
    rows = rows_of(name, "process", fallback)
    assert len({tuple(row) for row in rows}) == 1
    assert len(rows[0]) > 3
    assert all(type(value) is float and math.isfinite(value) for row in rows for value in row.values())
    assert rows[1]["score"] == fallback
    assert rows[0]["score"] != fallback


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, -math.inf])
def test_whatever_a_callable_returns_trainers_get_numbers(bad: Any) -> None:
    def reward(completions: Any, **columns: Any) -> list[Any]:
        return [bad if not text else 1.0 for text in completions]

    for text, want in (("x", 1.0), ("", -2.0)):
        assert verl.compute_score("d", text, "A", {}, reward=reward, fallback=-2.0) == {"score": want}
    assert cosmos.RewardFunction(reward, fallback=-2.0)(["x", ""], "A")[0] == [1.0, -2.0]


def test_slime_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINETRACE_REWARD", '{"reward": "process", "arguments": {"preset": "caption"}, "fallback": -1}')
    samples = call_forms.samples()
    assert asyncio.run(slime.group_reward(None, samples)) == WANT
    assert [asyncio.run(slime.reward(None, sample)) for sample in samples] == WANT
    samples[0].label = '{"reference_steps": null}'
    assert asyncio.run(slime.reward(None, samples[0])) == -1


def test_configurations() -> None:
    assert reward_of("process", {"alpha": 2.0}) is reward_of("process", {"alpha": 2.0})
    assert reward_of("process", {"alpha": 2.0}).alpha == 2.0  # type: ignore[attr-defined]
    assert reward_of("process").alpha == 1.0  # type: ignore[attr-defined]
    assert reward_of("process", {"preset": "plain"}).normalize == "path"  # type: ignore[attr-defined]
    assert reward_of("kinetrace.rewards:FormatReward", {"count_tags": True}).count_tags  # type: ignore[attr-defined]
    assert reward_of("call_forms:first_two")(completions=["a" * 100]) == [1.0]
    with pytest.raises(ValueError, match=r"^reward: expected one of accuracy, format"):
        reward_of("nobody")
    with pytest.raises(ValueError, match=r"^arguments: expected none"):
        reward_of(call_forms.first_two, {"a": 1})
    with pytest.raises(ValueError, match=r"^fallback: expected a finite number"):
        verl.compute_score("d", TEXTS[0], "A", {"reference_steps": REFERENCE}, fallback=math.nan)
