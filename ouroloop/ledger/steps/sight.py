"""How many boards were read from pictures. These are events, not steps: a resumed run does not play recorded games again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Final, TypeAlias

from pydantic import Field, ValidationError

from ouroloop.ledger.faults import damaged
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key
from ouroloop.protocols.jsonrpc import one_line

Count: TypeAlias = Annotated[int, Field(ge=0, le=1 << 60)]


@dataclass(frozen=True, slots=True)
class SeenBoards:
    """Boards that players read in a part of a run.

    Args:
        boards: read in all.
        exact: of which everything visible was read correctly.
        repaired: whose first reading contradicted itself.
    """

    boards: Count
    exact: Count
    repaired: Count


SEEN: Final = Key("boards.seen", "run.event", SeenBoards)


def note_seen(ledger: Ledger, seen: SeenBoards) -> None:
    """Keep a count."""
    ledger.event(SEEN.text, asdict(seen))


def seen_boards(ledger: Ledger) -> SeenBoards:
    """Return the sum of all counts of a run. Raises LedgerError for one that no run wrote."""
    found = list(_counts(ledger))
    return SeenBoards(*(sum(getattr(one, name) for one in found) for name in ("boards", "exact", "repaired")))


def _counts(ledger: Ledger) -> Iterator[SeenBoards]:
    for body in ledger.events(SEEN.text):
        try:
            yield SEEN.decoded(body)
        except ValidationError as error:
            raise damaged(ledger.path, f"event {SEEN.text}: {one_line(error)}") from error
