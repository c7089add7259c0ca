"""Waiting for answers, with time that does not count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

LEAST_S: Final = 0.1
"""The shortest wait; time that does not count may pass meanwhile, so that a limit may stay near for long."""


async def unfinished(
    answers: Iterable[asyncio.Future[Any]], limit_s: float, aside: Callable[[], float]
) -> set[asyncio.Future[Any]]:
    """Wait until all answers are there or their time is up, and return those that are still to come.

    Args:
        answers: what is waited for.
        limit_s: the time for all of them.
        aside: returns the seconds so far that do not count.
    """
    begun, late = time.monotonic(), set(answers)
    while late and (left := limit_s + aside() - (time.monotonic() - begun)) > 0:
        _, late = await asyncio.wait(late, timeout=max(left, LEAST_S))
    return late
