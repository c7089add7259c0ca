"""The channel to a worker on a remote daemon: the attached stream of its container."""

from __future__ import annotations

import select
import struct
from time import monotonic
from typing import Any

from ouroloop.sandbox.docker.link import Contained, Container
from ouroloop.sandbox.link import LinkClosed, LinkTimeout

STDOUT = 1
_CHUNK = 1 << 16


class AttachedLink(Contained):
    """Attached stdio of one container.

    Args:
        stream: the hijacked connection, opened before the container started.
        container: the container that it belongs to.
    """

    def __init__(self, stream: Any, container: Container) -> None:
        # The SDK returns a file object over a unix socket and the socket itself over TCP; keep both alive.
        self._stream, self._socket = stream, getattr(stream, "_sock", stream)
        self._container, self._raw, self._payload = container, bytearray(), bytearray()

    def send(self, data: bytes, deadline: float) -> None:
        """Write everything. Raises LinkClosed, LinkTimeout."""
        self._socket.settimeout(max(0.001, deadline - monotonic()))
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise LinkTimeout from error
        except OSError as error:
            raise LinkClosed from error

    def receive(self, size: int, deadline: float) -> bytes:
        """Return exactly `size` bytes of the container's stdout. Raises LinkClosed, LinkTimeout."""
        while len(self._payload) < size:
            self._fill(deadline)
        data = bytes(self._payload[:size])
        del self._payload[:size]
        return data

    def pending(self) -> bool:
        """Whether bytes, or the end of the stream, can be read."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(self._payload) or bool(self._raw) or bool(poll.poll(0))

    def _release(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _fill(self, deadline: float) -> None:
        """Read once and split off what is complete: an 8-byte header (stream, size), then the bytes."""
        left = deadline - monotonic()
        if left <= 0:
            raise LinkTimeout
        self._socket.settimeout(left)
        try:
            part = self._socket.recv(_CHUNK)
        except TimeoutError as error:
            raise LinkTimeout from error
        except OSError as error:
            raise LinkClosed from error
        if not part:
            raise LinkClosed
        self._raw += part
        while len(self._raw) >= 8:
            kind, size = struct.unpack(">BxxxI", self._raw[:8])
            # A large write arrives in pieces; each is passed on at once, so memory never holds more than a chunk.
            have = self._raw[8 : 8 + size]
            if kind == STDOUT:
                self._payload += have
            del self._raw[: 8 + len(have)]
            if len(have) < size:
                self._raw[:0] = struct.pack(">BxxxI", kind, size - len(have))
                break
