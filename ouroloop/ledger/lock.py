"""A run's lock: one process at a time works in a run directory. The kernel drops the lock when that process ends."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ouroloop.ledger.parts import LOCK, look, read_file
from ouroloop.protocols.errors import LedgerError

PATIENCE_S: Final = 0.5
"""How long to wait for a reader, who holds the lock for a moment to see whether it is free."""
_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's lock.

    Raises:
        LedgerError: another process has it, or something else than a plain file of this run is in its place.
    """
    path = folder / LOCK
    found = look(path, "file")
    if found is not None and found.st_nlink > 1:
        raise LedgerError(f"{path} is a hard link, so writing it would change another file: remove it")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o644)
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be written ({error.strerror}): copy the run directory to a place where you may write"
        ) from None
    try:
        _take(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                raise LedgerError(f"{folder} is in use by {_holder(folder)}: wait for it, or end it") from None
        time.sleep(0.02)


def _holder(folder: Path) -> str:
    """Return who holds the lock, as far as its file says."""
    with suppress(OSError, LedgerError, ValueError):
        pid = int(read_file(folder / LOCK, 32))
        os.kill(pid, 0)
        return f"process {pid}"
    return "another process"


def is_running(folder: Path) -> bool:
    """Return whether a process holds the run's lock."""
    with at_rest(folder) as resting:
        return not resting


@contextmanager
def at_rest(folder: Path) -> Iterator[bool]:
    """Say whether no process holds the run's lock; if so, none can take it until the block ends.

    A directory without a lock's file is at rest, and nothing can be held there: reading makes no file.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | _FLAGS)
    except OSError:  # none yet, or something that `locked` would refuse
        yield True
        return
    try:
        yield not stat.S_ISREG(os.fstat(descriptor).st_mode) or _shared(descriptor)
    finally:
        os.close(descriptor)


def _shared(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
