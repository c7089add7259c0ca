"""Servers of local models, one per model and process, started at the first question and ended with the process.

Both servers want an environment of their own: `make models` creates `.llama`, `make vllm` creates `.vllm`.
"""

from __future__ import annotations

import atexit
import os
import secrets
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from ouroloop.agents.local.catalog import VLLM, Weights, is_local, weights_of
from ouroloop.agents.local.checkpoint import checkpoint
from ouroloop.agents.local.weights import is_fetched, missing, whole
from ouroloop.child_server import child_server, environment_python, free_port
from ouroloop.vllm_environment import REMEDY, vllm_python, vllm_settings

VARIABLE: Final = "OUROLOOP_LLAMA_PYTHON"
PLACE: Final = Path(".llama/bin/python")
START_S: Final = 120.0
VLLM_START_S: Final = 300.0
AT_ONCE: Final = 24
"""Conversations that vLLM answers at the same time; it computes no more of them a second beyond that."""
CACHE_GIB: Final = 2
"""GiB for keys and values of those conversations."""

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


def require(model: str) -> None:
    """Check that a local model could be served, without starting it.

    Args:
        model: as a recipe names it, `local:NAME` or `vllm:NAME`.

    Raises:
        UsageError: no such model is known.
        SurroundingsError: its weights or its server's environment are missing.
    """
    if not is_fetched(weights_of(model)):
        raise missing(weights_of(model))
    (vllm_python if model.startswith(VLLM) else llama_python)()


def places(model: str) -> int | None:
    """Return how many questions a local model's server answers at a time; None if the model is none."""
    return (AT_ONCE if model.startswith(VLLM) else 1) if is_local(model) else None


def endpoint(model: str) -> Endpoint:
    """Return where a local model answers; the first call starts its server.

    Args:
        model: as a recipe names it, `local:NAME` or `vllm:NAME`.

    Raises:
        UsageError: no such model is known.
        SurroundingsError: its weights or its server's environment are missing, or the server does not start.
    """
    with _starting:
        if model not in _endpoints:
            if not _endpoints:
                atexit.register(_running.close)
            key, port = secrets.token_urlsafe(24), free_port()
            started = (_vllm if model.startswith(VLLM) else _llama)(weights_of(model), key, port)
            _endpoints[model] = Endpoint(f"{_running.enter_context(started)}/v1", key)
        return _endpoints[model]


def _llama(weights: Weights, key: str, port: int) -> AbstractContextManager[str]:
    command = [
        str(llama_python()), str(Path(__file__).with_name("serve_llama.py")), str(os.getpid()),
        *("--model", str(whole(weights)), "--model_alias", weights.name, "--host", "127.0.0.1", "--port", str(port)),
        *("--n_ctx", str(weights.context), "--n_threads", str(_cores()), "--n_threads_batch", str(_cores())),
        *(("--chat_format", weights.chat_format) if weights.chat_format else ()),
    ]  # fmt: skip
    return child_server(
        command,
        name=weights.name,
        port=port,
        path="/v1/models",
        environment={**os.environ, "LLAMA_API_KEY": key},
        deadline_s=START_S,
        remedy="rebuild its environment (`rm -r .llama; make models`) if it is damaged",
        headers={"Authorization": f"Bearer {key}"},
    )


def _vllm(weights: Weights, key: str, port: int) -> AbstractContextManager[str]:
    """Return vLLM's server.

    Compiling the model would take minutes at the start, and gains nothing on CPUs. A prompt that is read in parts ends vLLM
    0.32's engine where a question has a seed ("CPU Generator does not use offset"), so each is read at once.
    """
    command = [
        *(str(vllm_python()), str(Path(__file__).with_name("serve_vllm.py")), str(os.getpid())),
        *("--model", str(checkpoint(weights, _cores())), "--served-model-name", weights.name, "--dtype", "bfloat16"),
        *("--host", "127.0.0.1", "--port", str(port), "--max-model-len", str(weights.context)),
        *("--max-num-seqs", str(AT_ONCE), "--max-num-batched-tokens", str(weights.context), "--no-enable-chunked-prefill"),
        *("--generation-config", "vllm", "--enforce-eager", "--disable-uvicorn-access-log"),
    ]
    return child_server(
        command,
        name=weights.name,
        port=port,
        path="/health",
        environment={**vllm_settings(_cores(), CACHE_GIB), "VLLM_API_KEY": key},
        deadline_s=VLLM_START_S,
        remedy=REMEDY,
    )


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
