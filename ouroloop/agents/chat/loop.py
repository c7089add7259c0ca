"""The one event loop on which chat models are asked.

The clients of chat models keep connections open between questions, and a connection belongs to the loop that opened it. Each
question of a role has a loop of its own, so connections kept there would be dead at the next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="chat", daemon=True).start()
    return loop


async def on_chat_loop(work: Coroutine[Any, Any, T]) -> T:
    """Await work on the chat loop; whoever is cancelled here cancels it there."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))
