"""Attribution: the shares of weights and code in a gain."""

from __future__ import annotations

from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key, every


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a gain in utility, with its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Where a gain comes from; see `gate.factorial.Attribution`. `reward` is the share of the weights that it trained.

    `level` is the level at which `owner` names parts, corrected over the rounds of the run.
    """

    reward: Share
    code: Share
    interaction: Share
    total: Share
    games: int
    owner: str
    level: float = 0.05


@dataclass(frozen=True, slots=True)
class Attributed:
    """The shares in a round's gain and in the run's gain, and the number of games played to measure them."""

    round: Shares
    total: Shares
    played: int


def attributions(ledger: Ledger) -> list[Attributed]:
    """Return all attributions of a run, in order."""
    return [found for _, found in every(ledger, attribute(0))]


def attribute(round: int) -> Key[Attributed]:
    """Return the step that attributes a round's gain."""
    return Key(f"{round}/attribute", "gate.attribute", Attributed)
