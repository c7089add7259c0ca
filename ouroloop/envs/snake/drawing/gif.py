"""A game as an animated GIF of a few hundred kilobytes: one palette, and no more frames than fit.

A GIF stores what changes from frame to frame. A long game shows every second, fourth, ... move only.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from ouroloop.envs.snake.drawing import tile
from ouroloop.envs.snake.drawing.paint import paint
from ouroloop.envs.snake.drawing.scene import Scene
from ouroloop.protocols.errors import UsageError

MOST_FRAMES: Final = 400
MOST_BYTES: Final = 700_000
HOLD_MS: Final = 2500
"""How long the end of a game stays."""


@dataclass(slots=True)
class Frames:
    """Scenes that a GIF shows, thinned out so that there are never more than `most`; the ends of games stay."""

    most: int = MOST_FRAMES
    every: int = 1
    kept: list[Scene] = field(default_factory=list)

    def add(self, scene: Scene) -> None:
        """Keep a scene where its move is among the shown ones."""
        if self._shown(scene):
            self.kept.append(scene)
        while len(self.kept) > self.most and self.thin():
            pass

    def thin(self) -> bool:
        """Show half as many moves; return whether that left out any."""
        before, self.every = len(self.kept), 2 * self.every
        self.kept = [scene for scene in self.kept if self._shown(scene)]
        return len(self.kept) < before

    def _shown(self, scene: Scene) -> bool:
        return scene.cause is not None or scene.steps % self.every == 0


def write_gif(frames: Frames, path: Path, fps: int) -> int:
    """Write a GIF that runs for ever; return its bytes.

    Args:
        frames: at least one; thinned out further where the file would be larger than `MOST_BYTES`.
        path: the file.
        fps: frames per second.

    Raises:
        UsageError: the file cannot be written.
    """
    data = encoded(frames.kept, fps)
    while len(data) > MOST_BYTES and frames.thin():
        data = encoded(frames.kept, fps)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another --gif") from None
    return len(data)


def encoded(scenes: Sequence[Scene], fps: int) -> bytes:
    """Return the bytes of a GIF of these scenes, at least one."""
    pause = 10 * max(2, round(100 / fps))  # in ms, of which a GIF holds tens
    pauses = [pause if scene.cause is None else HOLD_MS for scene in scenes]
    first, *rest = _changes([paint(scene) for scene in scenes])
    out = io.BytesIO()
    first.save(
        out,
        "GIF",
        save_all=True,
        append_images=rest,
        duration=pauses,
        loop=0,
        disposal=1,
        optimize=False,
        palette=bytes(tile.palette().getpalette() or ()),
        transparency=tile.CLEAR,
    )
    return out.getvalue()


def _changes(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the first picture, and of each other one what it changes in that before; the rest is clear."""
    cut = [pictures[0]]
    for before, picture in pairwise(pictures):
        change = picture.copy()
        change.paste(tile.CLEAR, mask=Image.fromarray(np.asarray(picture) == np.asarray(before)))
        cut.append(change)
    return cut
