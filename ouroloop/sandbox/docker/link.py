"""The channel to a worker in a container: two named pipes, or, where the daemon runs elsewhere, its attached stream.

A batch through the pipes costs as much as to any child process. Through the daemon and its shim it costs half a
millisecond more.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from time import monotonic
from typing import Protocol

from ouroloop.sandbox.link import Fate, LinkClosed, LinkTimeout
from ouroloop.sandbox.pipes import PipeLink, readable

REQUESTS, REPLIES = "/channel/requests", "/channel/replies"
"""Where a container finds its named pipes."""
OUT_OF_TIME_STATUSES = (128 + 27, 128 + 24)
"""What init reports of a worker that SIGPROF or SIGXCPU ended."""


class Container(Protocol):
    """What a channel needs to know of its container."""

    def running(self) -> bool:
        """Whether it runs."""
        ...

    def status(self) -> int:
        """Return its exit status; -1 where it has not ended or is gone."""
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
    """Return path on the host -> path in the container of both pipes, requests first."""
    return {str(Path(folder.name, Path(inside).name)): inside for inside in (REQUESTS, REPLIES)}


class Contained:
    """The half of a channel that is about its container."""

    _container: Container
    _closed = False

    def _release(self) -> None:
        """Free what the channel itself holds."""
        raise NotImplementedError

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
    """Named pipes mounted into one container; once it is up they have no name on the host any more.

    Args:
        folder: as `named_pipes` returns it, owned from now on.
        container: has them, and does not run yet.
    """

    def __init__(self, folder: tempfile.TemporaryDirectory[str], container: Container) -> None:
        self._folder, self._container = folder, container
        self._up = False
        requests, replies = mounts(folder)
        # Open at both ends, so that the worker need not wait; once it has greeted, its own end alone is left.
        super().__init__(os.open(requests, os.O_RDWR | os.O_NONBLOCK), os.open(replies, os.O_RDONLY | os.O_NONBLOCK))

    def receive(self, size: int, deadline: float) -> bytes:
        """Return exactly `size` bytes. Raises LinkClosed, LinkTimeout."""
        while not self._up and not readable(self._replies, 0.5):  # a pipe that nobody opened tells of no end
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
        """Close both pipes, and take their names away if they still have them."""
        os.close(self._requests)
        os.close(self._replies)
        with contextlib.suppress(OSError):
            self._folder.cleanup()
