"""A worker in this process: fast, without any wall. Its modules bear bare names, as in a sandbox."""

from __future__ import annotations

import json
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ouroloop.sandbox.guest as guest
from ouroloop.envs.snake.task import toolkit_source
from ouroloop.sandbox.codec import act_request, open_request
from ouroloop.sandbox.probes import bank

sys.path.append(str(Path(guest.__file__).parent))
if "toolkit" not in sys.modules:
    sys.modules["toolkit"] = types.ModuleType("toolkit")
    exec(toolkit_source(), vars(sys.modules["toolkit"]))

import worker


@contextmanager
def loaded() -> Iterator[worker.Worker]:
    """Yield a worker; what it changes in this process is put back."""
    streams, limit = (sys.stdout, sys.stderr), sys.getrecursionlimit()
    try:
        with warnings.catch_warnings():
            yield worker.Worker()
    finally:
        sys.stdout, sys.stderr = streams
        sys.setrecursionlimit(limit)


def played(source: str, calls: int = 4) -> list[object]:
    """Return the action of each call on one position, or the kind of what it raised; of loading alone if that fails."""
    request = act_request("x", *bank(1))
    with loaded() as one:
        replies = [json.loads(one.handle(open_request("x", source, 4).decode()))]
        if "error" not in replies[0]:
            replies = [json.loads(one.handle(request.decode())) for _ in range(calls)]
    return [reply["result"][0] if "result" in reply else reply["error"]["data"].get("type", "action") for reply in replies]
