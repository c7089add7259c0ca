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
from ouroloop.protocols.errors import OuroloopError

KEPT: Final = 12
"""Runs that stay open."""
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
    """A run's place: what is open, the files' signature then, and whether it was opened while the run went on."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: Opened | None = None
    seen: Signature = ()
    live: bool = False


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
        """
        slot = self._slot(folder)
        with slot.lock:
            yield _fresh(folder, slot)

    def _slot(self, folder: Path) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(folder, _Slot())
            self._slots.move_to_end(folder)
            spare = [path for path, one in self._slots.items() if not one.lock.locked() and path != folder]
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
    is read through the same connection, which sees what is new.
    """
    now = signature(folder)
    if slot.opened is not None and slot.seen == now:
        return slot.opened
    going_on, grown = is_running(folder), _same_run(slot.seen, now)
    opened = slot.opened
    if opened is not None and not opened.fault and grown and slot.live and going_on:
        opened.report.refresh()
    else:
        outline = opened.outline if opened is not None and not opened.fault and grown else None
        _close(slot)
        opened = Opened(folder, Report(folder), Outline(folder) if outline is None else outline)
        slot.opened, slot.live = opened, going_on and is_running(folder)
    slot.seen = now
    try:
        opened.outline.update(opened.report.ledger)
    except OuroloopError as error:
        opened.fault = str(error)
    except FORMS as error:  # a record of a form that no run writes
        opened.fault = str(damaged(folder, f"{type(error).__name__}: {error}"))
    return opened


def _same_run(before: Signature, now: Signature) -> bool:
    """Tell whether a ledger has only grown: it is the same file, and not smaller."""
    if not before:
        return False
    old, new = before[0], now[0]
    return old is not None and new is not None and old[0] == new[0] and before[2] == now[2] and new[1] >= old[1]


def _close(slot: _Slot) -> None:
    if slot.opened is not None:
        slot.opened.report.close()
        slot.opened = None
