"""A vLLM server for a policy, as a child process in vLLM's own environment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.child_server import child_server, free_port
from ouroloop.policy.serving.wider import widened
from ouroloop.policy.snake_gpt import CARD, load, save
from ouroloop.vllm_environment import REMEDY, vllm_python, vllm_settings

if TYPE_CHECKING:
    from ouroloop.policy.serving.local import Precision


@contextmanager
def vllm_server(
    policy: Path,
    *,
    python: Path | None = None,
    precision: Precision = "float32",
    threads: int = 1,
    deadline_s: float = 600.0,
) -> Iterator[str]:
    """Serve a policy directory on a free loopback port until the block ends; yields the server's address.

    Args:
        policy: the directory; a Snake-GPT is served with wider heads if vLLM has no kernel for its own.
        python: interpreter of vLLM's environment; that of `vllm_python` by default.
        precision: in which the model computes.
        threads: number of cores for the server.
        deadline_s: how long it may take to start.

    Raises:
        SurroundingsError: there is no environment, or the server ended or did not answer in time; the message ends with the
            last lines of its log.
    """
    interpreter = vllm_python() if python is None else python
    with tempfile.TemporaryDirectory(prefix="ouroloop-vllm-") as scratch:
        folder = servable(policy, Path(scratch) / "policy")
        port = free_port()
        with child_server(
            [str(interpreter), *_arguments(folder, policy.name, port, precision)],
            name="vLLM",
            port=port,
            path="/health",
            environment=vllm_settings(threads),
            deadline_s=deadline_s,
            remedy=REMEDY,
        ) as address:
            yield address


def servable(policy: Path, room: Path) -> Path:
    """Return a directory that vLLM serves on CPUs: the policy's own, or a copy in `room` with wider heads."""
    if not (policy / CARD).is_file():
        return policy.absolute()
    loaded = load(policy)
    wide = widened(loaded)
    if wide is loaded:
        return policy.absolute()
    save(wide, room)
    return room


def _arguments(folder: Path, name: str, port: int, precision: Precision) -> list[str]:
    """Return the server's arguments.

    Compiling the model and capturing its graphs would take minutes at the start, and a model this small gains nothing by it.
    """
    return [
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(folder), "--served-model-name", name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", precision, "--generation-config", "vllm", "--enforce-eager", "--disable-uvicorn-access-log"),
    ]
