"""Players and their seats at a board: what whoever plays is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.snake.xl.definition import Board, keys
from ouroloop.bench.snake.xl.outside import Outside, Question
from ouroloop.bench.snake.xl.results import Who
from ouroloop.inspect.contender import Contender, contender
from ouroloop.policy.choice import Mover, rated_by, taught_by
from ouroloop.policy.evaluation.batches import COUNTED_EVERY, Reads, prompt_tokens
from ouroloop.policy.shipped import find_policy
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.ports import Engine, Session
from ouroloop.protocols.text import plain_line

Sandbox: TypeAlias = Literal["auto", "docker", "wasm"]
GAME: Final = "snake"
Answer: TypeAlias = "tuple[NDArray[np.integer], list[int]]"
"""Actions (R,), and the places among them at which the player gave none that can be played."""


class CannotPlay(OuroloopError):
    """A player was not made for a board; the message says why."""


class Seat(Protocol):
    """A player at a board."""

    def choose(self, engine: Engine, rows: NDArray[np.int64], games: NDArray[np.int64]) -> Answer:
        """Return the actions of unfinished games.

        Args:
            engine: the games.
            rows: (R,) the unfinished ones.
            games: (R,) their numbers on this board, which stay the same.

        Returns:
            The actions, and where there is none.
        """
        ...

    def tokens(self) -> int | None:
        """Return the tokens used so far; None if none are counted."""
        ...


class Player(Protocol):
    """Somebody who plays the benchmark."""

    @property
    def who(self) -> Who:
        """Its name, and what it consists of."""
        ...

    def seat(self, board: Board) -> AbstractContextManager[Seat]:
        """Give it a seat at a board until the block ends. Raises CannotPlay."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says of all its players.

    Args:
        name: what the leaderboard calls a single player.
        controller: the file of a controller between a policy's or a teacher's logits and the moves.
        sandbox: where controllers run.
        timeout_s: for each answer of a program outside, or of a chat model.
        base_url: the endpoint of a chat model; the provider's own by default.
    """

    name: str | None = None
    controller: Path | None = None
    sandbox: Sandbox = "auto"
    timeout_s: float = 60.0
    base_url: str | None = None


@dataclass(frozen=True)
class Rated:
    """A policy or a teacher, perhaps with a controller: whatever `ouroloop eval` lets play."""

    who: Who
    choice: Choice
    policy: str | None = None
    teacher: str | None = None

    @cached_property
    def _usable(self) -> bool:
        """Whether it can be opened at all, on its own board; raises what is wrong with it rather than with a board."""
        with contender(self.policy, self.teacher, self.choice.controller, self.choice.sandbox, {}, 1, GAME):
            return True

    def _said(self, error: UsageError) -> str:
        """Return why it cannot play, without the remedy and without the place where its policy lies on this machine."""
        said = str(error).partition(";")[0]
        return plain_line(said if self.policy is None else said.replace(str(find_policy(self.policy)), self.who.name), 200)

    @contextmanager
    def seat(self, board: Board) -> Iterator[Seat]:
        """Open it for a board."""
        assert self._usable
        asked = {"size": board.size, "walls": board.walls}
        with ExitStack() as stack:
            try:
                own = stack.enter_context(
                    contender(self.policy, self.teacher, self.choice.controller, self.choice.sandbox, asked, 1, GAME)
                )
            except UsageError as error:
                raise CannotPlay(self._said(error)) from error
            seated = RatedSeat(own)
            seated.warm(board)
            yield stack.enter_context(seated)


class Silent:
    """A policy that is not asked: `RatedSeat` has the logits."""

    def logits(self, observations: object) -> NDArray[np.float32]:
        """Raise."""
        raise AssertionError("the seat rates the moves")


@dataclass(slots=True)
class RatedSeat:
    """A policy or a teacher at a board."""

    own: Contender
    steps: int = 0
    decisions: int = 0
    counted: int = 0
    prompts: int = 0
    mover: Mover = field(init=False)
    session: Session | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Choose how moves are rated."""
        player = self.own.player
        self.mover = Mover(taught_by(self.own.task, player) if isinstance(player, str) else rated_by(player))

    def __enter__(self) -> RatedSeat:
        """Open the controller."""
        self.session = None if self.own.open_session is None else self.own.open_session()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self.session is not None:
            self.session.close()

    def warm(self, board: Board) -> None:
        """Rate a first position, since what is compiled or loaded for it is no time of the player's."""
        engine = board.task().engine(keys(0, 1))
        self.mover.rate(engine, np.zeros(1, np.int64), engine.observations())

    def choose(self, engine: Engine, rows: NDArray[np.int64], games: NDArray[np.int64]) -> Answer:
        """Return the moves of the highest logits, or the controller's."""
        player = self.own.player
        if isinstance(player, str) and self.session is None:
            assert self.own.task.teachers is not None
            return self.own.task.teachers.teach(player, engine)[rows], []
        observations = engine.observations(rows)
        reader = getattr(player, "policy", None)
        if isinstance(reader, Reads) and self.steps % COUNTED_EVERY == 0:
            self.counted += len(rows)
            self.prompts += prompt_tokens(reader, observations)
        self.steps += 1
        self.decisions += len(rows)
        logits = self.mover.rate(engine, rows, observations)
        if self.session is None or self.own.open_session is None:
            return logits.argmax(axis=1), []
        from ouroloop.runs.players import Player as Controlled

        controlled = Controlled(Silent(), self.session, None, self.own.open_session)
        actions, failed = controlled.answers(observations, logits, np.ones(len(rows), np.bool_))
        self.session = controlled.session  # a fresh one, if the controller failed
        return actions, failed

    def tokens(self) -> int | None:
        """Return the tokens of all prompts, from the mean of those that were counted."""
        return round(self.prompts / self.counted * self.decisions) if self.counted else None


@dataclass(frozen=True, slots=True)
class Program:
    """A program outside."""

    who: Who
    command: list[str]
    timeout_s: float

    @contextmanager
    def seat(self, board: Board) -> Iterator[Seat]:
        """Start it for a board."""
        with closing(Outside(self.command, self.timeout_s)) as program:
            yield ProgramSeat(program, board)


@dataclass(slots=True)
class ProgramSeat:
    """A program outside at a board."""

    program: Outside
    board: Board
    actions: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Learn the actions' names."""
        self.actions = self.board.task().actions

    def choose(self, engine: Engine, rows: NDArray[np.int64], games: NDArray[np.int64]) -> Answer:
        """Ask the program; whatever it answers wrongly ends the benchmark."""
        seen = engine.observations(rows)
        settings = {"size": self.board.size, "walls": self.board.walls}
        observations = [seen.row(place) for place in range(len(rows))]
        question = Question(GAME, settings, self.actions, games.tolist(), observations)
        return np.array(self.program.act(question), np.int64), []

    def tokens(self) -> int | None:
        """Return what the program says."""
        return self.program.tokens
