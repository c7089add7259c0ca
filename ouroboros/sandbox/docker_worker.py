"""The Docker sandbox: one hardened container for each controller, from an image of the running interpreter.

The container has no network, no capability, no writable root, no environment of ours and a short list of system calls
(`seccomp.json`); inside it the worker shuts itself in as well (`lockdown`). Containers are started ahead of need, labelled
with their owner, and removed when their session ends; those of a dead owner are removed at the next start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ouroboros.protocols.errors import SurroundingsError
from ouroboros.sandbox.docker_image import command, ensure_image
from ouroboros.sandbox.docker_link import DockerLink
from ouroboros.sandbox.limits import Limits
from ouroboros.sandbox.link import await_ready
from ouroboros.sandbox.session import WorkerSession

LABEL = "ouroboros.sandbox.owner"
NOBODY = "65534:65534"
INTERPRETER_MB = 64
"""Address space of an interpreter that holds nothing yet."""


def connect() -> Any:
    """Return a client of the local daemon.

    Raises:
        SurroundingsError: none answers.
    """
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=30)
        client.ping()
    except DockerException as error:
        raise SurroundingsError(f"no Docker daemon answers ({str(error)[:200]}); start one, or use the WASM sandbox") from error
    return client


class DockerSandbox:
    """Runs controllers in containers.

    Args:
        toolkit_source: source of the `toolkit` module that controllers may import.
        actions: number of actions.
        limits: what a worker may use.
        warm: containers kept ready.

    Raises:
        SurroundingsError: no daemon answers, or it refuses the image.
    """

    name = "docker"

    def __init__(self, toolkit_source: str, actions: int = 4, limits: Limits | None = None, *, warm: int = 2) -> None:
        self._client, self._actions, self._limits, self._warm = connect(), actions, limits or Limits(), warm
        self._image = ensure_image(self._client, toolkit_source)
        self._profile = Path(__file__).with_name("seccomp.json").read_text(encoding="utf-8")
        self._sessions: set[WorkerSession] = set()
        self._ready: deque[Future[DockerLink]] = deque()
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-start")
        self._remover = ThreadPoolExecutor(1, thread_name_prefix="sandbox-remove")
        self._closed = False
        reap(self._client)
        self._refill()

    def open(self, source: str) -> WorkerSession:
        """Load a controller into a fresh container.

        Raises:
            CandidateFault: the controller could not be loaded.
            SurroundingsError: the daemon refuses or is gone.
        """
        if self._closed:
            raise SurroundingsError("the Docker sandbox is closed")
        link = self._ready.popleft().result() if self._ready else self._start()
        self._refill()
        session = WorkerSession(link, source, self._actions, self._limits, on_close=self._sessions.discard)
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """End and remove every container; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for session in list(self._sessions):
            session.close()
        while self._ready:
            with contextlib.suppress(SurroundingsError):
                self._ready.popleft().result().close()
        self._starter.shutdown()
        self._remover.shutdown()
        self._client.close()

    def _refill(self) -> None:
        """Have containers started in the background, up to `warm`."""
        while len(self._ready) < self._warm:
            self._ready.append(self._starter.submit(self._start))

    def _start(self) -> DockerLink:
        """Create, attach to and start a container, and wait until its worker is shut in."""
        from docker.errors import APIError, DockerException

        api, container = self._client.api, ""
        try:
            container = api.create_container(**self._settings())["Id"]
            stream = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stream": 1})
            link = DockerLink(stream, lambda: self._status(container), lambda: self._remove(container))
            api.start(container)
        except (APIError, DockerException, OSError) as error:
            if container:
                remove(self._client, container)
            raise SurroundingsError(f"the Docker daemon could not start a sandbox: {str(error)[:300]}") from error
        await_ready(link, self._limits.start_s, "Docker")
        return link

    def _settings(self) -> dict[str, Any]:
        """Return the container's configuration: everything off that can be."""
        memory_mb = self._limits.memory_mb
        host = self._client.api.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true", f"seccomp={self._profile}"],
            pids_limit=8,
            mem_limit=f"{memory_mb + 2 * INTERPRETER_MB}m",
            memswap_limit=f"{memory_mb + 2 * INTERPRETER_MB}m",
            nano_cpus=10**9,
            tmpfs={"/tmp": "rw,noexec,nosuid,nodev,size=1m"},  # noqa: S108 (a path inside the container)
            init=True,
            ipc_mode="none",
            log_config={"Type": "none"},
        )
        return {
            "image": self._image,
            "command": command(memory_mb + INTERPRETER_MB),
            "name": f"ouroboros-{secrets.token_hex(8)}",
            "hostname": "sandbox",
            "user": NOBODY,
            "environment": {},
            "working_dir": "/",
            "stdin_open": True,
            "labels": {LABEL: owner()},
            "host_config": host,
        }

    def _status(self, container: str) -> int:
        """Return the exit status of an ended container; -1 where it has not ended or is gone."""
        from docker.errors import APIError
        from requests.exceptions import RequestException

        try:
            return int(self._client.api.wait(container, timeout=2)["StatusCode"])
        except (APIError, RequestException):
            return -1

    def _remove(self, container: str) -> None:
        """Kill and remove a container in the background: the next candidate never waits for it."""
        self._remover.submit(remove, self._client, container)


def owner() -> str:
    """Return the label value that names this process: host, process id, start time of the process."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def _started(pid: int) -> str:
    """Return the kernel's start time of a process, so that a reused process id is not mistaken for it; empty if none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def reap(client: Any) -> int:
    """Remove containers whose owner, on this host, is dead; return how many."""
    count = 0
    for entry in client.api.containers(all=True, filters={"label": LABEL}):
        host, pid, started = [*entry["Labels"][LABEL].split("/"), "", ""][:3]
        if host == socket.gethostname() and pid.isdecimal() and _started(int(pid)) != started:
            remove(client, entry["Id"])
            count += 1
    return count


def remove(client: Any, container: str) -> None:
    """Kill and remove a container; one that is gone is fine."""
    from docker.errors import APIError

    with contextlib.suppress(APIError):
        client.api.remove_container(container, force=True, v=True)
