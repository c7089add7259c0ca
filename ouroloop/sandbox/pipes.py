"""A byte channel over pipes, and one that owns a child process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from time import monotonic

from ouroloop.sandbox.link import Fate, LinkClosed, LinkTimeout

OUT_OF_TIME = 81
"""Exit status of a worker process whose guest used up its fuel."""


class PipeLink:
    """Two ends of pipes.

    Args:
        requests: descriptor to write to.
        replies: descriptor to read from.
    """

    def __init__(self, requests: int, replies: int) -> None:
        self._requests, self._replies = requests, replies
        os.set_blocking(requests, False)
        os.set_blocking(replies, False)

    def send(self, data: bytes, deadline: float) -> None:
        """Write everything. Raises LinkClosed, LinkTimeout."""
        view = memoryview(data)
        while view:
            _wait(self._requests, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._requests, view) :]
            except BrokenPipeError as error:
                raise LinkClosed from error

    def receive(self, size: int, deadline: float) -> bytes:
        """Return exactly `size` bytes. Raises LinkClosed, LinkTimeout."""
        parts = bytearray()
        while len(parts) < size:
            _wait(self._replies, select.POLLIN, deadline)
            part = os.read(self._replies, size - len(parts))
            if not part:
                raise LinkClosed
            parts += part
        return bytes(parts)

    def pending(self) -> bool:
        """Whether bytes, or the end of the stream, can be read."""
        return readable(self._replies, 0.0)


class ProcessLink(PipeLink):
    """Pipes to a child process that is started without environment, in its own session, with no other descriptor."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=null, env={}, cwd="/", close_fds=True, start_new_session=True, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        super().__init__(self._process.stdin.fileno(), self._process.stdout.fileno())

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def fate(self) -> Fate:
        """Return why the worker died, after LinkClosed."""
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            # The worker closed its end but is still alive, which no healthy worker does.
            return "gone"
        return "time" if status in (OUT_OF_TIME, -signal.SIGPROF, -signal.SIGXCPU) else "gone"

    def gone(self) -> bool:
        """Whether the child has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Kill the child's whole session and reap it; safe to call twice."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def readable(descriptor: int, wait_s: float) -> bool:
    """Whether bytes, or the end of the stream, can be read within `wait_s` seconds."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(wait_s * 1e3))


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Wait until a descriptor is ready. Raises LinkTimeout."""
    poll = select.poll()
    poll.register(descriptor, event)
    left_ms = (deadline - monotonic()) * 1e3
    if left_ms <= 0 or not poll.poll(left_ms):
        raise LinkTimeout
