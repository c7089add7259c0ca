"""The progress that a person sees while a command works: round, phase, piece of work, games, tokens, cost, time left.

A terminal gets live bars. Elsewhere notes are lines, and after `SILENCE_S` without one a line says where the work stands.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from ouroloop.streams import escaped

SILENCE_S: Final = 20.0
"""Without a terminal, the longest time without a line."""
LEAST_SHARE: Final = 0.02
"""The least share of a piece of work from which the time left is estimated."""


class Progress(Protocol):
    """Shows what a run does. Implementations never fail and never print on stdout."""

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Show that a phase of a round begins; round 0 is the start."""
        ...

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Show a piece of work at a fraction in [0, 1]; at 1 it is done."""
        ...

    def games(self, count: int) -> None:
        """Count further games that were played."""
        ...

    def used(self, tokens: int, cost_usd: float) -> None:
        """Show the tokens that a run has used so far, and what they cost."""
        ...

    def note(self, text: str) -> None:
        """Show a note that the user should know; it stays on the screen."""
        ...


@dataclass(slots=True)
class Standing:
    """Where the work stands.

    Args:
        clock: returns seconds.

    Fields:
        begun: when the command began.
        since: when the present phase began, or outside a run the present piece of work.
        where: the round and the phase.
        work: the pieces of work of this phase: share done, and detail.
        phases: the names of the phases of the present round that have begun, in order.
        spans: the seconds that each phase took, without the first one of this process: a resumed run begins inside a phase.
        watched: whether this process saw the present round from its beginning.
        whole: whether it has seen a whole round; without one there is nothing to estimate the time left from.
        share: of the piece of work that moved last.
    """

    clock: Callable[[], float] = time.monotonic
    begun: float = field(init=False)
    since: float = field(init=False)
    where: str = "starting"
    work: dict[str, tuple[float, str]] = field(default_factory=dict)
    games: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    rounds: int = 0
    round: int = 0
    phases: list[str] = field(default_factory=list)
    spans: dict[str, list[float]] = field(default_factory=dict)
    watched: bool = False
    whole: bool = False
    share: float = 0.0
    _is_first: bool = False

    def __post_init__(self) -> None:
        """Begin now."""
        self.begun = self.since = self.clock()

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Begin a phase."""
        now, inside = self.clock(), bool(self.rounds)
        if self.round and self.phases and not self._is_first:
            self.spans.setdefault(self.phases[-1], []).append(now - self.since)
        self._is_first = not inside
        if round != self.round or not inside:
            self.whole = self.whole or (self.watched and self.round > 0)
            self.watched = inside
            self.phases.clear()
        self.phases.append(phase)
        self.since = now
        self.round, self.rounds = round, rounds
        self.where = f"round {round} of {rounds}, {phase}" if round else phase
        self.work.clear()

    def advance(self, what: str, fraction: float, detail: str) -> None:
        """Bring a piece of work to a fraction."""
        if not self.rounds and what not in self.work:  # outside a run, one piece of work follows the other
            self.work.clear()
            self.since, self.where = self.clock(), ""
        self.share = min(max(fraction, 0.0), 1.0)
        self.work[what] = (self.share, escaped(detail))

    def left_s(self) -> float | None:
        """Return the estimated seconds left; None if nothing tells.

        In a run a phase takes as long as it did on average, from the first whole round on. Outside a run, the share that is
        done tells, as soon as it is not too small to.
        """
        gone = self.clock() - self.since
        if not self.rounds:
            return None if self.share < LEAST_SHARE else gone * (1 - self.share) / self.share
        if not self.whole:
            return None
        each = {phase: sum(spans) / len(spans) for phase, spans in self.spans.items()}
        ahead = sum(seconds for phase, seconds in each.items() if phase not in self.phases)
        now = max(0.0, each.get(self.phases[-1], 0.0) - gone)
        return now + ahead + (self.rounds - self.round) * sum(each.values())

    def figures(self) -> str:
        """Return games, tokens, cost and the time left, as far as they are known."""
        said = [f"{self.games} games"] if self.games else []
        said += [f"{self.tokens} tokens"] if self.tokens else []
        said += [f"{self.cost_usd:.4g} USD"] if self.cost_usd else []
        said.append(f"{_clock(self.clock() - self.begun)} since the command began")
        left = self.left_s()
        return ", ".join(said if left is None else [*said, f"about {_clock(left)} left"])

    def line(self) -> str:
        """Return all of it as one line; another thread may go on with the work meanwhile."""
        pieces = [f"{what} {share:.0%}{f' ({detail})' if detail else ''}" for what, (share, detail) in list(self.work.items())]
        return "; ".join([*filter(None, [self.where, ", ".join(pieces)]), self.figures()])


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

    def used(self, tokens: int, cost_usd: float) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Print one line on stderr."""
        if self._notes:
            _print(text)


class Lines:
    """Prints notes as plain lines, and where the work stands whenever nothing was printed for a while."""

    def __init__(self, silence_s: float = SILENCE_S, standing: Standing | None = None) -> None:
        """Begin to watch the clock; `stop` ends that."""
        self.standing = standing or Standing()
        self._silence_s, self._ended, self._spoken = silence_s, threading.Event(), time.monotonic()
        self._watch = threading.Thread(target=self._speak, daemon=True)
        self._watch.start()

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Keep it for the next line."""
        self.standing.phase(round, rounds, phase)

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Keep it for the next line."""
        self.standing.advance(what, fraction, detail)

    def games(self, count: int) -> None:
        """Count games."""
        self.standing.games += count

    def used(self, tokens: int, cost_usd: float) -> None:
        """Keep it for the next line."""
        self.standing.tokens, self.standing.cost_usd = tokens, cost_usd

    def note(self, text: str) -> None:
        """Print one line on stderr."""
        self._spoken = time.monotonic()
        _print(text)

    def stop(self) -> None:
        """Say no more."""
        self._ended.set()
        self._watch.join()

    def _speak(self) -> None:
        while not self._ended.wait(self._spoken + self._silence_s - time.monotonic()):
            if time.monotonic() - self._spoken >= self._silence_s:
                self.note(self.standing.line())


class Bars:
    """A live display on stderr."""

    def __init__(self) -> None:
        """Start the display."""
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        from ouroloop.terminal import Plain

        self.standing = Standing()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            console=Plain(stderr=True),
            transient=True,
            get_time=time.monotonic,
        )
        self._top = self._bars.add_task("starting", total=1.0, detail="")
        self._tasks: dict[str, int] = {}
        self._bars.start()

    def phase(self, round: int, rounds: int, phase: str) -> None:
        """Show the round and phase, and the time left."""
        self.standing.phase(round, rounds, phase)
        for task in self._tasks.values():
            self._bars.remove_task(task)  # type: ignore[arg-type]
        self._tasks.clear()
        self._show()

    def advance(self, what: str, fraction: float, detail: str = "") -> None:
        """Show a bar for a piece of work until the phase ends."""
        self.standing.advance(what, fraction, detail)
        share, said = self.standing.work[what]
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(f"  {what}", total=1.0, detail=said)
        self._bars.update(self._tasks[what], completed=share, detail=said)  # type: ignore[arg-type]
        self._show()

    def games(self, count: int) -> None:
        """Count games."""
        self.standing.games += count
        self._show()

    def used(self, tokens: int, cost_usd: float) -> None:
        """Show tokens and cost."""
        self.standing.tokens, self.standing.cost_usd = tokens, cost_usd
        self._show()

    def note(self, text: str) -> None:
        """Print above the bars."""
        self._bars.console.print(f"ouroloop: {escaped(text)}", soft_wrap=True)

    def stop(self) -> None:
        """End the display."""
        self._bars.stop()

    def _show(self) -> None:
        now = self.standing
        share = max(now.round - 1, 0) / now.rounds if now.rounds else now.share
        self._bars.update(self._top, description=now.where or "working", completed=share, detail=now.figures())


def _print(text: str) -> None:
    """Print one line on stderr; a stream that is gone must not end the work."""
    try:
        print(f"ouroloop: {escaped(text)}", file=sys.stderr, flush=True)  # noqa: T201  (the line is the purpose)
    except OSError:
        return


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


@contextmanager
def progress() -> Iterator[Lines | Bars]:
    """Yield bars on a terminal, and lines elsewhere."""
    shown = Bars() if sys.stderr.isatty() else Lines()
    try:
        yield shown
    finally:
        shown.stop()
