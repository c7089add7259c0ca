"""What child processes of this program share: Ctrl-C is left to the parent, and a child ends when its parent is gone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def settle_in(parent: int) -> None:
    """Set up a child: ignore Ctrl-C (the parent decides), end with the parent, whose process id is given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


@contextmanager
def deaf_children() -> Iterator[None]:
    """Let processes that are started in the block ignore Ctrl-C from their first moment on, before they settle in."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may change signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
