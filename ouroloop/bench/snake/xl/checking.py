"""`--verify`: every game of a result file is played again from its moves, and every figure is worked out anew.

What no replay can show stays the word of whoever sent the file: who chose the moves, and how long that took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel

from ouroloop.bench.snake.xl.definition import BOARDS, seeds
from ouroloop.bench.snake.xl.figures import figures, overall, replay
from ouroloop.bench.snake.xl.moves import unpack
from ouroloop.bench.snake.xl.results import Played, Refused, Result, read
from ouroloop.protocols.text import plain_line


def verify(path: Path, report: Callable[[float], None] = lambda _: None) -> Result:
    """Return what a result file says, if all of it is so.

    Args:
        path: the file.
        report: called with the share of its boards that are played again.

    Raises:
        Refused: something is not; the message names the place.
    """
    result = read(path)
    where = plain_line(str(path))
    if result.seeds != seeds():
        number = next((n for n, pair in enumerate(zip(result.seeds, seeds(), strict=False)) if pair[0] != pair[1]), None)
        place = "seeds" if number is None else f"seeds[{number}]"
        raise Refused(f"{where}: {place}: not those of the benchmark")
    places = [played.board for played in result.boards]
    if places != [board for board in BOARDS if board in places]:
        raise Refused(f"{where}: boards: expected boards of the benchmark, each once and in its order")
    for number, played in enumerate(result.boards):
        report(number / max(1, len(result.boards)))
        _check_board(played, f"{where}: boards[{number}] ({played.board.name})")
    _compare(result.overall, overall(result.boards), f"{where}: overall")
    return result


def _check_board(played: Played, where: str) -> None:
    columns: Mapping[str, tuple[object, ...]] = {
        "score": played.score, "steps": played.steps, "utility": played.utility, "cause": played.cause,
    }  # fmt: skip
    count = len(played.score)
    for name, column in columns.items():
        if len(column) != count:
            raise Refused(f"{where}: {name}: {len(column)} entries, {count} of score")
    if bool(played.cannot_play) == bool(count):
        raise Refused(f"{where}: expected games, or `cannot_play`, and not both")
    if not count:
        if played.moves or played.figures or played.seconds or played.tokens is not None:
            raise Refused(f"{where}: cannot be played, yet it has moves, figures, seconds or tokens")
        return
    try:
        moves = unpack(played.moves, played.steps)
    except ValueError as error:
        raise Refused(f"{where}: moves: {error}") from None
    games = replay(played.board, 0, moves)
    for number, game in enumerate(games):
        told = {name: column[number] for name, column in columns.items()}
        for name, value in told.items():
            if value != (made := getattr(game, name)):
                raise Refused(f"{where}: game {number}: {name} {plain_line(str(value), 40)}, its moves give {made}")
    if played.figures is None:
        raise Refused(f"{where}: figures: missing")
    _compare(played.figures, figures(played.board, games, played.seconds, played.tokens), f"{where}: figures")


def _compare(told: BaseModel, made: BaseModel, where: str) -> None:
    """Refuse a figure that the games do not give."""
    for name in type(made).model_fields:
        found, right = getattr(told, name), getattr(made, name)
        if isinstance(right, BaseModel) and isinstance(found, BaseModel):
            _compare(found, right, f"{where}.{name}")
        elif found != right:
            raise Refused(f"{where}.{name}: {plain_line(str(found), 60)}, the games give {right}")
