"""The errors of a run directory: what is damaged, in use, full, or not what it must be. Each is one line with a remedy."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from ouroloop.protocols.errors import LedgerError, SurroundingsError
from ouroloop.protocols.text import plain_line, shell_word

FORMS: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What odd but well-formed data makes a reader raise."""
ELSEWHERE = "restore it from a copy, or start again with another --run-dir"


def damaged(path: Path, problem: object) -> LedgerError:
    """Return the error for a file whose content cannot be what this program wrote."""
    return LedgerError(f"{path} is damaged ({plain_line(str(problem))}): {ELSEWHERE}")


def of_sqlite(path: Path, error: Exception) -> LedgerError | SurroundingsError:
    """Return the error for what SQLite says about a ledger: it is in use, read-only, full, or damaged."""
    name = str(getattr(error, "sqlite_errorname", "") or "")
    if is_full(error):
        return disk_full(path)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LedgerError(f"{path} is in use by another process (it holds a lock on the file): wait for it or end it")
    if name.startswith("SQLITE_READONLY") or (name.startswith("SQLITE_CANTOPEN") and not os.access(path.parent, os.W_OK)):
        return LedgerError(f"{path} cannot be written: copy {path.parent} to a place where you may write, and use the copy")
    if name == "SQLITE_INTERRUPT":
        return LedgerError(f"{path} takes too long to read: try again when the machine is less busy, or restore it from a copy")
    if name in ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"):
        return SurroundingsError(
            f"{path} cannot be written ({plain_line(str(error))}): check its disk, then {_resume(path.parent)}"
        )
    return damaged(path, error)


def is_full(error: BaseException) -> bool:
    """Return whether an error, from any source, says that the disk is full."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)


class DiskFull(SurroundingsError):
    """The disk of a run directory is full."""


def disk_full(path: Path, remedy: str = "") -> DiskFull:
    """Return the error for a write to a full disk.

    Args:
        path: what was written; its folder is the run directory.
        remedy: what to do once there is room; by default, to resume the run.
    """
    return DiskFull(f"no room left on the disk of {path.parent}: free some, then {remedy or _resume(path.parent)}")


def _resume(folder: Path) -> str:
    return f"`ouroloop resume {shell_word(folder)}`"


def require_room(folder: Path, need_mb: int) -> None:
    """Refuse to begin if the disk has less than `need_mb` MB free.

    Raises:
        SurroundingsError: the disk has too little room.
    """
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    if free_mb < need_mb:
        raise SurroundingsError(
            f"the disk of {there} has {free_mb} MB free, but a run needs {need_mb} MB: free some, or choose another --run-dir"
        )
