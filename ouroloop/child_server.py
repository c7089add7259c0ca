"""A server as a child process on a loopback port, which leads its own process group and ends with the block that uses it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener

from ouroloop.protocols.errors import SurroundingsError

TAIL: Final = 20
"""Number of log lines that an error shows."""
POLL_S: Final = 0.25
GRACE_S: Final = 20.0
"""How long a server may take to exit before it is killed."""


def environment_python(name: str, variable: str, place: Path, target: str) -> Path:
    """Return the interpreter of an environment that is not ours.

    Args:
        name: what an error calls it.
        variable: the environment variable that may name the interpreter.
        place: where it is otherwise.
        target: the target of `make` that creates the environment.

    Raises:
        SurroundingsError: there is none.
    """
    named = os.environ.get(variable)
    path = Path(named) if named else place
    if not path.is_file():
        where = f"{variable} names {named}, but there is no interpreter" if named else f"{place} is missing, {variable} not set"
        remedy = f"make one with `make {target}`, or name its python in {variable}"
        raise SurroundingsError(f"no {name} environment ({where}): {remedy}")
    return path.absolute()


@contextmanager
def child_server(
    command: Sequence[str],
    *,
    name: str,
    port: int,
    path: str,
    environment: Mapping[str, str],
    deadline_s: float,
    remedy: str,
    headers: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run a server until the block ends; yields its address, e.g. `http://127.0.0.1:8123`.

    Args:
        command: starts it.
        name: what an error calls it.
        port: the loopback port on which it listens.
        path: answers with status 200 as soon as the server is ready, e.g. `/health`.
        environment: the environment variables of the process.
        deadline_s: how long it may take to start.
        remedy: what to do about a server that does not start.
        headers: headers of the requests to `path`.

    Raises:
        SurroundingsError: it ended or did not answer in time; the message ends with the last lines of its log.
    """
    with tempfile.TemporaryDirectory(prefix="ouroloop-server-") as scratch:
        log = Path(scratch) / "log"
        with log.open("wb") as sink:
            server = subprocess.Popen(
                list(command),
                cwd=scratch,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            address = f"http://127.0.0.1:{port}"
            failed = _wait(server, Request(address + path, headers=dict(headers or {})), deadline_s)  # noqa: S310 - loopback
            if failed:
                said = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
                raise SurroundingsError(f"the {name} server {failed}; {remedy}:\n{said}")
            yield address
        finally:
            end_group(server)


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads its own group, and all processes that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(server: subprocess.Popen[bytes], request: Request, deadline_s: float) -> str:
    """Wait until the server answers; return what went wrong instead, or nothing."""
    opener, begun = build_opener(ProxyHandler({})), time.monotonic()
    while server.poll() is None and time.monotonic() - begun < deadline_s:
        with suppress(OSError), opener.open(request, timeout=5):
            return ""
        time.sleep(POLL_S)
    code = server.poll()
    return f"did not answer within {deadline_s:g} s" if code is None else f"ended with exit code {code}"
