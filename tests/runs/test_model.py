"""A language model instead of the embedded roles: a small real HTTP server with scripted replies."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.run import Report
from ouroloop.ledger.sqlite import Ledger
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from ouroloop.sandbox.screen.diff import make_diff
from tests.runs.small_run import micro

BETTER = """from toolkit import food_move


def act(observation, logits):
    move = food_move(observation)
    return 0 if move is None else move
"""
SPEC = {"terms": [{"name": "closer", "expr": "approach", "weight": 1.0, "clip": 1.0}], "gamma_r": 0.3}


@contextmanager
def model_server(replies: list[str], delay_s: float = 0.0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve OpenAI-style chat completions on loopback, one scripted reply after the other, the last one for ever."""
    asked: list[dict[str, Any]] = []
    closing = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            closing.wait(delay_s)
            text = replies[min(len(asked), len(replies)) - 1]
            message = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
            choices = [{"index": 0, "finish_reason": "stop", "message": message}]
            body = {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": choices,
                "usage": usage,
            }
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(OSError):  # whoever asked has given up
                self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


def model(role: str, url: str, count: int = 1, timeout_s: float = 5, repairs: int = 0) -> tuple[str, ...]:
    """Return the overrides that point a role at a server."""
    settings = {"model": "openai:scripted", "base_url": url, "timeout_s": timeout_s, "count": count, "repairs": repairs}
    return tuple(f"roles.{role}.{k}={v}" for k, v in settings.items())


def run(folder: Path, *overrides: str, ends: str = "done") -> dict[str, Any]:
    lifecycle.create(micro("budget.rounds=1", *overrides), folder, Quiet())
    assert lifecycle.work(folder, Quiet()) == ends
    report = Report(folder)
    try:
        return report.document()
    finally:
        report.close()


def test_a_models_patch_and_spec_go_through_every_layer_and_are_paid_for_once(tmp_path: Path) -> None:
    diff = make_diff(SnakeTask().start_controller, BETTER)
    weather = "I would rather talk about the weather, as act( is no patch."
    folder = tmp_path / "r"
    with model_server([f"Here is the patch:\n```diff\n{diff}```\n", f"def act( is all I know. {weather}"]) as (url, asked):
        shown = run(folder, "roles.reward_designer.count=0", *model("code_patcher", url, 2))
        calls = len(asked)
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        assert len(asked) == calls == 2
    assert shown["totals"]["tokens"] == 240
    candidates = shown["rounds"][0]["candidates"]
    assert [c["role"] for c in candidates] == ["chat-patcher"] * 2
    assert sorted(c["layer"] in ("gate", "oracle") for c in candidates) == [False, True]
    ledger = Ledger(folder / "ledger.sqlite")
    assert sum(s.method == "chat.complete" for s in ledger.steps()) == 2
    ledger.close()


def test_a_models_spec_is_trained_on(tmp_path: Path) -> None:
    with model_server([f"A dense reward:\n```json\n{json.dumps(SPEC)}\n```"]) as (url, _):
        shown = run(tmp_path / "r", "roles.code_patcher.count=0", *model("reward_designer", url))
    found = shown["rounds"][0]["candidates"][0]
    assert found["reward"]["terms"][0]["expr"] == "approach"
    assert found["layer"] in ("oracle", "gate")


def closed_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}/v1"


def test_a_model_that_refuses_or_talks_nonsense_costs_its_proposals_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(["Let me think about snakes in general."]) as (url, _):
        models = (*model("code_patcher", closed_port()), *model("reward_designer", url, 2))
        shown = run(tmp_path / "r", *models, "budget.rounds=2")
    said = capsys.readouterr().err
    assert "chat-patcher gave nothing" in said
    candidates = [candidate for round in shown["rounds"] for candidate in round["candidates"]]
    assert [candidate["layer"] for candidate in candidates] == ["schema", "schema"]
    assert all("holds no reward spec" in candidate["reason"] for candidate in candidates)
    asked = {one["slot"]: one for round in shown["rounds"] for one in round["asked"]}
    assert asked["reward_designer"]["tokens"] == 240
    assert "connection refused" in asked["code_patcher"]["lost"][0]["reason"]


def test_a_refused_patch_is_repaired_in_the_same_round(tmp_path: Path) -> None:
    broken = BETTER.replace("0 if move is None else move", "nowhere(observation)")
    replies = [f"```python\n{broken}```", f"```python\n{broken}```\n", f"```python\n{BETTER}```"]
    folder = tmp_path / "r"
    with model_server(replies) as (url, asked):
        shown = run(folder, "roles.reward_designer.count=0", *model("code_patcher", url, repairs=3))
        assert len(asked) == 3
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        assert len(asked) == 3
    found = {c["id"]: c for c in shown["rounds"][0]["candidates"]}
    assert list(found) == ["r1-patch1", "r1-patch1.1", "r1-patch1.2"]
    assert "nowhere" in found["r1-patch1"]["reason"]
    assert found["r1-patch1.2"]["layer"] in ("gate", "oracle")
    again = asked[2]["messages"]
    assert [message["role"] for message in again] == ["system", "user", "assistant", "user"]
    assert "nowhere" in again[3]["content"]
    assert [one["count"] for one in shown["rounds"][0]["asked"] if one["slot"] == "code_patcher"] == [1, 1, 1]
    assert shown["totals"]["tokens"] == 3 * 120


def test_a_model_that_does_not_answer_in_time_costs_its_proposals_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(["too late"], delay_s=60) as (url, asked):
        started = time.monotonic()
        shown = run(tmp_path / "r", "roles.reward_designer.count=0", *model("code_patcher", url, timeout_s=1), ends="failed")
        assert time.monotonic() - started < 50
        assert asked
    assert "chat-patcher gave nothing" in (said := capsys.readouterr().err)
    assert "within 1" in said
    assert shown["rounds"][0]["candidates"] == []
