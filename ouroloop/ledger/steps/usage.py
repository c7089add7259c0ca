"""The games and tokens that steps used, for every kind of step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key
from ouroloop.ledger.steps.propose import chat, exchanged, payer
from ouroloop.protocols.prices import Tokens


@dataclass(frozen=True, slots=True)
class Played:
    """The number of games that any playing step gives beside its own result."""

    played: Annotated[int, Field(ge=0, lt=1 << 62)]


NONE: Final = Tokens()
_PLAYED: Final = Key("", "", Played)
PLAYING = ("policy.evaluate", "gate.attribute", "patch.try")
"""Methods whose results give the number of games in `played`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The games or tokens that one step used; `payer` is who used the tokens, in which `round`, as the key says it."""

    games: int = 0
    tokens: Tokens = NONE
    payer: str = ""
    round: str = ""


def usage(ledger: Ledger) -> Iterator[Usage]:
    """Yield the usage of each step of a run that used games or tokens."""
    for step in ledger.steps(methods=(chat("", 0, 0).method, *PLAYING)):
        if step.method in PLAYING:
            yield Usage(games=_PLAYED.of(ledger, step).played)
        else:
            yield Usage(tokens=exchanged(ledger, step).tokens, payer=payer(step.key), round=step.key.split("/")[0])
