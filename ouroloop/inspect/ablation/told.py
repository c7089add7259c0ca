"""What a child process tells its parent: its progress, and in the end whether its work is done, or the error that ended it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from threading import Lock
from typing import Final, TypeAlias

from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from ouroloop.runs.progress import Progress

Said: TypeAlias = tuple[str, tuple[object, ...]]
"""A message: a method of `Heard`, and its arguments."""
PAUSE_S: Final = 0.5
"""The least time between two messages about the same piece of work."""
KINDS: Final = {kind.exit_code: kind for kind in (OuroloopError, UsageError, SurroundingsError)}
"""The errors that cross a pipe, by their exit codes: not every exception survives it."""


@dataclass(slots=True)
class Told:
    """A `Progress` that sends everything through a pipe, from any thread. A parent that has gone is no error."""

    pipe: Connection
    lock: Lock = field(default_factory=Lock)
    spoken: dict[str, float] = field(default_factory=dict)

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Tell that a phase begins."""
        self.say("phase", round, rounds, phase)

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Tell how far a piece of work is, unless it was told a moment ago."""
        now = time.monotonic()
        if fraction >= 1 or now - self.spoken.get(what, 0.0) >= PAUSE_S:
            self.spoken[what] = now
            self.say("advance", what, fraction)

    def games(self, count: int) -> None:
        """Tell of further games."""
        self.say("games", count)

    def used(self, tokens: int, cost_usd: float) -> None:
        """Tell of the tokens so far."""
        self.say("used", tokens, cost_usd)

    def note(self, text: str) -> None:
        """Pass a note on."""
        self.say("note", text)

    def say(self, kind: str, *values: object) -> None:
        """Send a message."""
        with self.lock, suppress(OSError):
            self.pipe.send((kind, values))


@dataclass(slots=True)
class Heard:
    """What a parent has heard of a child; each method is one kind of message.

    Args:
        name: of the child's work.
        progress: shows notes and counts games.

    Fields:
        where: the round and phase, or the piece of work.
        share: of the work that is done, as far as rounds tell.
        tokens: tokens and US dollars so far.
        is_done: whether the work is done.
        error: what ended it instead.
    """

    name: str
    progress: Progress
    where: str = "starting"
    share: float = 0.0
    tokens: tuple[int, float] = (0, 0.0)
    is_done: bool = False
    error: OuroloopError | None = None

    def hear(self, said: Said) -> None:
        """Take a message."""
        kind, values = said
        getattr(self, kind)(*values)

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """A phase begins."""
        self.where = f"round {round} of {rounds}, {phase}" if round else phase
        self.share = max(0, round - 1) / rounds if rounds else 0.0

    def advance(self, what: str, fraction: float) -> None:
        """A piece of work goes on."""
        self.where = f"{self.where.partition(': ')[0]}: {what} {fraction:.0%}"

    def games(self, count: int) -> None:
        """Games were played."""
        self.progress.games(count)

    def used(self, tokens: int, cost_usd: float) -> None:
        """Tokens were used."""
        self.tokens = tokens, cost_usd

    def note(self, text: str) -> None:
        """A note to show."""
        self.progress.note(f"{self.name}: {text}")

    def done(self) -> None:
        """The work is done."""
        self.is_done = True

    def failed(self, exit_code: int, text: str) -> None:
        """An error ended it."""
        self.error = KINDS.get(exit_code, OuroloopError)(text)
