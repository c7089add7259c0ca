"""The progress that a person sees while a run works: round, phase, candidates, games, training loss, time left.

Without a terminal, only notes are printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Shows what a run does. Implementations never fail and never print on stdout."""

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Show that a phase of a round begins."""
        ...

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Show a piece of work at a fraction in [0, 1]; at 1 it is done."""
        ...

    def games(self, count: int) -> None:
        """Count further games that were played."""
        ...

    def note(self, text: str) -> None:
        """Show a note that the user should know; it stays on the screen."""
        ...


class Quiet:
    """Prints only notes, as plain lines."""

    def __init__(self, notes: bool = True) -> None:
        """Print notes on stderr unless told otherwise."""
        self._notes = notes

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Nothing."""

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Nothing."""

    def games(self, count: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Print one line on stderr."""
        if self._notes:
            print(f"ouroloop: {text}", file=sys.stderr, flush=True)  # noqa: T201  (the line is the purpose)


class Bars:
    """A live display on stderr."""

    def __init__(self) -> None:
        """Start the display."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._games = 0
        self._start = time.monotonic()
        self._done_rounds: tuple[int, float] | None = None
        self._top = self._bars.add_task("starting", total=1.0, detail="")
        self._tasks: dict[str, int] = {}
        self._bars.start()

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Show the round and phase, and the time left, estimated from the rounds so far."""
        if self._done_rounds is None or self._done_rounds[0] < round:
            self._done_rounds = (round, time.monotonic() - self._start)
        left = ""
        if round > 0:
            per_round = self._done_rounds[1] / round
            left = f", about {_clock(per_round * rounds - (time.monotonic() - self._start))} left"
        for task in self._tasks.values():
            self._bars.remove_task(task)  # type: ignore[arg-type]
        self._tasks.clear()
        detail = f"{self._games} games{left}"
        self._bars.update(self._top, description=f"round {round + 1}/{rounds} {phase}", completed=round / rounds, detail=detail)

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Show a bar for a piece of work until the phase ends."""
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(f"  {what}", total=1.0, detail=detail)
        self._bars.update(self._tasks[what], completed=fraction, detail=detail)  # type: ignore[arg-type]

    def games(self, count: int) -> None:
        """Count games."""
        self._games += count

    def note(self, text: str) -> None:
        """Print above the bars."""
        self._bars.console.print(f"ouroloop: {text}", highlight=False, markup=False)

    def stop(self) -> None:
        """End the display."""
        self._bars.stop()


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


@contextmanager
def progress(quiet: bool = False) -> Iterator[Quiet | Bars]:
    """Yield bars on a terminal, and plain notes elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield Quiet()
        return
    bars = Bars()
    try:
        yield bars
    finally:
        bars.stop()
