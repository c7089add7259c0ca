"""Watch: the accepted states play on fresh seeds, and states that are shown to be worse are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.apply import CHANGES, Change
from ouroloop.ledger.steps.key import Key, every
from ouroloop.ledger.steps.start import Measures
from ouroloop.protocols.records import Build, SeedRange


@dataclass(frozen=True, slots=True)
class WatchedState:
    """A state that was watched: its build, the number of states that stood before it, and its utilities."""

    incumbent: Build
    age: int
    utility: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A block of watch games: its seeds, the newest state's measures, the states that played, and the games in all."""

    seeds: SeedRange
    measures: Measures
    states: tuple[WatchedState, ...]
    played: int


@dataclass(frozen=True, slots=True)
class Found:
    """The candidate to roll back (None if nothing is shown to be worse), why, and games that show it."""

    candidate: str | None
    reason: str = ""
    transcripts: tuple[str, ...] = ()


def play(round: int) -> Key[Watched]:
    """Return the step that plays a round's watch games."""
    return Key(f"{round}/watch/play", "policy.evaluate", Watched)


def again(round: int) -> Key[Watched]:
    """Return the step that plays once more after a rollback."""
    return Key(f"{round}/watch/again", "policy.evaluate", Watched)


def judge(round: int, trial: int) -> Key[Found]:
    """Return the step that looks for a regression; `trial` is the number found before it in the round."""
    return Key(f"{round}/watch/judge/{trial}", "gate.judge_watch", Found)


def history(ledger: Ledger) -> Iterator[Watched | Change]:
    """Yield all blocks of watch games and all changes of the incumbent, in the order they were recorded."""
    seen = play(0)
    for step in ledger.steps(methods=(seen.method, *CHANGES)):
        if step.method in CHANGES:
            yield CHANGES[step.method].of(ledger, step)
        elif step.error is None and fnmatchcase(step.key, "*/watch/*"):
            yield seen.of(ledger, step)


def judged(ledger: Ledger, round: int) -> list[Found]:
    """Return the findings of a round's judgements, in order."""
    return [found for _, found in every(ledger, judge(round, 0), f"{round}/watch/judge/*")]
