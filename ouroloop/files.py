"""Reading files that may come from a stranger: never a pipe or a device, and never more than expected."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

CARD_BYTES: Final = 65_536
"""The most bytes of a card, the JSON file that says what lies beside it: a policy, an adapter, a reader, a baseline."""
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_READ: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe must not make us wait
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def regular(path: Path, *, follow: bool = True, own: bool = False) -> Iterator[BufferedReader]:
    """Open a regular file for reading.

    Args:
        path: the file.
        follow: take one that a link leads to as well.
        own: take only a file of this user, which nobody else can write.

    Raises:
        PermissionError: it is not this user's own, or not readable.
        OSError: there is no such file, or it is no regular file.
    """
    flags = _READ if follow else _READ | _NOFOLLOW
    with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path.name} is no regular file")
        if own and (not is_ours(found) or found.st_mode & OTHERS_WRITE):
            raise PermissionError(f"{path.name} belongs to another user, or others can write it")
        yield file


def read_regular(path: Path, most: int, *, follow: bool = True) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        OSError: there is no such file, or it cannot be read, is no regular file, or has more than `most` bytes.
    """
    with regular(path, follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        _check_size(size, path, most)
        enough = min(most, max(size, CARD_BYTES))  # a read of `most` bytes would take that much memory, whatever the file holds
        data = file.read(enough + 1)
    if len(data) > enough:
        raise OSError(f"{path.name} grows while it is read")
    return data


def check_regular(path: Path, most: int) -> int:
    """Return the size of a regular file without opening it; raises OSError as `read_regular` does."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is no regular file")
    _check_size(found.st_size, path, most)
    return found.st_size


def is_ours(found: os.stat_result) -> bool:
    """Tell whether a file belongs to this user."""
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def _check_size(size: int, path: Path, most: int) -> None:
    if size > most:
        raise OSError(f"{path.name} has {size} bytes, at most {most} are read")
