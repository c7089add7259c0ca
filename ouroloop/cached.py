"""Caches in which nobody else can plant anything: compiled code and trained models are used only where they are ours and whole.

A cache's folder must belong to this user, who alone may write it, and nobody else may be able to exchange a folder above it.
Each file in it is opened without following links, must be ours, and must have the SHA-256 that was recorded when it was made.
Anything else is logged once and rebuilt. Whoever can write as this user can write the hashes too: against
them there is no defence here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ouroloop import files
from ouroloop.atomic import whole_directory
from ouroloop.files import OTHERS_WRITE, regular
from ouroloop.protocols.errors import SurroundingsError

log = logging.getLogger(__name__)

MANIFEST = "SHA256.json"
"""The file of an entry that records the hash of each of the others."""


def cache_root() -> Path:
    """Return the folder of all caches; it may not exist yet."""
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(home or Path.home() / ".cache").absolute() / "ouroloop"
    except RuntimeError as error:
        raise SurroundingsError("this user has no home for caches; set XDG_CACHE_HOME to a folder of your own") from error


def own_folder(folder: Path, variable: str = "XDG_CACHE_HOME") -> Path:
    """Return a folder that this user alone can write, made if it is not there.

    Args:
        folder: its path.
        variable: the environment variable that puts it elsewhere, for the message.

    Raises:
        SurroundingsError: it cannot be made, is another's, or others can write it or exchange a folder above it.
    """
    remedy = f"set {variable} to a folder of your own"
    try:
        for missing in [path for path in (*reversed(folder.parents), folder) if not path.exists()]:
            missing.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        above = {*folder.absolute().parents, *folder.resolve().parents}
        unsafe = next((path for path in sorted(above) if not _safe_above(path)), None)
    except OSError as error:
        raise SurroundingsError(f"the cache folder {folder} cannot be made ({error.strerror}); {remedy}") from error
    if not stat.S_ISDIR(found.st_mode) or not files.is_ours(found):
        raise SurroundingsError(f"the cache folder {folder} is a link or belongs to another user; {remedy}")
    if found.st_mode & OTHERS_WRITE or not os.access(folder, os.W_OK):
        why = "can be written by others" if found.st_mode & OTHERS_WRITE else "cannot be written"
        raise SurroundingsError(f"the cache folder {folder} {why}; delete it, or {remedy}")
    if unsafe is not None:
        raise SurroundingsError(f"the cache folder {folder} lies in {unsafe}, which others can write or own; {remedy}")
    return folder


def read_own(path: Path) -> bytes:
    """Return the bytes of a file that is ours.

    Raises:
        PermissionError: it is another's, or others can write it.
        OSError: it is a link or no plain file, missing, or cannot be read.
    """
    with regular(path, follow=False, own=True) as file:
        return file.read()


@contextmanager
def new_entry(entry: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give an empty directory to fill, which takes an entry's place when the block ends, with the hashes of its files.

    An entry that is there and is not sound is always replaced, and the log says so.

    Args:
        entry: the entry's path.
        replace: replace a sound entry too.

    Raises:
        OSError: the disk is full, the folder cannot be written, or an entry that may not be replaced is there.
    """
    with whole_directory(entry, replace=replace) as half:
        yield half
        for path in (half, *half.rglob("*")):
            path.chmod(path.stat().st_mode & ~OTHERS_WRITE)
        (half / MANIFEST).write_text(json.dumps(_hashes(half)), encoding="utf-8")
        (half / MANIFEST).chmod(0o600)
        if os.path.lexists(entry) and (fault := _fault(entry)):
            log.warning("the cached %s was damaged or not ours (%s): it is made again", entry, fault)
            remove(entry)


def is_sound(entry: Path) -> bool:
    """Tell whether an entry is there, ours and whole. Its files are read in pieces, so they may be large."""
    return _fault(entry) is None


def _fault(entry: Path) -> Exception | None:
    """Return what keeps an entry from being used; None if it is sound."""
    try:
        found = entry.lstat()
        if not stat.S_ISDIR(found.st_mode) or not files.is_ours(found) or found.st_mode & OTHERS_WRITE:
            raise PermissionError("it is no folder of this user's own")
        recorded = json.loads(read_own(entry / MANIFEST))
        if _hashes(entry) != recorded:
            raise ValueError("its content is not what was recorded")
    except (OSError, ValueError, RecursionError) as error:
        return error
    return None


def remove(entry: Path) -> None:
    """Remove an entry, whatever lies in its place; one that is gone is fine."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _hashes(entry: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of an entry but the manifest, by its path in it."""
    files = [path for path in sorted(entry.rglob("*")) if path != entry / MANIFEST and (path.is_symlink() or not path.is_dir())]
    return {path.relative_to(entry).as_posix(): _hash(path) for path in files}


def _hash(path: Path) -> str:
    with regular(path, follow=False, own=True) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _safe_above(folder: Path) -> bool:
    """Tell whether nobody else can exchange what lies in a folder: who owns it, and who may write it without a sticky bit.

    The owner of the root folder counts as the system; in a user namespace it has no other number.
    """
    if sys.platform == "win32":
        return True
    found = folder.stat()
    writers = found.st_mode & OTHERS_WRITE
    if writers == stat.S_IWGRP and _is_own_group(found.st_gid):
        writers = 0
    trusted = found.st_uid in (0, os.geteuid(), Path("/").stat().st_uid)
    return trusted and (not writers or bool(found.st_mode & stat.S_ISVTX))


def _is_own_group(group: int) -> bool:
    """Tell whether a group is this user's private one, which many systems make with umask 002."""
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return user.pw_gid == group and found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}
