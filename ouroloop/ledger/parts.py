"""The parts of a run directory, opened only as what they must be.

A run directory may come from a stranger. A link, a FIFO or a device in a file's place is refused before it is opened, so
nothing outside the directory is read or written through it, and nothing waits for ever.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, Literal

from ouroloop.files import read_regular
from ouroloop.protocols.errors import LedgerError

Kind = Literal["file", "directory"]
LEDGER: Final = "ledger.sqlite"
RECIPE: Final = "recipe.toml"
LOCK: Final = "run.lock"
PARTS: Final[dict[str, Kind]] = {
    LEDGER: "file",
    f"{LEDGER}-wal": "file",
    f"{LEDGER}-shm": "file",
    RECIPE: "file",
    LOCK: "file",
    "artifacts": "directory",
    "workspace": "directory",
}
"""What a run directory holds, and as what."""
_IS: Final = {"file": stat.S_ISREG, "directory": stat.S_ISDIR}
_NAMES: Final = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def look(path: Path, kind: Kind) -> os.stat_result | None:
    """Return the state of a path itself, not of what it links to; None if nothing is there.

    Raises:
        LedgerError: something else than a plain file or directory is there.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}") from None
    if not _IS[kind](found.st_mode):
        name = _NAMES.get(stat.S_IFMT(found.st_mode), "something unknown")
        raise LedgerError(
            f"{path} is {name}, but a run directory has a plain {kind} there: this is not as a run left it, so do not trust "
            "it; restore it from a copy"
        )
    return found


def require_own(folder: Path) -> None:
    """Refuse to work in a run directory whose parts are not plain, belong to another user, or have a second name elsewhere.

    Raises:
        LedgerError: names the first such part.
    """
    owner = os.geteuid() if hasattr(os, "geteuid") else None
    parts = [(folder / name, kind) for name, kind in PARTS.items()]
    for path, kind in [(folder.resolve(), "directory"), *parts]:
        found = look(path, kind)
        if found is None:
            continue
        if owner is not None and found.st_uid != owner:
            raise LedgerError(
                f"{path} belongs to user {found.st_uid}, not to you ({owner}), so it could change while the run works: "
                "copy the run directory, and use the copy"
            )
        if kind == "file" and found.st_nlink > 1:
            raise LedgerError(f"{path} is a hard link, so writing it would change another file: copy it, and use the copy")


def read_file(path: Path, limit: int) -> bytes:
    """Return the bytes of a plain file.

    Args:
        path: the file.
        limit: the greatest number of bytes that it may have.

    Raises:
        FileNotFoundError: nothing is there.
        LedgerError: it is no plain file, too large, or cannot be read.
    """
    if look(path, "file") is None:
        raise FileNotFoundError(path)
    try:
        return read_regular(path, limit, follow=False)
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror or error}") from None
