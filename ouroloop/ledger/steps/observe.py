"""Observe and decide: the incumbent's search games, the critic's findings, the round's mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key, every, round_of
from ouroloop.protocols.messages import DiagnoseReply, Diagnosis
from ouroloop.protocols.records import Mode


@dataclass(frozen=True, slots=True)
class Observed:
    """Search games of the incumbent.

    Args:
        facts: the measured facts, without findings.
        failures: hash of the text of the positions in which it lost; None if there are none.
        played: number of games.
    """

    facts: Diagnosis
    failures: str | None
    played: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The round's mode, and why it was chosen."""

    mode: Mode
    why: str


def play(round: int) -> Key[Observed]:
    """Return the step in which the incumbent plays on search seeds."""
    return Key(f"{round}/observe/play", "policy.evaluate", Observed)


def diagnose(round: int) -> Key[DiagnoseReply]:
    """Return the step in which the critic answers."""
    return Key(f"{round}/observe/diagnose", "critic.diagnose", DiagnoseReply)


def decide(round: int) -> Key[Decision]:
    """Return the step that chooses the mode."""
    return Key(f"{round}/decide", "run.decide", Decision)


def rounds_begun(ledger: Ledger) -> Iterator[int]:
    """Yield the rounds whose first step is recorded."""
    return (round_of(key) for key, _ in every(ledger, play(0), "*/observe/play"))
