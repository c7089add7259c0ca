"""A vLLM server for a policy, as a child process in vLLM's own environment.

vLLM needs other versions of our dependencies, so it never shares our environment. `make vllm` creates `.vllm`, with vLLM's
build for CPUs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import ProxyHandler, build_opener

from ouroloop.policy.serving.wider import widened
from ouroloop.policy.snake_gpt import CARD, load, save
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from ouroloop.policy.serving.local import Precision

VARIABLE: Final = "OUROLOOP_VLLM_PYTHON"
PLACE: Final = Path(".vllm/bin/python")
TAIL: Final = 20
"""Number of log lines that an error shows."""
POLL_S: Final = 0.25
GRACE_S: Final = 20.0
"""How long the server may take to exit before it is killed."""


def vllm_python() -> Path:
    """Return the interpreter of vLLM's environment.

    Raises:
        SurroundingsError: there is none.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else PLACE
    if not path.is_file():
        where = f"{VARIABLE} names {named}, but there is no interpreter" if named else f"{PLACE} is missing, {VARIABLE} not set"
        raise SurroundingsError(f"no vLLM environment ({where}): make one with `make vllm`, or name its python in {VARIABLE}")
    return path.absolute()


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
        folder, log = servable(policy, Path(scratch) / "policy"), Path(scratch) / "log"
        port = _free_port()
        command = [str(interpreter), *_arguments(folder, policy.name, port, precision)]
        with log.open("wb") as sink:
            server = subprocess.Popen(
                command,
                cwd=scratch,
                env=vllm_settings(threads),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait(server, port, log, deadline_s)
            yield f"http://127.0.0.1:{port}"
        finally:
            end_group(server)


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


def vllm_settings(threads: int) -> dict[str, str]:
    """Return the environment of a process that runs vLLM: no network, no usage statistics, and no use of others' cores."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; by default it takes half of the memory
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, and all processes that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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


def _free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path, deadline_s: float) -> None:
    """Wait until the server answers."""
    opener, begun = build_opener(ProxyHandler({})), time.monotonic()
    while server.poll() is None and time.monotonic() - begun < deadline_s:
        with suppress(OSError), opener.open(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(POLL_S)
    code = server.poll()
    what = f"did not answer within {deadline_s:g} s" if code is None else f"ended with exit code {code}"
    said = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
    raise SurroundingsError(f"the vLLM server {what}; rebuild its environment (`make vllm`) if it is damaged:\n{said}")
