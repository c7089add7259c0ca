"""Plays a player's games of a board, and writes its result file board by board, so that a benchmark that stops goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.snake.xl.definition import BOARDS, Board, keys, seeds
from ouroloop.bench.snake.xl.figures import figures, overall, replay
from ouroloop.bench.snake.xl.moves import pack, unpack
from ouroloop.bench.snake.xl.results import Played, Result, Who, read, write
from ouroloop.bench.snake.xl.seats import CannotPlay, Player, Seat
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.ports import Engine
from ouroloop.version import __version__

Report: TypeAlias = Callable[[str, float], None]
"""Called with what is being played, and the share of it that is done."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The moves of games, (T,) uint8 each, the seconds that the decisions took, and the tokens; None if none are counted."""

    moves: list[NDArray[np.uint8]]
    seconds: float
    tokens: int | None


class Asked(Protocol):
    """How much is played."""

    @property
    def boards(self) -> Sequence[Board]:
        """The boards, in the benchmark's order."""
        ...

    @property
    def games(self) -> int:
        """The first games of each."""
        ...


def play(player: Player, path: Path, asked: Asked, report: Report) -> Result:
    """Play what a result file lacks; write it after each board.

    Args:
        player: who plays.
        path: the result file, which is continued if it is there.
        asked: how much is played.
        report: called with the progress.

    Raises:
        UsageError: the file holds another player's games.
        Refused: the file is damaged.
    """
    result = _begun(player.who, path)
    for number, board in enumerate(asked.boards):
        old = next((played for played in result.boards if played.board == board), None)
        if old is not None and (old.cannot_play or len(old.score) >= asked.games):
            continue

        def tell(share: float, board: Board = board, number: int = number) -> None:
            report(board.name, (number + share) / len(asked.boards))

        tell(0.0)
        new = _played(player, board, old, asked.games, tell)
        boards = {one.board: one for one in (*result.boards, new)}
        ordered = tuple(boards[one] for one in BOARDS if one in boards)
        result = result.model_copy(update={"boards": ordered, "overall": overall(ordered)})
        write(result, path)
    return result


def _begun(who: Who, path: Path) -> Result:
    """Return the result so far."""
    if not path.exists():
        return Result(package=__version__, player=who, seeds=seeds(), boards=(), overall=overall(()))
    found = read(path)
    if not found.player.same(who):
        raise UsageError(f"{path} holds another player's games: give this one a --name, or choose another --out")
    return found


def _played(player: Player, board: Board, old: Played | None, games: int, tell: Callable[[float], None]) -> Played:
    """Return a board's games after the missing ones are played."""
    first = 0 if old is None else len(old.score)
    try:
        with player.seat(board) as seat:
            new = record(seat, board, first, games, tell)
    except CannotPlay as reason:
        return Played(size=board.size, walls=board.walls, cannot_play=str(reason))
    before = [] if old is None else unpack(old.moves, old.steps)
    moves = [*before, *new.moves]
    told = replay(board, 0, moves)
    seconds = round(new.seconds + (0.0 if old is None else old.seconds), 3)
    tokens = None if new.tokens is None else new.tokens + ((old.tokens or 0) if old is not None else 0)
    return Played(
        size=board.size,
        walls=board.walls,
        score=tuple(game.score for game in told),
        steps=tuple(game.steps for game in told),
        utility=tuple(game.utility for game in told),
        cause=tuple(game.cause for game in told),
        moves=pack(moves),
        seconds=seconds,
        tokens=tokens,
        figures=figures(board, told, seconds, tokens),
    )


def record(seat: Seat, board: Board, first: int, games: int, tell: Callable[[float], None]) -> Recorded:
    """Play games `first .. games - 1` of a board and return their moves.

    The seat is asked about all unfinished games at once. A game whose player gives no answer that can be played ends there.
    """
    engine: Engine = board.task().engine(keys(first, games))
    numbers, moves = np.arange(first, games), [bytearray() for _ in range(first, games)]
    lost, seconds = np.zeros(games - first, np.bool_), 0.0
    while len(rows := np.flatnonzero(~engine.done & ~lost[numbers - first])):
        if 2 * len(rows) <= engine.games:  # go on with the unfinished games alone
            engine, numbers = engine.clone(rows), numbers[rows]
            rows = np.arange(len(rows))
        begun = time.perf_counter()
        actions, failed = seat.choose(engine, rows, numbers[rows])
        seconds += time.perf_counter() - begun
        played = np.zeros(engine.games, np.int64)
        played[rows] = actions
        refused = set(failed)
        for place, (game, action) in enumerate(zip((numbers[rows] - first).tolist(), actions.tolist(), strict=True)):
            if place in refused:
                lost[game] = True
            else:
                moves[game].append(action)
        engine.step(played)
        tell(1 - len(rows) / (games - first))
    return Recorded([np.frombuffer(bytes(own), np.uint8) for own in moves], seconds, seat.tokens())
