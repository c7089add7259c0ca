"""Artifacts by content hash: texts and directories, written once, atomically."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ouroloop.atomic import whole_file
from ouroloop.ledger.sqlite import disk_full, is_full
from ouroloop.protocols.canonical import content_hash, sha256
from ouroloop.protocols.errors import LedgerError


class Store:
    """The `artifacts/` folder of a run."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which the first write creates."""
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Return the path of an artifact.

        Raises:
            LedgerError: the artifact is missing.
        """
        path = self.folder / digest
        if not path.exists():
            raise LedgerError(
                f"artifact {digest[:12]} is missing from {self.folder}: restore it from a copy, or start a new run"
            )
        return path

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
        """Return a kept text. Raises LedgerError if it is missing or was changed."""
        data = self.path(digest).read_bytes()
        if sha256(data) != digest:
            raise self._changed(digest)
        return data.decode("utf-8")

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
        """Return the path of a kept directory. Raises LedgerError if it is missing or was changed."""
        path = self.path(digest)
        if directory_hash(path) != digest:
            raise self._changed(digest)
        return path

    def _changed(self, digest: str) -> LedgerError:
        return LedgerError(f"artifact {digest[:12]} in {self.folder} was changed: restore it from a copy, or start a new run")

    def scratch_dir(self) -> Path:
        """Return a fresh directory on the same disk, for work in progress."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".work-", dir=self.folder))

    def clear_scratch(self) -> None:
        """Remove whatever a killed process left half-written."""
        for leftover in self.folder.glob(".work-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def directory_hash(folder: Path) -> str:
    """Return the hash of a directory, over the relative names and SHA-256 of its files."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return content_hash([[p.relative_to(folder).as_posix(), sha256(p.read_bytes())] for p in files])
