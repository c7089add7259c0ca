"""A game as an animated GIF of a few hundred kilobytes, with no more frames than fit.

A GIF of a long game shows only every second, fourth, ... move. A game with a drawing makes its own pictures; for any
other game, the GIF shows the task's `render`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Moment

MOST_FRAMES: Final = 400
MOST_BYTES: Final = 700_000
HOLD_MS: Final = 2500
"""How long the end of a game is shown."""
CELL_PX: Final = 32


@dataclass(slots=True)
class Frames:
    """The moments that a GIF shows, thinned out to at most `most`; the ends of games always stay."""

    most: int = MOST_FRAMES
    every: int = 1
    kept: list[Moment] = field(default_factory=list)

    def add(self, moment: Moment) -> None:
        """Keep a moment if its move is among those shown."""
        if self._shown(moment):
            self.kept.append(moment)
        while len(self.kept) > self.most and self.thin():
            pass

    def thin(self) -> bool:
        """Show half as many moves; return whether this removed any moment."""
        before, self.every = len(self.kept), 2 * self.every
        self.kept = [moment for moment in self.kept if self._shown(moment)]
        return len(self.kept) < before

    def _shown(self, moment: Moment) -> bool:
        return moment.cause is not None or moment.steps % self.every == 0


def write_gif(task: Task, frames: Frames, path: Path, fps: int) -> int:
    """Write a GIF that loops for ever; return its size in bytes.

    Args:
        task: the game.
        frames: see `fitted`.
        path: the file.
        fps: frames per second.

    Raises:
        UsageError: the file cannot be written.
    """
    data = fitted(task, frames, fps)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another --gif") from None
    return len(data)


def fitted(task: Task, frames: Frames, fps: int) -> bytes:
    """Return the bytes of a GIF that loops for ever.

    Args:
        task: the game.
        frames: at least one; thinned out further if the GIF would be larger than `MOST_BYTES`.
        fps: frames per second.
    """
    data = encoded(task, frames.kept, fps)
    while len(data) > MOST_BYTES and frames.thin():
        data = encoded(task, frames.kept, fps)
    return data


def encoded(task: Task, moments: Sequence[Moment], fps: int) -> bytes:
    """Return the bytes of a GIF of these moments, at least one."""
    pause = 10 * max(2, round(100 / fps))  # in ms; a GIF counts in steps of 10 ms
    pauses = [pause if moment.cause is None else HOLD_MS for moment in moments]
    return drawn(task, moments, pauses)


def drawn(task: Task, moments: Sequence[Moment], pauses_ms: list[int]) -> bytes:
    """Return the bytes of a GIF of these moments, at least one, each shown for its pause."""
    if task.drawing is not None:
        return task.drawing.gif(moments, pauses_ms)
    return rendered(task, moments, pauses_ms)


def rendered(task: Task, moments: Sequence[Moment], pauses_ms: list[int]) -> bytes:
    """Return the bytes of a GIF of the task's own pictures."""
    from PIL import Image

    first, *rest = [Image.fromarray(task.render(moment.seen, CELL_PX)[0]) for moment in moments]
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=rest, duration=pauses_ms, loop=0)
    return out.getvalue()
