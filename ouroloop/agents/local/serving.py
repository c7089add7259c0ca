"""Servers of local models, one per model and process, started at the first question and ended with the process.

llama.cpp wants a build of its own, so it never shares our environment: `make models` creates `.llama`.
"""

from __future__ import annotations

import atexit
import os
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from ouroloop.agents.local.catalog import Weights, known
from ouroloop.agents.local.weights import is_fetched, missing, whole
from ouroloop.child_server import child_server, environment_python, free_port

VARIABLE: Final = "OUROLOOP_LLAMA_PYTHON"
PLACE: Final = Path(".llama/bin/python")
START_S: Final = 120.0

_running = ExitStack()
_endpoints: dict[str, Endpoint] = {}
_starting = Lock()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a local model answers, and the key without which it does not."""

    base_url: str
    key: str


def llama_python() -> Path:
    """Return the interpreter of llama.cpp's environment.

    Raises:
        SurroundingsError: there is none.
    """
    return environment_python("llama.cpp", VARIABLE, PLACE, "models")


def require(name: str) -> None:
    """Check that a local model could be served, without starting it.

    Raises:
        UsageError: no such model is known.
        SurroundingsError: its weights or llama.cpp's environment are missing.
    """
    if not is_fetched(known(name)):
        raise missing(known(name))
    llama_python()


def endpoint(name: str) -> Endpoint:
    """Return where a local model answers; the first call starts its server.

    Raises:
        UsageError: no such model is known.
        SurroundingsError: its weights or llama.cpp's environment are missing, or the server does not start.
    """
    with _starting:
        if name not in _endpoints:
            if not _endpoints:
                atexit.register(_running.close)
            _endpoints[name] = _started(known(name))
        return _endpoints[name]


def _started(weights: Weights) -> Endpoint:
    key, port = secrets.token_urlsafe(24), free_port()
    command = [
        str(llama_python()), str(Path(__file__).with_name("serve.py")), str(os.getpid()),
        *("--model", str(whole(weights)), "--model_alias", weights.name, "--host", "127.0.0.1", "--port", str(port)),
        *("--n_ctx", str(weights.context), "--n_threads", str(_cores()), "--n_threads_batch", str(_cores())),
        *(("--chat_format", weights.chat_format) if weights.chat_format else ()),
    ]  # fmt: skip
    address = _running.enter_context(
        child_server(
            command,
            name=weights.name,
            port=port,
            path="/v1/models",
            environment={**os.environ, "LLAMA_API_KEY": key},
            deadline_s=START_S,
            remedy="rebuild its environment (`rm -r .llama; make models`) if it is damaged",
            headers={"Authorization": f"Bearer {key}"},
        )
    )
    return Endpoint(f"{address}/v1", key)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
