"""What steps used: games and tokens, whatever kind of step they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import chat, payer

PLAYING = ("policy.evaluate", "gate.attribute")
"""Methods whose results say how many games were `played`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one step used; `payer` is whose tokens they are."""

    games: int = 0
    tokens: int = 0
    payer: str = ""


def usage(ledger: Ledger) -> Iterator[Usage]:
    """Yield what the steps of a run used, where they used anything."""
    asked = chat("", 0)
    for step in ledger.steps(methods=(asked.method, *PLAYING)):
        if step.method in PLAYING:
            yield Usage(games=int(step.result["played"]))
        elif step.error is None:
            said = asked.decoded(step.result)
            yield Usage(tokens=said.tokens_in + said.tokens_out, payer=payer(step.key))
