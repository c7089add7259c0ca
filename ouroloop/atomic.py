"""Files and directories that appear whole or not at all, whenever the process that writes them dies.

They are written under another name on the same disk, flushed to it, and then renamed, which the file system does at once. A
killed process leaves nothing behind but a directory `.work-*` beside them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes its place, and an older file's, when the block ends.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    with _scratch(path) as scratch:
        half = scratch / path.name
        yield half
        _flush(half)
        half.replace(path)


@contextmanager
def whole_directory(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give an empty directory to fill, which takes its place when the block ends.

    Args:
        path: where it is to lie.
        replace: remove an older directory first; otherwise one that holds anything is an OSError.

    Raises:
        OSError: the disk is full, the folder cannot be written, or the place is taken.
    """
    with _scratch(path) as scratch:
        half = scratch / path.name
        half.mkdir()
        yield half
        for file in half.rglob("*"):
            if file.is_file():
                _flush(file)
        if replace and path.exists():
            shutil.rmtree(path)
        half.rename(path)


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Give a directory beside a path, which goes when the block ends, however it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".work-{path.name}-", dir=path.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _flush(file: Path) -> None:
    """Put a file's bytes on the disk, so that a rename never outruns them."""
    with file.open("rb") as written:
        os.fsync(written.fileno())
