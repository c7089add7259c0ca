"""One moment of a game as a PNG, through no lens, one, or several side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.inspect.watch.animation import CELL_PX
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.inspect.watch.lens import Lens
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Moment


@dataclass(slots=True)
class Still:
    """Keeps the moments of the first game, to choose one when it is over.

    Args:
        move: the number of the moment's move, from 0; None for the middle of the game.
    """

    move: int | None = None
    kept: list[Moment] = field(default_factory=list)

    def add(self, moment: Moment) -> None:
        """Keep a moment before a move of the first game."""
        if moment.game == 0 and moment.action is not None:
            self.kept.append(moment)

    def chosen(self) -> Moment:
        """Return the moment. Raises UsageError if the game was over before it."""
        at = len(self.kept) // 2 if self.move is None else self.move
        if at >= len(self.kept):
            raise UsageError(f"--move {at}: the game was over before it, its last move is number {len(self.kept) - 1}")
        return self.kept[at]


@dataclass(frozen=True, slots=True)
class Png:
    """A PNG that was written: the file, its bytes, the number of the move that it shows."""

    file: str
    bytes: int
    move: int


def keep_png(task: Task, still: Still, lenses: Sequence[Lens], path: Path) -> Png:
    """Write the chosen moment, as each lens shows it, or plainly without any.

    Raises:
        UsageError: the file cannot be written, or the game was over before the move.
    """
    moment = still.chosen()
    data = pictured(task, [lens(moment) for lens in lenses] or [moment])
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another --png") from None
    return Png(str(path), len(data), moment.steps)


def pictured(task: Task, moments: Sequence[Moment]) -> bytes:
    """Return the bytes of a PNG of moments; a game without a drawing shows its own picture of the first."""
    if task.drawing is not None:
        return task.drawing.png(moments)
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(task.render(moments[0].seen, CELL_PX)[0]).save(out, "PNG")
    return out.getvalue()
