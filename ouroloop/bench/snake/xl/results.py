"""A result file: who played, and what each game of each board was, with its moves. One JSON document for each player.

The text of a document is fixed to the byte, and its last line is the hash of all that stands before it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from ouroloop.atomic import whole_file
from ouroloop.bench.snake.xl.definition import BOARDS, GAMES, NAME, VERSION, Board
from ouroloop.files import read_regular
from ouroloop.protocols.canonical import canonical, content_hash
from ouroloop.protocols.errors import OuroloopError, SurroundingsError
from ouroloop.protocols.jsonrpc import loads, one_line
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

MOST_BYTES: Final = 8_000_000
"""The largest result file that is read; that of the strongest teacher has a tenth of this."""
MOST_STEPS: Final = 400_000
"""No game on these boards is longer: an apple for every cell, and no idle time beyond the rules'."""
FAULT: Final = "fault"
"""The cause of a game that its player lost because it gave no answer that can be played."""

Text = Annotated[str, Field(min_length=1, max_length=300)]
Share = Annotated[float, Field(ge=0, le=1)]


class Refused(OuroloopError):
    """A result file is not what the benchmark writes: the message names the file, the place, and what was expected."""


class Who(Frozen):
    """A player.

    Args:
        name: what the leaderboard calls it.
        kind: what sort of player it is.
        parts: what it consists of: the name of a teacher, the content hash of a policy's directory and of a controller's
            source, the name of a chat model, the command of an outside player.
        token: what is counted as a token; empty if nothing is.
    """

    name: str = Field(min_length=1, max_length=80)
    kind: Literal["teacher", "policy", "build", "chat", "outside"]
    parts: dict[Annotated[str, Field(max_length=40)], Text] = Field(max_length=8)
    token: str = Field(default="", max_length=120)

    def same(self, other: Who) -> bool:
        """Whether it is the same player, whatever it is called."""
        return (self.kind, self.parts) == (other.kind, other.parts)


class Interval(Frozen):
    """A mean or a share with its 95 % interval."""

    mean: float
    low: float
    high: float


class Figures(Frozen):
    """How the games of a board went. `games.score` and the others are in the file; these follow from them and the moves."""

    games: int
    score: Interval
    win_rate: Interval
    path_optimality: Share
    utility: Share
    steps: float
    causes: dict[str, int]
    decisions_per_s: float | None
    tokens_per_s: float | None


class Played(Frozen):
    """The games of a board, in the order of the seeds.

    Args:
        size: side of the board.
        walls: share of its cells.
        cannot_play: why the player cannot play this board; then there are no games.
        score: of each game.
        steps: likewise.
        utility: likewise, to six decimals.
        cause: how each game ended.
        moves: of all games, see `moves`.
        seconds: that the player took for its decisions; measured, so nobody can check it.
        tokens: that it used, as measured or as an outside player tells; None if none are counted.
        figures: of these games; None without games.
    """

    size: int
    walls: float
    cannot_play: str = Field(default="", max_length=300)
    score: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(), max_length=GAMES)
    steps: tuple[Annotated[int, Field(ge=0, le=MOST_STEPS)], ...] = Field(default=(), max_length=GAMES)
    utility: tuple[Share, ...] = Field(default=(), max_length=GAMES)
    cause: tuple[str, ...] = Field(default=(), max_length=GAMES)
    moves: str = ""
    seconds: float = Field(default=0.0, ge=0, le=1e9)
    tokens: int | None = Field(default=None, ge=0, le=10**15)
    figures: Figures | None = None

    @property
    def board(self) -> Board:
        """The kind of board."""
        return Board(self.size, self.walls)

    @property
    def complete(self) -> bool:
        """Whether all games are played, or none can be."""
        return bool(self.cannot_play) or len(self.score) == GAMES


class Overall(Frozen):
    """A player's figures over all boards.

    Args:
        complete: whether every board has all its games, or cannot be played.
        boards: that were played.
        utility: the benchmark's score: the mean over all boards of the definition. A board without games counts 0.
        utility_played: the mean over the boards that were played.
        win_rate: mean over the boards that were played.
        path_optimality: likewise.
        score: likewise.
        decisions_per_s: over all games.
        tokens_per_s: likewise.
    """

    complete: bool
    boards: int
    utility: Share
    utility_played: Share | None
    win_rate: Share | None
    path_optimality: Share | None
    score: float | None
    decisions_per_s: float | None
    tokens_per_s: float | None


class Result(Frozen):
    """What a result file holds; `package` is the version of the package that wrote it."""

    benchmark: Literal["snake-xl"] = NAME
    version: int = VERSION
    package: str = Field(max_length=40)
    player: Who
    seeds: tuple[int, ...] = Field(max_length=GAMES)
    boards: tuple[Played, ...] = Field(max_length=len(BOARDS))
    overall: Overall

    def text(self) -> str:
        """Return the file's text: a line for each key, and one for each board."""
        document: dict[str, Any] = self.model_dump(mode="json")
        rows = ",\n".join(canonical(board).decode() for board in document["boards"])
        lines = [
            f'"boards":[\n{rows}\n]' if key == "boards" else f"{json.dumps(key)}:{canonical(value).decode()}"
            for key, value in document.items()
        ]
        return "{\n" + ",\n".join([*lines, f'"hash":"{content_hash(document)}"']) + "\n}\n"


def write(result: Result, path: Path) -> None:
    """Write a result file, whole or not at all. Raises SurroundingsError if that is impossible."""
    try:
        with whole_file(path) as half:
            half.write_text(result.text(), encoding="utf-8")
    except OSError as error:
        raise SurroundingsError(f"{path} cannot be written ({error.strerror}): choose another --out") from error


def read(path: Path) -> Result:
    """Return what a result file says, once its form and its hash are right; `checking.verify` also plays its games again.

    Raises:
        Refused: it is missing or no result file, or a byte of it was changed.
    """
    where = plain_line(str(path))
    try:
        data = read_regular(path, MOST_BYTES)
        document = loads(data)
    except OSError as error:
        raise Refused(f"{where}: {error.strerror or error}") from None
    except ValueError as error:
        raise Refused(f"{where}: no JSON ({plain_line(str(error), 100)})") from None
    if not isinstance(document, dict) or document.get("benchmark") != NAME:
        raise Refused(f"{where}: no result of {NAME}, it lacks `benchmark`")
    if document.get("version") != VERSION:
        found = plain_line(repr(document.get("version")), 40)
        raise Refused(f"{where}: version {found} of {NAME}, this package plays version {VERSION}: play it again")
    told = document.pop("hash", None)
    try:
        result = Result.model_validate(document)
    except ValidationError as error:
        raise Refused(f"{where}: {plain_line(one_line(error))}") from None
    made = result.text()
    if told != made.rpartition('"hash":"')[2].partition('"')[0]:
        raise Refused(f"{where}: hash: it does not fit the rest, which was changed or cut after it was written")
    if made.encode() != data:
        raise Refused(f"{where}: line {_first_change(made.encode(), data)}: not as `ouroloop bench {NAME}` writes it")
    return result


def _first_change(made: bytes, found: bytes) -> int:
    """Return the number of the first line in which two texts differ."""
    ours, theirs = made.split(b"\n"), found.split(b"\n")
    same = (left == right for left, right in zip(ours, theirs, strict=False))
    return next((number for number, equal in enumerate(same, 1) if not equal), min(len(ours), len(theirs)))
