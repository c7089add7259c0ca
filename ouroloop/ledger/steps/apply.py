"""The steps that set the incumbent: the start, applying an accepted candidate, and rolling one back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key, every
from ouroloop.ledger.steps.start import INCUMBENT, Begun, Scored
from ouroloop.protocols.records import Build


@dataclass(frozen=True, slots=True)
class Standing:
    """An accepted state that still stands: the candidate that made it (None for the start), and the build that plays."""

    candidate: str | None
    incumbent: Build


@dataclass(frozen=True, slots=True)
class Applied:
    """An accepted candidate that was applied: the incumbent after and before it, and the commit."""

    incumbent: Build
    before: Build
    commit: str
    candidate: str
    round: int


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An accepted candidate that was rolled back.

    Args:
        incumbent: the build that plays from then on.
        commit: the commit of the rollback.
        rolled_back: the candidate.
        reason: why it was rolled back, one line.
        chain: later candidates that were rolled back with it, each with the reason.
        retained: later candidates that stay.
        lineage: the states that stand now, oldest first.
        transcripts: games that show its harm.
    """

    incumbent: Build
    commit: str
    rolled_back: str
    reason: str
    chain: dict[str, str]
    retained: tuple[str, ...]
    lineage: tuple[Standing, ...]
    transcripts: tuple[str, ...]


Change: TypeAlias = Begun | Applied | RolledBack
"""What sets the incumbent."""


def apply(round: int, candidate: str) -> Key[Applied]:
    """Return the step that applies a candidate."""
    return Key(f"{round}/apply/{candidate}", "patch.apply", Applied)


def rollback(round: int, trial: int) -> Key[RolledBack]:
    """Return the step of a rollback by a round's watch."""
    return Key(f"{round}/rollback/{trial}", "patch.rollback", RolledBack)


def manual_rollback(count: int) -> Key[RolledBack]:
    """Return the step of a rollback by hand; `count` is the number of rollbacks before it."""
    return Key(f"manual/{count}/rollback", "patch.rollback", RolledBack)


def manual_score(count: int) -> Key[Scored]:
    """Return the step that scores the build that a rollback by hand brought back; `count` is that of the rollback."""
    return Key(f"manual/{count}/score", "policy.evaluate", Scored)


def applied(ledger: Ledger, round: int) -> list[Applied]:
    """Return the candidates that a round applied, in order."""
    return [found for _, found in every(ledger, apply(round, ""), f"{round}/apply/*")]


def rollbacks(ledger: Ledger) -> list[RolledBack]:
    """Return all rollbacks of a run, in order."""
    return [found for _, found in every(ledger, rollback(0, 0))]


def changes(ledger: Ledger) -> Iterator[tuple[str, Change]]:
    """Yield the keys and results of the steps that set the incumbent, oldest first."""
    for step in ledger.steps(methods=tuple(CHANGES)):
        yield step.key, CHANGES[step.method].of(ledger, step)


def standing_after(change: Change, before: Sequence[Standing]) -> list[Standing]:
    """Return the states that stand after a change, oldest first."""
    if isinstance(change, RolledBack):
        return list(change.lineage)
    return [*before, Standing(change.candidate if isinstance(change, Applied) else None, change.incumbent)]


_KINDS: Final[tuple[Key[Begun] | Key[Applied] | Key[RolledBack], ...]] = (INCUMBENT, apply(0, ""), rollback(0, 0))
CHANGES: Final = {key.method: key for key in _KINDS}
"""The steps that set the incumbent, by method."""
