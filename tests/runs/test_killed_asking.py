"""`kill -9` while a model is being asked: what was answered is never asked again, and no record holds the key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from ouroloop.ledger.lock import is_running
from ouroloop.ledger.sqlite import Ledger
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import recipe_toml
from tests.runs.small_run import document, micro
from tests.runs.test_model import BETTER, model

KEY = "sk-a-key-that-nobody-may-read-5f2c9d"
ANSWER = f"```python\n{BETTER}```"


@contextmanager
def stuck_server(free: int) -> Iterator[tuple[str, list[int], Event]]:
    """Serve chat completions on loopback: the first `free` at once, the others once the event is set; list their seeds."""
    seeds: list[int] = []
    going = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Authorization"] == f"Bearer {KEY}"
            seeds.append(int(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["seed"]))
            if len(seeds) > free:
                going.wait(120)
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
            usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
            told = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
            data = json.dumps(told).encode()
            with suppress(OSError):  # whoever asked is dead
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seeds, going
    finally:
        going.set()
        server.shutdown()
        server.server_close()


def test_a_killed_run_asks_only_what_was_not_answered(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    folder = tmp_path / "r"
    with stuck_server(free=2) as (url, seeds, going):
        keys = ("roles.code_patcher.api_key_env=TEST_KEY", "roles.reward_designer.count=0", "budget.rounds=1")
        recipe = micro(*keys, *model("code_patcher", url, count=5, timeout_s=100), "start.policy=random")
        lifecycle.create(recipe, folder, Quiet(notes=False))
        (tmp_path / "r.toml").write_text(recipe_toml(recipe))
        command = [sys.executable, "-m", "ouroloop.cli.main", "resume", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 200
        while not (len(seeds) >= 5 and exchanges(folder) == 2):
            assert process.poll() is None, "the run ended before it asked"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while is_running(folder):
            time.sleep(0.1)
        going.set()
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        times = Counter(seeds)
    assert sorted(times.values()) == [1, 1, 2, 2, 2]
    found = document(folder)
    assert len(found["rounds"][0]["candidates"]) == 5
    assert found["totals"]["tokens"] == 5 * 120
    assert exchanges(folder) == 5
    for path in folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def exchanges(folder: Path) -> int:
    with closing(Ledger(folder / "ledger.sqlite", "read")) as ledger:
        return sum(step.method == "chat.complete" for step in ledger.steps())
