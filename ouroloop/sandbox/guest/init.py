"""Process 1 of a container: it starts the worker, and ends with the worker or with its host, whichever ends first.

The kernel kills every other process of a container whose process 1 ends, and lets none of them kill process 1. So an endless
worker ends with its host whatever it does, also if the host is killed and can no longer do anything about it.

Standard library only: it is shipped to the worker.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import NoReturn

KILLED = 128
"""Added to the number of the signal that ended the worker, as shells do."""
ORPHANED = 83
"""Exit status where the host ended first."""


def supervise(serve: Callable[[], object], requests: str = "") -> NoReturn:
    """Run the worker in a child process, and watch it and the host.

    Args:
        serve: the worker; it returns when the host closes the channel.
        requests: the named pipe that the host writes to; if empty, it writes to stdin. Nothing is read from it here: it reports
            by itself when its last writer, the host, is gone.
    """
    channel = os.open(requests, os.O_RDONLY | os.O_NONBLOCK) if requests else 0
    if requests and not _has_writer(channel):
        os._exit(ORPHANED)
    child = os.fork()
    if not child:
        if requests:
            os.close(channel)
        serve()
        os._exit(0)
    signal.signal(signal.SIGCHLD, lambda *_: _reap(child))
    _reap(child)  # it may have ended before anybody listened
    poll = select.poll()
    poll.register(channel, 0)  # the end of the stream is reported unasked
    while not poll.poll():
        pass
    os._exit(ORPHANED)


def _has_writer(channel: int) -> bool:
    """Tell whether the host has the pipe open. Before the worker greets, nothing is in it that a read would take."""
    try:
        return bool(os.read(channel, 1))
    except BlockingIOError:
        return True


def _reap(child: int) -> None:
    """Reap what has ended; with the worker, end too, with its status."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else KILLED - code)
        if not pid:
            return
