"""The end of containers: who owns one, whether it is running, how it is removed, and what a dead owner left behind."""

from __future__ import annotations

import contextlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABEL = "ouroloop.sandbox.owner"
RUN_LABEL = "ouroloop.sandbox.run"


@dataclass(frozen=True, slots=True)
class Container:
    """One of our containers.

    Args:
        client: of the daemon.
        id: the daemon's id of it.
        remover: removes it in the background, so that the next candidate never waits for it.
    """

    client: Any
    id: str
    remover: ThreadPoolExecutor

    def running(self) -> bool:
        """Whether it runs."""
        from docker.errors import APIError

        try:
            return bool(self.client.api.inspect_container(self.id)["State"]["Running"])
        except APIError:
            return False

    def status(self) -> int:
        """Return its exit status; -1 if it has not ended or is gone."""
        from docker.errors import APIError
        from requests.exceptions import RequestException

        try:
            return int(self.client.api.wait(self.id, timeout=2)["StatusCode"])
        except (APIError, RequestException):
            return -1

    def remove(self) -> None:
        """Have it killed and removed."""
        self.remover.submit(remove, self.client, self.id)


def owner() -> str:
    """Return the label value that names this process: host, process id, start time of the process."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def _started(pid: int) -> str:
    """Return the kernel's start time of a process, which distinguishes it from a later one with the same id; empty if none."""
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
