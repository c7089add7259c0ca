"""Reading files that may come from a stranger: never a pipe or a device, and never more than expected."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_regular(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file, or of one that a link leads to.

    Raises:
        OSError: there is no such file, or it cannot be read, is no regular file, or has more than `most` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))  # a pipe must not make us wait
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path, most)
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"{path.name} grows while it is read")
    return data


def check_regular(path: Path, most: int) -> int:
    """Return the size of a regular file without opening it; raises OSError as `read_regular` does."""
    found = path.stat()
    _check(found, path, most)
    return found.st_size


def _check(found: os.stat_result, path: Path, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is no regular file")
    if found.st_size > most:
        raise OSError(f"{path.name} has {found.st_size} bytes, at most {most} are read")
