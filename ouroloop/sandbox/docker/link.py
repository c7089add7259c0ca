"""The channel to a worker in a container: two named pipes, or, if the daemon runs elsewhere, its attached stream.

A batch through the pipes costs as much as with any child process; through the daemon and its shim it costs half a millisecond
more.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from time import monotonic
from typing import Protocol

from ouroloop.sandbox.link import Fate, LinkClosed, LinkTimeout
from ouroloop.sandbox.pipes import PipeLink, readable

REQUESTS, REPLIES = "/channel/requests", "/channel/replies"
"""The folder of the named pipes in a container."""
OUT_OF_TIME_STATUSES = (128 + 27, 128 + 24)
"""Exit statuses that `guest.init` reports for a worker killed by SIGPROF or SIGXCPU."""


class Container(Protocol):
    """The part of its container that a channel uses."""

    def running(self) -> bool:
        """Whether it runs."""
        ...

    def status(self) -> int:
        """Return its exit status; -1 if it has not ended or is gone."""
        ...

    def remove(self) -> None:
        """Have it killed and removed."""
        ...


def named_pipes() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder that holds two named pipes."""
    folder = tempfile.TemporaryDirectory(prefix="ouroloop-")
    for path in mounts(folder):
        os.mkfifo(path)
        Path(path).chmod(0o666)  # the container's user is nobody; on the host the folder keeps others out
    return folder


def mounts(folder: tempfile.TemporaryDirectory[str]) -> dict[str, str]:
    """Return, for both pipes, the path on the host -> the path in the container; requests come first."""
    return {str(Path(folder.name, Path(inside).name)): inside for inside in (REQUESTS, REPLIES)}


class Contained(ABC):
    """The half of a channel that deals with its container."""

    _container: Container
    _closed = False

    @abstractmethod
    def _release(self) -> None:
        """Free the channel's own resources."""

    def fate(self) -> Fate:
        """Return why the worker died, after LinkClosed."""
        return "time" if self._container.status() in OUT_OF_TIME_STATUSES else "gone"

    def gone(self) -> bool:
        """Whether the container has ended."""
        return not self._container.running()

    def close(self) -> None:
        """Have the container killed and removed; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._release()
            self._container.remove()


class FifoLink(Contained, PipeLink):
    """Named pipes mounted into one container; once it is up, they no longer have a name on the host.

    Args:
        folder: as `named_pipes` returns it, owned from now on.
        container: has them mounted, and is not running yet.
    """

    def __init__(self, folder: tempfile.TemporaryDirectory[str], container: Container) -> None:
        self._folder, self._container = folder, container
        self._up = False
        requests, replies = mounts(folder)
        # Opened at both ends, so that the worker need not wait; after its greeting, only the worker's own end is left.
        super().__init__(os.open(requests, os.O_RDWR | os.O_NONBLOCK), os.open(replies, os.O_RDONLY | os.O_NONBLOCK))

    def receive(self, size: int, deadline: float) -> bytes:
        """Return exactly `size` bytes. Raises LinkClosed, LinkTimeout."""
        while not self._up and not readable(self._replies, 0.5):  # a pipe that nobody has opened never reports its end
            if monotonic() > deadline:
                raise LinkTimeout
            if not self._container.running():
                raise LinkClosed
        data = super().receive(size, deadline)
        if not self._up:
            self._up = True
            writing = os.open(next(iter(mounts(self._folder))), os.O_WRONLY | os.O_NONBLOCK)
            os.dup2(writing, self._requests, inheritable=False)
            os.close(writing)
            self._folder.cleanup()
        return data

    def _release(self) -> None:
        """Close both pipes, and remove their names if they still have them."""
        os.close(self._requests)
        os.close(self._replies)
        with contextlib.suppress(OSError):
            self._folder.cleanup()
