"""Follows a run for a browser (server-sent events): one event whenever the record has grown, and one when the run rests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

from ouroloop.inspect.page.reading import signature
from ouroloop.ledger.lock import is_running

if TYPE_CHECKING:
    from starlette.requests import Request

LOOK_S: Final = 0.5
"""How often the files are looked at."""
PAUSE_S: Final = 2.0
"""Least time between two events, so that a page is not drawn more often than it can be read."""
LONGEST_S: Final = 10.0
"""Most time between two events of a run that goes on."""
SHARE: Final = 0.015
"""Most of the time that is spent on drawing for one page that follows: the run needs the processor more."""
BEAT_S: Final = 15.0
"""How often a line keeps the connection open."""
MOST_S: Final = 6 * 3600.0
RESTS: Final = 4
"""Looks in a row that find nobody at work before the run counts as resting."""


def stream(folder: Path, request: Request, cost: Callable[[], float]) -> StreamingResponse:
    """Return the stream of a run's events, until the browser leaves or the run rests.

    Args:
        folder: the run directory.
        request: of the browser.
        cost: returns the processor time that a page of this run took to draw last, in seconds.
    """
    return StreamingResponse(_events(folder, request, cost), media_type="text/event-stream")


async def _events(folder: Path, request: Request, cost: Callable[[], float]) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    before, told, idle, waited = signature(folder), 0.0, 0, 0.0
    while waited < MOST_S and not await request.is_disconnected():
        await asyncio.sleep(LOOK_S)
        waited += LOOK_S
        now = signature(folder)
        if now != before and waited - told >= min(max(PAUSE_S, cost() / SHARE), LONGEST_S):
            before, told = now, waited
            yield "event: changed\ndata: 1\n\n"
        elif waited % BEAT_S < LOOK_S:
            yield ": still here\n\n"
        idle = 0 if is_running(folder) else idle + 1
        if idle >= RESTS:
            yield "event: rests\ndata: 1\n\n"
            return
