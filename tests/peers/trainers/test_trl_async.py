"""AsyncGRPO's rollout worker, spawned as TRL spawns it, scores with kinetrace's rewards; a stand-in answers for vLLM."""

from __future__ import annotations

import json
import pickle
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import kinetrace as kt

pytest.importorskip("torch", reason="torch is not installed: no trainer was run (pip install torch)")
pytest.importorskip("trl", reason="TRL is not installed: no trainer was run (pip install kinetrace[trainers])")
pytest.importorskip(
    "aiohttp", reason="aiohttp is not installed: AsyncGRPO was not run (pip install kinetrace[trainers])"
)

import tiny_models as tiny

pytestmark = pytest.mark.filterwarnings("ignore")

REFERENCE = ["The ball falls.", "It bounces twice.", "It stops."]
TEXTS = [
    "<think>The ball falls. It bounces twice. It stops.</think>",
    "<think>A red ball. It falls down. It may bounce. It stops.</think>",
    "<think>It stops.</think>",
    "<think>The ball falls. It stops. It bounces twice. Hm.</think>",
]


@pytest.fixture
def server() -> Iterator[str]:
    """Answers /v1/completions with the tokens of TEXTS in turn."""
    tokenizer, turn, lock = tiny.byte_tokenizer(), iter(range(10**6)), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                ids = [*tokenizer(TEXTS[next(turn) % len(TEXTS)])["input_ids"], tokenizer.eos_token_id]
            choice = {"token_ids": ids, "logprobs": {"token_logprobs": [-1.0] * len(ids)}, "finish_reason": "stop"}
            body = json.dumps({"choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_spawned_worker_scores_groups(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate import PartialState
    from datasets import Dataset
    from trl.experimental.async_grpo import async_rollout_worker as module

    from kinetrace.integrations.trl import WholeGroups

    monkeypatch.setattr(module, "is_vllm_available", lambda *args, **kwargs: True)  # the stand-in answers for it
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    PartialState()  # TRL's logger wants it
    process = kt.rewards.ProcessReasoningReward()
    temporal = kt.rewards.TemporalReward(accuracy=process, format=None, group_size=4)
    rewards = [process, kt.rewards.accuracy_reward, WholeGroups(temporal, num_generations=4)]
    assert pickle.loads(pickle.dumps(rewards))
    row = {
        "prompt": [{"role": "user", "content": "What happens?"}],
        "reference_steps": REFERENCE,
        "solution": None,
        "problem_type": "multiple choice",
        "shuffled_accuracy": [0.1, 0.2],
    }
    tokenizer = tiny.byte_tokenizer()
    tokenizer.response_template = "none"  # no tools: TRL only wants to see one
    worker = module.AsyncRolloutWorker(
        model_name="tiny",
        dataset=Dataset.from_list([row] * 8),
        reward_funcs=rewards,
        processing_class=tokenizer,
        eos_token_ids=[tokenizer.eos_token_id],
        num_generations=4,
        max_inflight_tasks=4,
        vllm_server_url=server,
        queue_maxsize=16,
    )
    worker.start()
    try:
        samples = [worker.rollout_buffer.get(timeout=240) for _ in range(8)]
    except queue.Empty:
        worker.check_health(1e9)
        raise
    finally:
        worker.stop()
    want = dict(zip(TEXTS, process(completions=TEXTS, reference_steps=[REFERENCE] * 4), strict=True))
    assert len({round(value, 3) for value in want.values()}) == 4
    for sample in samples:
        text = sample.completion[0]["content"]
        assert sample.metrics["rewards/process_reasoning_reward"] == pytest.approx(want[text])
        assert sample.metrics["rewards/temporal_reward"] >= want[text] - 1e-9
        assert (
            sample.metrics["rewards/accuracy_reward"] != sample.metrics["rewards/accuracy_reward"]
        )  # None: unscorable
        assert abs(sample.advantage) < 3
