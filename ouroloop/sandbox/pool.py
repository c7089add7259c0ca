"""Workers that are started ahead of need, because starting takes far longer than loading."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Generic, TypeVar

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.link import Link

L = TypeVar("L", bound=Link)


class WarmPool(Generic[L]):
    """Links to workers that have greeted, or soon will.

    Args:
        start: starts a worker and waits for its greeting; raises SurroundingsError.
        warm: workers kept ready.
        alive: tells whether a waiting worker is still alive.
    """

    def __init__(self, start: Callable[[], L], warm: int, alive: Callable[[L], bool] = lambda _: True) -> None:
        """Start no worker yet."""
        self._start, self._warm, self._alive = start, warm, alive
        self._ready: deque[Future[L]] = deque()
        self._starter = ThreadPoolExecutor(max(1, warm), thread_name_prefix="sandbox-start")
        self._lock = Lock()

    def take(self) -> L:
        """Return a worker that was kept ready, or a fresh one if there is none or it has died.

        Raises:
            SurroundingsError: no worker can be started.
        """
        with self._lock:
            waiting = self._ready.popleft() if self._ready else None
        if waiting is not None:
            with contextlib.suppress(SurroundingsError):
                link = waiting.result()
                if self._alive(link):
                    return link
                link.close()
        return self._start()

    def refill(self) -> None:
        """Start workers in the background, up to `warm`."""
        with self._lock:
            while len(self._ready) < self._warm:
                self._ready.append(self._starter.submit(self._start))

    def await_warm(self) -> None:
        """Wait until the workers being started are ready."""
        wait(list(self._ready))

    def close(self) -> None:
        """End all ready workers, and start no more; safe to call twice."""
        with self._lock:
            self._warm = 0
            ready, self._ready = self._ready, deque()
        for waiting in ready:
            with contextlib.suppress(SurroundingsError):
                waiting.result().close()
        self._starter.shutdown()
