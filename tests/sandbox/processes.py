"""The processes that this one, or another, has started, as the system knows them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children(parent: int | str = "self") -> set[int]:
    """Return the ids of a process's children, whichever of its threads started them; the dead stay until they are reaped."""
    found: set[int] = set()
    for thread in Path(f"/proc/{parent}/task").iterdir():
        with suppress(FileNotFoundError):  # the thread has ended meanwhile: its children are another's
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def is_dead(pid: int) -> bool:
    """Return whether a child has ended and waits to be reaped, or has been."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
