"""The Docker sandbox: one hardened container for each controller, from an image of the running interpreter.

The container has no network, no capabilities, no writable root, none of our environment, and only a short list of system
calls (`seccomp.json`); inside it, the worker confines itself as well (`lockdown`). Containers are started ahead of need,
labelled with their owner, and removed when their session ends; those of a dead owner are removed at the next start.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.docker.attached import AttachedLink
from ouroloop.sandbox.docker.container import LABEL, RUN_LABEL, Container, owner, reap
from ouroloop.sandbox.docker.image import PYTHON_OF_BASE, command, ensure_image
from ouroloop.sandbox.docker.link import FifoLink, mounts, named_pipes
from ouroloop.sandbox.docker.packing import PYTHON
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.link import await_ready
from ouroloop.sandbox.pool import WarmPool
from ouroloop.sandbox.session import WorkerSession

log = logging.getLogger(__name__)
Channel: TypeAlias = FifoLink | AttachedLink

NOBODY = "65534:65534"
NO_FMA = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2"}
"""The one variable: on x86-64 it keeps the C library from fused multiply-adds, so that `exp`, `log` and powers give the same
bits as in WebAssembly."""
INTERPRETER_MB = 64
"""Address space of an empty interpreter."""


def connect() -> Any:
    """Return a client of the local daemon.

    Raises:
        SurroundingsError: no daemon answers.
    """
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=30)
        client.api.trust_env = False  # else each call looks for proxies in the environment, also from other threads
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
        run: name of the run, put on every container.
        base: an image, by digest, that has a Python, used instead of the running interpreter.

    Raises:
        SurroundingsError: no daemon answers, or it refuses the image.
    """

    name = "docker"

    def __init__(
        self,
        toolkit_source: str,
        actions: int,
        limits: Limits | None = None,
        *,
        warm: int = 2,
        run: str = "",
        base: str = "",
    ) -> None:
        self._client, self._actions, self._limits = connect(), actions, limits or Limits()
        self._image = ensure_image(self._client, toolkit_source, base)
        self._profile = Path(__file__).with_name("seccomp.json").read_text(encoding="utf-8")
        self._sessions: set[WorkerSession] = set()
        self._pool: WarmPool[Channel] = WarmPool(self._start, warm)
        self._remover = ThreadPoolExecutor(1, thread_name_prefix="sandbox-remove")
        self._closed, self._pipes, self._run = False, True, run
        self._python = PYTHON_OF_BASE if base else PYTHON
        reap(self._client)
        self._pool.refill()

    def open(self, source: str) -> WorkerSession:
        """Load a controller into a fresh container.

        Raises:
            CandidateFault: the controller could not be loaded.
            SurroundingsError: the daemon refuses, or is gone.
        """
        if self._closed:
            raise SurroundingsError("the Docker sandbox is closed")
        link = self._pool.take()
        try:
            session = WorkerSession(link, source, self._actions, self._limits, on_close=self._sessions.discard)
        finally:
            self._pool.refill()  # not earlier: starting the next container would slow down this one's first answer
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """End and remove every container; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for session in list(self._sessions):
            session.close()
        self._pool.close()
        self._remover.shutdown()
        self._client.close()

    def await_warm(self) -> None:
        """Wait until the pool is full."""
        self._pool.await_warm()

    def _start(self) -> Channel:
        """Start a container and wait until its worker is confined; use named pipes, or attach if they do not reach it."""
        if self._pipes:
            try:
                return self._start_piped()
            except SurroundingsError as error:
                log.info("no named pipe reaches a container (%s); attaching through the daemon", error)
                self._pipes = False
        container = self._create({})
        with self._refused(container.remove):
            stream = self._client.api.attach_socket(container.id, params={"stdin": 1, "stdout": 1, "stream": 1})
        return self._launched(container, AttachedLink(stream, container))

    def _start_piped(self) -> Channel:
        """Start a container on named pipes."""
        folder = named_pipes()
        container = self._create(mounts(folder))
        return self._launched(container, FifoLink(folder, container))

    def _launched(self, container: Container, link: Channel) -> Channel:
        """Start a container whose channel is open, and wait for its greeting."""
        with self._refused(link.close):
            self._client.api.start(container.id)
        await_ready(link, self._limits.start_s, "Docker")
        return link

    def _create(self, pipes: dict[str, str]) -> Container:
        """Create a container."""
        with self._refused(lambda: None):
            created = self._client.api.create_container(**self._settings(pipes))["Id"]
        return Container(self._client, created, self._remover)

    @contextlib.contextmanager
    def _refused(self, undo: Callable[[], object]) -> Iterator[None]:
        """Turn the daemon's refusals into a SurroundingsError, and leave nothing behind."""
        from docker.errors import DockerException

        try:
            yield
        except (DockerException, OSError) as error:
            undo()
            raise SurroundingsError(f"the Docker daemon could not start a sandbox: {str(error)[:300]}") from error

    def _settings(self, pipes: dict[str, str]) -> dict[str, Any]:
        """Return the container's configuration: everything possible is off; two pipes are mounted, or stdin is open."""
        from docker.types import Mount

        memory_mb = self._limits.memory_mb
        host = self._client.api.create_host_config(
            network_mode="none",
            cgroupns="private",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true", f"seccomp={self._profile}"],
            pids_limit=8,
            mem_limit=f"{memory_mb + 2 * INTERPRETER_MB}m",
            memswap_limit=f"{memory_mb + 2 * INTERPRETER_MB}m",
            nano_cpus=10**9,
            tmpfs={"/tmp": "rw,noexec,nosuid,nodev,size=1m"},  # noqa: S108 (a path inside the container)
            ipc_mode="none",
            mounts=[Mount(inside, path, type="bind", read_only=True) for path, inside in pipes.items()],
            log_config={"Type": "none"},
        )
        return {
            "image": self._image,
            "command": command(memory_mb + INTERPRETER_MB, tuple(pipes.values()), self._python),
            "name": f"ouroloop-{secrets.token_hex(8)}",
            "hostname": "sandbox",
            "user": NOBODY,
            "environment": NO_FMA,
            "working_dir": "/",
            "stdin_open": not pipes,
            "labels": {LABEL: owner(), RUN_LABEL: self._run},
            "host_config": host,
        }
