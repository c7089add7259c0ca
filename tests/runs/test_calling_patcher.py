"""A run whose patcher calls functions: its exchanges are on record, and no resumed run asks or plays anything twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ouroloop.cli.main import call
from ouroloop.ledger.lock import is_running
from ouroloop.ledger.sqlite import Ledger
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from tests.agents.replies import Answer, Server, called
from tests.runs.small_run import document, micro
from tests.runs.test_model import BETTER

TURNS: list[list[tuple[str, str]]] = [
    [("look", '{"game": 1}'), ("oracle", '{"game": 1}'), ("read_toolkit", '{"name": "food_move"}')],
    [("try_draft", '{"patch": "def'), ("win", "{}")],
    [("try_draft", json.dumps({"patch": BETTER.replace("move is None", "True")})), ("oracle", '{"game": 1}')],
    [("try_draft", json.dumps({"patch": f"```python\n{BETTER}```"}))],
    [("submit", "")],
]


def answer(body: dict[str, Any], _: int) -> Answer:
    """Call what comes next in a conversation, whose assistant's messages are counted."""
    made = Answer({}, None)
    made.body = json.dumps(called(TURNS[sum(message["role"] == "assistant" for message in body["messages"])])).encode()
    return made


def created(folder: Path, url: str, count: int = 1) -> None:
    """Make a run of one round, whose only patcher calls functions."""
    config = f'{{tools="functions", turns={len(TURNS)}}}'
    patcher = f'{{use="agent-patcher", model="openai:scripted", base_url="{url}", count={count}, repairs=0, config={config}}}'
    recipe = micro("budget.rounds=1", "roles.reward_designer.count=0", f"roles.code_patcher={patcher}", "start.policy=random")
    lifecycle.create(recipe, folder, Quiet(notes=False))


def steps(folder: Path, method: str) -> dict[str, Any]:
    """Return the results of a run's steps of a method."""
    with closing(Ledger(folder / "ledger.sqlite", "read")) as ledger:
        return {step.key: step.result for step in ledger.steps("*", (method,))}


def test_a_run_with_a_patcher_that_calls_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "r"
    with Server(answer) as server:
        created(folder, server.url)
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        assert len(server.asked) == len(TURNS)
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        assert len(server.asked) == len(TURNS)
    said = [message["content"] for message in server.asked[-1]["messages"] if message["role"] == "tool"]
    for text, start in zip(
        said,
        (
            "How game 1 was lost:",
            "The oracle's regret of every move in game 1",
            "One move, or None",
            "The arguments are no JSON object",
            "Error: win is not a valid tool",
            "The draft passes the screen and plays.",
            "The oracle's regret of every move in game 1",
            "The draft passes the screen and plays.",
        ),
        strict=True,
    ):
        assert text.startswith(start)
    assert said[1] != said[6]
    (candidate,) = document(folder)["rounds"][0]["candidates"]
    assert candidate["layer"] in ("gate", "oracle")
    assert "written by openai:scripted in 5 turns; utility" in candidate["rationale"]
    assert document(folder)["totals"]["tokens"] == len(TURNS) * 120
    assert sorted(steps(folder, "patch.try")) == ["1/propose/patch/trial/0/3", "1/propose/patch/trial/0/4"]
    recorded = steps(folder, "chat.complete")
    assert [[(one["name"], one["arguments"]) for one in found["calls"]] for found in recorded.values()] == TURNS
    assert call(["show", str(folder), "--candidate", "r1-patch1"]) == 0
    shown = capsys.readouterr().out
    assert "  -> look(game=1)\n  -> oracle(game=1)\n" in shown
    assert "-> try_draft(patch=...)\n  ```python\n  from toolkit import food_move" in shown
    assert '-> try_draft: {"patch": "def' in shown
    assert "tool:\n  How game 1 was lost:" in shown
    assert call(["show", str(folder), "--candidate", "r1-patch1", "--json"]) == 0
    talk = json.loads(capsys.readouterr().out)["exchanges"]
    assert talk[0]["reply"] == '-> look(game=1)\n-> oracle(game=1)\n-> read_toolkit(name="food_move")'
    assert [message["role"] for message in talk[1]["messages"]] == ["system", "user", "assistant", "tool", "tool", "tool"]
    assert talk[1]["messages"][2]["content"] == talk[0]["reply"]


def test_a_run_that_is_killed_between_two_turns_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder, whole, going = tmp_path / "r", tmp_path / "whole", Event()

    def held(body: dict[str, Any], number: int) -> Answer:
        if number == 4 and not going.is_set():
            going.wait(200)
        return answer(body, number)

    with Server(held) as server:
        created(folder, server.url)
        command = [sys.executable, "-m", "ouroloop.cli.main", "resume", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 200
        while len(server.asked) < 5:
            assert process.poll() is None, "the run ended before it asked"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while is_running(folder):
            time.sleep(0.1)
        before = steps(folder, "patch.try"), steps(folder, "chat.complete")
        assert [len(found) for found in before] == [2, 4]
        going.set()
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        assert len(server.asked) == 6
        assert server.asked[4]["messages"] == server.asked[5]["messages"]
        created(whole, server.url)
        assert lifecycle.work(whole, Quiet(notes=False)) == "done"
    assert document(folder)["digest"] == document(whole)["digest"]
