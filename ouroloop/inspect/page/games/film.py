"""A game as a film: the pictures of its moments, taken apart into tiles that occur again and again.

A board's picture consists of few different tiles, and a move changes a handful of them. So a film holds one sheet of tiles, and
for each moment only the cells that changed: some 30 bytes a move, exact to the pixel, and for every game that has pictures.

Heat over the board is told in the same way: in a few levels, and only of the cells whose level changed.
"""

from __future__ import annotations

import base64
import io
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Build, Moment

TILE_PX: Final = 24
"""Pixels along a side of a tile, where the board's size allows it."""
BOARD_PX: Final = 480
"""Most pixels along a side of a board."""
SMALL_PX: Final = 8
"""Pixels of a cell that every game can draw, the port's default."""
ACROSS: Final = 16
"""Tiles in a row of the sheet."""
HEATS: Final = 16
"""Levels of heat, from 0 for none."""
Form: TypeAlias = Literal["film", "gif", "mp4"]
"""What is made of a game: a film for the page, or a file."""


@dataclass(frozen=True, slots=True)
class Game:
    """A game that is to be played: its own seed, and who plays it, each with a name."""

    seed: int
    players: tuple[tuple[str, Build], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be played.

    Args:
        folder: the run directory.
        games: one film, or one file, is made of each.
        saliency: how to find what decides moves, one of `policy.saliency.names.TITLES`; empty for not at all.
        form: what is made; a file shows the first player's game alone.
    """

    folder: Path
    games: tuple[Game, ...]
    saliency: str = ""
    form: Form = "film"


@dataclass(slots=True)
class Tiles:
    """The different tiles of some pictures, in the order in which they came."""

    size: int
    known: dict[bytes, int] = field(default_factory=dict)

    def numbers(self, picture: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the number of each tile of a picture (H, W, 3) uint8, row by row."""
        high, wide = picture.shape[0] // self.size, picture.shape[1] // self.size
        parts = picture[: high * self.size, : wide * self.size].reshape(high, self.size, wide, self.size, 3).swapaxes(1, 2)
        keys = (parts[row, column].tobytes() for row in range(high) for column in range(wide))
        return np.array([self.known.setdefault(key, len(self.known)) for key in keys], np.int64)

    def sheet(self) -> str:
        """Return all tiles as one PNG in a data address."""
        from PIL import Image

        rows = max(1, math.ceil(len(self.known) / ACROSS))
        whole = np.zeros((rows * self.size, ACROSS * self.size, 3), np.uint8)
        for number, key in enumerate(self.known):
            top, left = divmod(number, ACROSS)
            tile = np.frombuffer(key, np.uint8).reshape(self.size, self.size, 3)
            whole[top * self.size : (top + 1) * self.size, left * self.size : (left + 1) * self.size] = tile
        out = io.BytesIO()
        Image.fromarray(whole).save(out, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


@dataclass(frozen=True, slots=True)
class Seen:
    """A game that was played again.

    Args:
        name: who played.
        moments: the moment before each move, and the last one.
        regrets: of each move at each of these moments but the last; empty without an oracle.
        utility: of the game.
        unlit: why no moment has heat, in a sentence; empty if some have, or nobody asked.
    """

    name: str
    moments: Sequence[Moment]
    regrets: Sequence[tuple[float, ...]]
    utility: float
    unlit: str = ""


def tile_px(task: Task, seen: Seen) -> int:
    """Return the pixels of a tile: as large as the board allows."""
    cells = int(task.render(seen.moments[0].seen, SMALL_PX).shape[1]) // SMALL_PX
    return max(4, min(TILE_PX, BOARD_PX // max(cells, 1)))


def film(task: Task, games: Sequence[Seen]) -> dict[str, Any]:
    """Return games of one board size as a film, in JSON.

    Args:
        task: the game.
        games: at least one.
    """
    size = tile_px(task, games[0])
    tiles = Tiles(size)
    told = [_game(task, game, tiles) for game in games]
    high, wide = (edge // size for edge in task.render(games[0].moments[0].seen, size).shape[1:3])
    return {
        "actions": list(task.actions),
        "tile": size,
        "rows": high,
        "columns": wide,
        "sprites": ACROSS,
        "heats": HEATS,
        "sheet": tiles.sheet(),
        "games": told,
    }


def _game(task: Task, game: Seen, tiles: Tiles) -> dict[str, Any]:
    before: NDArray[np.int64] | None = None
    frames = []
    for place, moment in enumerate(game.moments):
        now = tiles.numbers(task.render(moment.seen, tiles.size)[0])
        changed = np.arange(len(now)) if before is None else np.flatnonzero(now != before)
        frames.append(_frame(task, game, place, moment) | {"cells": np.stack([changed, now[changed]], axis=1).ravel().tolist()})
        before = now
    told = {"name": game.name, "utility": round(game.utility, 9), "frames": frames}
    return told | _heated(game, frames, 0 if before is None else len(before))


def _heated(game: Seen, frames: Sequence[dict[str, Any]], cells: int) -> dict[str, Any]:
    """Add to frames the cells whose heat changed, each as `cell * HEATS + level`; return what the game says of its heat.

    Args:
        game: the game.
        frames: of its moments.
        cells: of a picture.
    """
    lit = [place for place, moment in enumerate(game.moments) if moment.heat]
    if game.unlit or not lit:
        return {"unlit": game.unlit} if game.unlit else {}
    if len(game.moments[lit[0]].heat) != cells:
        return {"unlit": f"{game.name}: its pictures have {cells} cells, and its prompts speak of another number"}
    before = np.zeros(cells, np.int64)
    for frame, moment in zip(frames, game.moments, strict=True):
        now = np.rint(np.array(moment.heat or np.zeros(cells)) * (HEATS - 1)).astype(np.int64)
        changed = np.flatnonzero(now != before)
        if len(changed):
            frame["heat"] = (changed * HEATS + now[changed]).tolist()
        before = now
    return {"lens": game.moments[lit[0]].lens, "lit": [lit[0], len(lit)]}


def _frame(task: Task, game: Seen, place: int, moment: Moment) -> dict[str, Any]:
    found: dict[str, Any] = {"score": moment.score, "steps": moment.steps}
    if moment.action is not None:
        found |= {"action": moment.action, "odds": [round(share, 3) for share in moment.odds]}
        if place < len(game.regrets):
            found["regret"] = [round(value, 3) for value in game.regrets[place]]
    if moment.cause is not None:
        found["end"] = moment.cause.replace("_", " ") if task.drawing is None else task.drawing.ending(moment.cause)
    return found


def embedded(document: object) -> str:
    """Return JSON that can stand in a script element: no character in it can end the element."""
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
