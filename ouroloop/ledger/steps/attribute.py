"""Attribution: the shares of weights and code in a gain."""

from __future__ import annotations

from dataclasses import dataclass

from ouroloop.ledger.steps.key import Key


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a gain in utility, with its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Where a gain comes from; see `gate.factorial.Attribution`. `reward` is the share of the weights that it trained."""

    reward: Share
    code: Share
    interaction: Share
    total: Share
    games: int
    owner: str


@dataclass(frozen=True, slots=True)
class Attributed:
    """The shares in a round's gain and in the run's gain, and the number of games played to measure them."""

    round: Shares
    total: Shares
    played: int


def attribute(round: int) -> Key[Attributed]:
    """Return the step that attributes a round's gain."""
    return Key(f"{round}/attribute", "gate.attribute", Attributed)
