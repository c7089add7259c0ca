"""Artifacts by content hash: texts and directories, written once, atomically, and checked whenever they are read."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ouroloop.atomic import whole_file
from ouroloop.ledger.faults import damaged, disk_full, is_full
from ouroloop.ledger.parts import look, read_file
from ouroloop.protocols.canonical import content_hash, sha256
from ouroloop.protocols.errors import LedgerError
from ouroloop.protocols.text import plain_line

MAX_TEXT: Final = 64 << 20
MAX_FILES: Final = 10_000
"""The greatest size of a text in bytes, and the greatest number of files in a directory."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Store:
    """The `artifacts/` folder of a run."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which the first write creates."""
        self.folder = folder

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):  # a ledger from outside may say `../..`
            raise damaged(self.folder, f"{plain_line(digest, 40)!r} is no content hash")
        return self.folder / digest

    def put_text(self, text: str) -> str:
        """Keep a text and return its hash."""
        digest = sha256(text)
        target = self.folder / digest
        if not target.exists():
            try:
                with whole_file(target) as half:
                    half.write_text(text, encoding="utf-8")
            except OSError as error:
                if is_full(error):
                    raise disk_full(self.folder) from error
                raise
        return digest

    def text(self, digest: str) -> str:
        """Return a kept text. Raises LedgerError if it is missing, was changed, is no plain file or no UTF-8."""
        look(self.folder, "directory")
        try:
            data = read_file(self._path(digest), MAX_TEXT)
        except FileNotFoundError:
            raise self._missing(digest) from None
        if sha256(data) != digest:
            raise self._changed(digest)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise damaged(self._path(digest), f"it is no text: {error}") from None

    def put_dir(self, source: Path) -> str:
        """Move a finished directory into the store and return its hash, over the names and contents of its files."""
        digest = directory_hash(source)
        target = self.folder / digest
        if target.exists():
            shutil.rmtree(source)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)
        return digest

    def directory(self, digest: str) -> Path:
        """Return the path of a kept directory. Raises LedgerError if it is missing, was changed, or holds more than files."""
        look(self.folder, "directory")
        path = self._path(digest)
        if look(path, "directory") is None:
            raise self._missing(digest)
        if directory_hash(path) != digest:
            raise self._changed(digest)
        return path

    def has(self, digest: str) -> bool:
        """Tell whether something is kept under a hash; whether it is whole is checked when it is read."""
        return _DIGEST.fullmatch(digest) is not None and (self.folder / digest).exists()

    def _missing(self, digest: str) -> LedgerError:
        return LedgerError(f"artifact {digest[:12]} is missing from {self.folder}: restore it from a copy, or start a new run")

    def _changed(self, digest: str) -> LedgerError:
        return LedgerError(f"artifact {digest[:12]} in {self.folder} was changed: restore it from a copy, or start a new run")

    def scratch_dir(self) -> Path:
        """Return a fresh directory on the same disk, for work in progress."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".work-", dir=self.folder))


def clear_scratch(folder: Path) -> None:
    """Remove whatever a killed process left half-written in a folder."""
    if look(folder, "directory"):
        for leftover in folder.glob(".work-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def directory_hash(folder: Path) -> str:
    """Return the hash of a directory, over the relative names and SHA-256 of its files.

    Raises:
        LedgerError: something in it is neither a plain file nor a directory, or there are too many files.
    """
    return content_hash([[path.relative_to(folder).as_posix(), _file_hash(path)] for path in sorted(_files(folder))])


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for where, folders, names in os.walk(folder):
        for name in folders:
            look(Path(where, name), "directory")
        for name in names:
            look(Path(where, name), "file")
            count += 1
            if count > MAX_FILES:
                raise damaged(folder, f"more than {MAX_FILES} files")
            yield Path(where, name)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
