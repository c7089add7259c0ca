"""Readers that ship with the package, in `shipped/GAME/`: one serves boards of all sizes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task

CARD: Final = "reader.json"


def shelf() -> Path:
    """Return the folder of the readers that ship with the package."""
    return Path(str(resources.files("ouroloop.perception"))) / "shipped"


def shipped_reader(task: Task) -> Path | None:
    """Return the directory of the reader that ships for a game; None if there is none."""
    found = shelf() / task.name
    return found if task.name.isidentifier() and (found / CARD).is_file() else None
