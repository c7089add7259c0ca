"""The games and tokens that steps used, for every kind of step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import chat, payer

PLAYING = ("policy.evaluate", "gate.attribute")
"""Methods whose results give the number of games in `played`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The games or tokens that one step used; `payer` is who used the tokens, in which `round`, as the key says it."""

    games: int = 0
    tokens: int = 0
    payer: str = ""
    round: str = ""


def usage(ledger: Ledger) -> Iterator[Usage]:
    """Yield the usage of each step of a run that used games or tokens."""
    asked = chat("", 0)
    for step in ledger.steps(methods=(asked.method, *PLAYING)):
        if step.method in PLAYING:
            yield Usage(games=int(step.result["played"]))
        elif step.error is None:
            said = asked.decoded(step.result)
            yield Usage(tokens=said.tokens_in + said.tokens_out, payer=payer(step.key), round=step.key.split("/")[0])
