"""How long parts of a run took. These are events, not steps, because no two runs take equally long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import Field, ValidationError

from ouroloop.ledger.faults import damaged
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key
from ouroloop.protocols.jsonrpc import one_line

Seconds: TypeAlias = Annotated[float, Field(ge=0, le=1e9)]


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """How long a role took to answer the question of a step's key."""

    key: str
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """How long a phase of a round took, or the part of it after a resumption."""

    round: int
    phase: str
    seconds: Seconds


ANSWERED: Final = Key("role.answered", "run.event", AnswerTime)
ENDED: Final = Key("phase.ended", "run.event", PhaseTime)
T = TypeVar("T", AnswerTime, PhaseTime)


def note(ledger: Ledger, key: Key[T], time: T) -> None:
    """Keep a time."""
    ledger.event(key.text, asdict(time))


def times(ledger: Ledger, key: Key[T]) -> Iterator[T]:
    """Yield all times of a kind, in order. Raises LedgerError for one that no run wrote."""
    for body in ledger.events(key.text):
        try:
            yield key.decoded(body)
        except ValidationError as error:
            raise damaged(ledger.path, f"event {key.text}: {one_line(error)}") from error
