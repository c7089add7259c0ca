"""What makes the incumbent: the start, an accepted candidate put in, and one taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key, every
from ouroloop.ledger.steps.start import INCUMBENT, Begun
from ouroloop.protocols.records import Build


@dataclass(frozen=True, slots=True)
class Standing:
    """An accepted state that stands: the candidate whose change made it (None for the start), and what plays then."""

    candidate: str | None
    incumbent: Build


@dataclass(frozen=True, slots=True)
class Applied:
    """An accepted candidate that was put in: the incumbent after and before it, and the commit."""

    incumbent: Build
    before: Build
    commit: str
    candidate: str
    round: int


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An accepted candidate that was taken out.

    Args:
        incumbent: what plays from then on.
        commit: its commit.
        rolled_back: the candidate.
        reason: why, one line.
        chain: later candidates that went with it, each with the reason.
        retained: later candidates that stay.
        lineage: the states that stand now, oldest first.
        transcripts: games that show it.
    """

    incumbent: Build
    commit: str
    rolled_back: str
    reason: str
    chain: dict[str, str]
    retained: tuple[str, ...]
    lineage: tuple[Standing, ...]
    transcripts: tuple[str, ...]


def apply(round: int, candidate: str) -> Key[Applied]:
    """Return the step that puts a candidate in."""
    return Key(f"{round}/apply/{candidate}", "patch.apply", Applied)


def rollback(round: int, trial: int) -> Key[RolledBack]:
    """Return a rollback of a round's watch."""
    return Key(f"{round}/rollback/{trial}", "patch.rollback", RolledBack)


def manual_rollback(count: int) -> Key[RolledBack]:
    """Return a rollback by hand; `count` rollbacks came before it."""
    return Key(f"manual/{count}/rollback", "patch.rollback", RolledBack)


def applied(ledger: Ledger, round: int) -> list[Applied]:
    """Return what a round put in, in that order."""
    return [found for _, found in every(ledger, apply(round, ""), f"{round}/apply/*")]


def rollbacks(ledger: Ledger) -> list[RolledBack]:
    """Return all rollbacks of a run, in their order."""
    return [found for _, found in every(ledger, rollback(0, 0))]


def changes(ledger: Ledger) -> Iterator[tuple[str, Begun | Applied | RolledBack]]:
    """Yield the steps that set the incumbent, oldest first: keys and results."""
    kinds: tuple[Key[Begun] | Key[Applied] | Key[RolledBack], ...] = (INCUMBENT, apply(0, ""), rollback(0, 0))
    by_method = {key.method: key for key in kinds}
    for step in ledger.steps(methods=tuple(by_method)):
        yield step.key, by_method[step.method].decoded(step.result)
