"""Runs as they are read for the page: opened once, and read further whenever their files have changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ouroloop.inspect.notes import NOTES
from ouroloop.inspect.outline import Outline
from ouroloop.inspect.run import Report
from ouroloop.ledger.faults import FORMS, damaged
from ouroloop.ledger.lock import is_running
from ouroloop.ledger.parts import LEDGER, RECIPE
from ouroloop.protocols.errors import OuroloopError, SurroundingsError

KEPT: Final = 12
"""Runs that stay open."""
PATIENCE_S: Final = 30.0
"""How long a request waits for another one about the same run."""
Signature: TypeAlias = tuple[tuple[int, int, int] | None, ...]
"""What tells whether files have changed: inode, size and time of each; None for one that is not there."""


def signature(folder: Path) -> Signature:
    """Return the signature of the files that make up a run's record."""
    found: list[tuple[int, int, int] | None] = []
    for name in (LEDGER, f"{LEDGER}-wal", RECIPE, NOTES):
        try:
            seen = (folder / name).stat()
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)


@dataclass(slots=True)
class Opened:
    """A run that is open.

    Args:
        folder: its directory.
        report: reads its ledger.
        outline: what tables and charts show of it.
        fault: what is wrong with a part of it that was reached last; empty if nothing is. All before it is shown.
    """

    folder: Path
    report: Report
    outline: Outline
    fault: str = ""

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.folder.name


@dataclass(slots=True)
class _Slot:
    """A run's place: what is open, the files' signature then, whether it was opened while the run went on, its users."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: Opened | None = None
    seen: Signature = ()
    live: bool = False
    users: int = 0


class Reading:
    """Opens runs, keeps the ones used last, and reads what is new in them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._slots: OrderedDict[Path, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def open(self, folder: Path) -> Iterator[Opened]:
        """Give a run as it is now, for one request at a time.

        Raises:
            UsageError: it is no run directory.
            LedgerError: it is damaged from its beginning on, or of another version.
            SurroundingsError: other requests about it take too long.
        """
        slot = self._taken(folder)
        try:
            if not slot.lock.acquire(timeout=PATIENCE_S):
                raise SurroundingsError(f"the page of {folder.name} is busy with another request: try again in a moment")
            try:
                yield _fresh(folder, slot)
            finally:
                slot.lock.release()
        finally:
            with self._lock:
                slot.users -= 1

    def _taken(self, folder: Path) -> _Slot:
        """Return a run's place, which stays until it is given back; others that nobody uses may go."""
        with self._lock:
            slot = self._slots.setdefault(folder, _Slot())
            slot.users += 1
            self._slots.move_to_end(folder)
            spare = [path for path, one in self._slots.items() if not one.users]
            for path in spare[: max(0, len(self._slots) - KEPT)]:
                _close(self._slots.pop(path))
        return slot

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for slot in self._slots.values():
                _close(slot)
            self._slots.clear()


def _fresh(folder: Path, slot: _Slot) -> Opened:
    """Return a run as it is now.

    A run that rests is read as it was when it was opened, so it is opened anew when its files have changed. One that goes on
    is read through the same connection, which sees what is new. When a run begins or ends to work, the connection is another,
    but what was read stays.
    """
    now = signature(folder)
    opened, going_on = slot.opened, is_running(folder)
    if opened is not None and slot.seen == now and slot.live == going_on:
        return opened
    kept = opened if opened is not None and not opened.fault and _same_file(slot.seen, now) else None
    if kept is not None and slot.live and going_on:
        opened = kept
        opened.report.refresh()
    else:
        outline = kept.outline if kept is not None and (slot.live or going_on) else None  # at rest, anybody may have changed it
        _close(slot)
        opened = Opened(folder, report := Report(folder), _outline(outline, report))
        slot.opened, slot.live = opened, going_on and is_running(folder)
    slot.seen = now
    try:
        opened.outline.update(opened.report.ledger)
    except OuroloopError as error:
        opened.fault = str(error)
    except FORMS as error:  # a record of a form that no run writes
        opened.fault = str(damaged(folder, f"{type(error).__name__}: {error}"))
    return opened


def _outline(known: Outline | None, report: Report) -> Outline:
    """Return the outline that is known if it goes on in a ledger that was opened anew, else a new one."""
    return known if known is not None and known.continues(report.ledger) else Outline(report.folder)


def _same_file(before: Signature, now: Signature) -> bool:
    """Tell whether a ledger is the same file as before, with the same recipe beside it."""
    old, new = before[0], now[0]
    return old is not None and new is not None and old[0] == new[0] and before[2] == now[2]


def _close(slot: _Slot) -> None:
    if slot.opened is not None:
        slot.opened.report.close()
        slot.opened = None
