"""A byte channel to a worker, with deadlines: what every channel offers, and how it fails."""

from __future__ import annotations

from time import monotonic
from typing import Literal, Protocol

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.guest.wire import READY

Fate = Literal["time", "gone"]
"""Why a worker died: it used up its processor time, or anything else."""


class LinkClosed(Exception):
    """The worker's end is closed, so it has died."""


class LinkTimeout(Exception):
    """The deadline passed."""


class Link(Protocol):
    """The part of a channel that a session uses. Deadlines are values of `time.monotonic`."""

    def send(self, data: bytes, deadline: float) -> None:
        """Write everything. Raises LinkClosed, LinkTimeout."""
        ...

    def receive(self, size: int, deadline: float) -> bytes:
        """Return exactly `size` bytes. Raises LinkClosed, LinkTimeout."""
        ...

    def pending(self) -> bool:
        """Whether bytes, or the end of the stream, can be read."""
        ...

    def fate(self) -> Fate:
        """Return why the worker died, after LinkClosed."""
        ...

    def close(self) -> None:
        """Have the worker killed and everything freed; safe to call twice."""
        ...

    def gone(self) -> bool:
        """Whether the worker has ended."""
        ...


def await_ready(link: Link, start_s: float, what: str) -> None:
    """Wait for a worker to come up. Whatever goes wrong until then is the surroundings' fault, not a controller's.

    Raises:
        SurroundingsError: it did not come up.
    """
    try:
        if link.receive(len(READY), monotonic() + start_s) == READY:
            return
        found = "it sent something other than its greeting"
    except LinkClosed:
        found = "it ended"
    except LinkTimeout:
        found = f"no answer in {start_s:.0f} s"
    link.close()
    raise SurroundingsError(f"the {what} worker did not start: {found}; `ouroloop doctor` says what is missing")
