"""Gate: the A* screen's ranking, the races with their blocks of games, the user's approval, and the verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key, every, number, part
from ouroloop.protocols.records import Build, Kind, SeedRange, Verdict


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a candidate could not be judged: the layer, and a reason of one line."""

    layer: str
    reason: str


@dataclass(frozen=True, slots=True)
class BankProfile:
    """How a build's moves on the bank score; see `gate.screen.Profile`."""

    regret: float
    dies: float
    trapped: float
    detour: float
    optimal: float
    stalled: float
    merit: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate on the A* screen.

    Args:
        candidate: its id.
        kind: its kind.
        profile: its scores; None if it failed.
        incumbent: the incumbent's scores; None if the incumbent failed.
        objection: why it is hopeless, or None.
        fault: how it failed, or None.
        changed: share of positions and pursuits in which the two differ.
        positions: size of the bank.
    """

    candidate: str
    kind: Kind
    profile: BankProfile | None = None
    incumbent: BankProfile | None = None
    objection: str | None = None
    fault: Fault | None = None
    changed: float = 0.0
    positions: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """The candidates of a round, most promising first."""

    entries: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True)
class Stake:
    """The terms of a race, set before its first game: the candidates, the incumbent, the level and the seeds."""

    candidates: tuple[str, ...]
    incumbent: Build
    level: float
    seeds: SeedRange


@dataclass(frozen=True, slots=True)
class Turn:
    """A candidate's block of games: utilities, games lost by its failures and why, or the fault that ends its race."""

    utility: tuple[float, ...] = ()
    lost: int = 0
    reason: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block of games: the incumbent's utilities, each candidate's turn, and the number of games of all together."""

    incumbent: tuple[float, ...]
    candidates: dict[str, Turn]
    played: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of a race, by candidate."""

    verdicts: dict[str, Verdict]


@dataclass(frozen=True, slots=True)
class Approval:
    """What the user answered about an accepted candidate: whether it may play, and why, one line."""

    approved: bool
    reason: str = ""


def order(round: int) -> Key[Ranking]:
    """Return the step of the A* screen."""
    return Key(f"{round}/gate/order", "gate.screen", Ranking)


def spend(round: int, kind: Kind) -> Key[Stake]:
    """Return the step that spends a level on a race."""
    return Key(f"{round}/gate/{kind}/spend", "gate.spend", Stake)


def block(round: int, kind: Kind, start: int) -> Key[Block]:
    """Return the step that plays a race's games from pair `start` on."""
    return Key(f"{round}/gate/{kind}/games/{start:07}", "policy.evaluate", Block)


def judge(round: int, kind: Kind) -> Key[Judged]:
    """Return the step that ends a race."""
    return Key(f"{round}/gate/{kind}/judge", "gate.judge", Judged)


def question(round: int, candidate: str) -> Key[Verdict]:
    """Return the step that asks the user about a candidate: the gate's verdict, as it is before the answer."""
    return Key(f"{round}/approval/{candidate}/asked", "run.ask", Verdict)


def approval(round: int, candidate: str) -> Key[Approval]:
    """Return the step that records what the user answered about a candidate."""
    return Key(f"{round}/approval/{candidate}", "run.approve", Approval)


def unanswered(ledger: Ledger) -> dict[str, tuple[int, Verdict]]:
    """Return the candidates that wait for the user's answer, by id: the round of each, and the gate's verdict."""
    asked = {part(key, 2): (number(key, 0), found) for key, found in every(ledger, question(0, ""))}
    return {id: found for id, found in asked.items() if approval(found[0], id).find(ledger) is None}


def verdict(round: int, candidate: str) -> Key[Verdict]:
    """Return the step that records a candidate's verdict."""
    return Key(f"{round}/verdict/{candidate}", "run.verdict", Verdict)


def verdicts(ledger: Ledger) -> Iterator[tuple[str, Verdict]]:
    """Yield all decided candidates with their verdicts."""
    return ((part(key, 2), found) for key, found in every(ledger, verdict(0, "")))


def stakes(ledger: Ledger) -> list[Stake]:
    """Return the stakes of all races of a run, in order."""
    return [found for _, found in every(ledger, spend(0, "patch"))]
