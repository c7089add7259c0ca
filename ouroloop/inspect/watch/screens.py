"""Screens that show a game while it is played: nowhere, as lines, or live on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ouroloop.terminal import cell, say, say_lines

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Moment

REST_S = 1.5
"""How long the end of a game is shown before the next game begins."""


class Screen(Protocol):
    """Shows a game while it is played."""

    def show(self, moment: Moment) -> None:
        """Show one moment; the call may wait until the moment is due."""
        ...

    def close(self) -> None:
        """End the display; safe to call twice."""
        ...


class Nowhere:
    """Shows nothing."""

    def show(self, moment: Moment) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """Prints a line for each gain of score, and the game's text at the end, for output that is not a terminal."""

    def __init__(self, task: Task) -> None:
        """Begin before the first move of a game."""
        self._task, self._score = task, 0

    def show(self, moment: Moment) -> None:
        """Print a line if the score has risen, and the final position."""
        if moment.score > self._score:
            facts = {"step": moment.steps, "score": moment.score, **facts_of(self._task, moment)}
            say("  ".join([f"game {moment.game + 1}", *(f"{name} {value}" for name, value in facts.items())]))
        self._score = moment.score
        if moment.cause is not None:
            self._score = 0
            say_lines(self._task.ansi(moment.seen, 0))

    def close(self) -> None:
        """Nothing."""


class Live:
    """A live display.

    Args:
        console: the terminal.
        task: the game.
        name: the player's name.
        games: the number of games that will be shown.
        fps: moments a second.
        sleep: waits for the given number of seconds.
    """

    def __init__(
        self,
        console: Console,
        task: Task,
        name: str,
        games: int,
        fps: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take over the terminal."""
        from rich.live import Live as RichLive

        self._console, self._task, self._name, self._games = console, task, name, games
        self._pause_s, self._due_s, self._sleep = 1 / fps, 0.0, sleep
        self._live = RichLive(console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def show(self, moment: Moment) -> None:
        """Draw a moment when it is due."""
        self._sleep(max(0.0, self._due_s - time.monotonic()))
        last_game = moment.game == self._games - 1
        self._due_s = time.monotonic() + (self._pause_s if moment.cause is None or last_game else REST_S)
        which = f", game {moment.game + 1} of {self._games}" if self._games > 1 else ""
        self._live.update(drawn(self._task, moment, self._console, f" {self._name}{which} "), refresh=True)

    def close(self) -> None:
        """End the display; the last moment stays on the terminal."""
        self._live.stop()


def facts_of(task: Task, moment: Moment) -> dict[str, int]:
    """Return the facts of a moment besides its score and step; none if the game has no drawing."""
    return {} if task.drawing is None else dict(task.drawing.facts(moment))


def ending_of(task: Task, cause: str) -> str:
    """Return how a game ended, in words."""
    return cause.replace("_", " ") if task.drawing is None else task.drawing.ending(cause)


def drawn(task: Task, moment: Moment, console: Console, title: str) -> RenderableType:
    """Return a moment in a form that rich prints: the game's own drawing, or else its text with the odds of the moves."""
    if task.drawing is not None:
        return task.drawing.live(moment, console, title)
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_row("score", f"{moment.score}")
    table.add_row("step", f"{moment.steps}")
    for action, share in enumerate(moment.odds):
        mark = "bold" if action == moment.action else "dim"
        table.add_row(Text(task.actions[action], mark), Text(f"{share:.2f}", mark))
    if moment.cause is not None:
        table.add_row("end", ending_of(task, moment.cause))
    whole = Table.grid(padding=(0, 2))
    whole.add_row(Panel(cell(task.ansi(moment.seen, 0)), title=cell(title), title_align="left", expand=False), table)
    return whole
