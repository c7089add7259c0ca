"""A controller in a worker, seen from the host: one request at a time, every deadline kept, dead after the first fault."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Observations
from ouroloop.sandbox.codec import act_request, open_request
from ouroloop.sandbox.guest.wire import REPLY, REQUEST
from ouroloop.sandbox.limits import BATCH_BYTES, BATCH_ROWS, REQUEST_CAP, Limits
from ouroloop.sandbox.link import Link, LinkClosed, LinkTimeout
from ouroloop.sandbox.replies import read_actions, read_opened, reply_cap

T = TypeVar("T")


class WorkerSession:
    """A loaded controller; the `Session` of both sandboxes.

    Args:
        link: the channel to a fresh worker that is ready; the session owns it from now on.
        source: the controller.
        actions: number of actions.
        limits: what the worker may use.
        slowdown: processor time of this worker over that of the native interpreter.
        on_close: called once when the session ends.

    Raises:
        CandidateFault: the controller could not be loaded.
    """

    def __init__(
        self,
        link: Link,
        source: str,
        actions: int,
        limits: Limits,
        *,
        slowdown: float = 1.0,
        on_close: Callable[[WorkerSession], None] | None = None,
    ) -> None:
        self._link, self._source, self._actions, self._limits = link, source, actions, limits
        self._slowdown, self._on_close, self._alive = slowdown, on_close, True
        request_id = secrets.token_hex(8)
        reply = self._call(open_request(request_id, source, actions), limits.load_s, 0, "loading the controller")
        self._judged(lambda: read_opened(reply, request_id, source))

    def act(self, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return the controller's actions: (B,) int8, in the order of the rows.

        Args:
            observations: B rows.
            logits: (B, A) float32.

        Raises:
            CandidateFault: the controller failed, hung, or broke the protocol. The session is dead from then on.
        """
        count = len(observations)
        row_bytes = sum(column[:1].nbytes for column in observations.columns.values())
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, row_bytes)))
        parts = [slice(start, start + rows) for start in range(0, count, rows)]
        actions = [self._part(part, observations, logits) for part in parts]
        return np.concatenate(actions) if actions else np.zeros(0, np.int8)

    def close(self) -> None:
        """End the worker; safe to call twice."""
        alive, self._alive = self._alive, False
        if alive:
            self._link.close()
            if self._on_close is not None:
                self._on_close(self)

    def gone(self) -> bool:
        """Whether no process of the worker is left, which is true soon after `close` or a fault."""
        return not self._alive and self._link.gone()

    def _part(self, part: slice, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Answer some of the rows; the row in a fault counts from the first of all rows."""
        try:
            return self._act(observations.take(part), logits[part])
        except CandidateFault as fault:
            if fault.row is not None:
                fault.row += part.start
            raise

    def _act(self, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Answer one frame's worth of rows."""
        rows = len(observations)
        cells = sum(column[:1].size for column in observations.columns.values())
        request_id = secrets.token_hex(8)
        budget_s = self._limits.budget_s(rows, cells)
        reply = self._call(act_request(request_id, observations, logits), budget_s, rows, f"act on {rows} observations")
        return self._judged(lambda: read_actions(reply, request_id, self._source, rows, self._actions))

    def _call(self, request: bytes, budget_s: float, rows: int, doing: str) -> bytes:
        """Send one request and return the bytes of its reply; kill the worker on any fault."""
        if not self._alive:
            raise CandidateFault("sandbox", "the session is closed")
        if len(request) > REQUEST_CAP:
            raise ValueError(f"a request of {len(request)} bytes, at most {REQUEST_CAP}")
        deadline = monotonic() + self._limits.deadline_s(budget_s, self._slowdown)
        try:
            return self._exchange(request, budget_s, rows, deadline)
        except (LinkTimeout, LinkClosed) as error:
            late = isinstance(error, LinkTimeout) or self._link.fate() == "time"
            self.close()
            why = f"took longer than its {budget_s:.2f} s" if late else "ended the worker (memory, or a crash)"
            raise CandidateFault("sandbox", f"{doing} {why}") from error
        except CandidateFault:
            self.close()
            raise

    def _exchange(self, request: bytes, budget_s: float, rows: int, deadline: float) -> bytes:
        """Write a frame and read a frame; the length is checked before anything is read into memory."""
        if self._link.pending():
            # At the end of the stream, nothing is readable, and the read below raises LinkClosed.
            self._link.receive(1, deadline)
            raise CandidateFault("protocol", "reply refused: bytes that nobody asked for")
        self._link.send(REQUEST.pack(len(request), round(budget_s * 1e6)) + request, deadline)
        (size,) = REPLY.unpack(self._link.receive(REPLY.size, deadline))
        if not 2 <= size <= reply_cap(rows):
            raise CandidateFault("protocol", f"reply refused: a frame of {size} bytes, at most {reply_cap(rows)}")
        reply = self._link.receive(size, deadline)
        if self._link.pending():
            self._link.receive(1, deadline)
            raise CandidateFault("protocol", "reply refused: bytes after the one expected reply")
        return reply

    def _judged(self, read: Callable[[], T]) -> T:
        """Return what `read` makes of a reply; a fault ends the session."""
        try:
            return read()
        except CandidateFault:
            self.close()
            raise
