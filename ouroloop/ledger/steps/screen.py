"""Screen: the result of the layers before the gate, for one candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from ouroloop.ledger.steps.key import Key
from ouroloop.protocols.records import Candidate, Kind


@dataclass(frozen=True, slots=True)
class Screening:
    """The result of the screen.

    Args:
        outcome: passed or rejected.
        layer: the layer that rejected it.
        reason: why it was rejected, one line.
        controller: hash of the source that a patch makes.
        diff: hash of that patch as a unified diff.
        reward: hash of the reward spec.
    """

    outcome: Literal["passed", "rejected"]
    layer: str = ""
    reason: str = ""
    controller: str | None = None
    diff: str | None = None
    reward: str | None = None


def screen(round: int, candidate: Candidate) -> Key[Screening]:
    """Return the step in which a candidate is screened."""
    return Key(f"{round}/screen/{candidate.id}", f"{candidate.kind}.screen", Screening)


SCREENED: Final = Key("", "", Screening)
"""Reads the result of any of these steps."""
METHODS: Final = tuple(f"{kind}.screen" for kind in get_args(Kind))
"""Their methods."""
