"""Players: a policy, a controller in its sandbox and the eyes between board and both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from ouroboros.protocols.errors import CandidateFault
from ouroboros.protocols.records import Incumbent, Observations, Outcomes
from ouroboros.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.ports import Policy, Sandbox, Session, Task
    from ouroboros.runs.store import Store

log = logging.getLogger(__name__)
Perceive = Callable[[Observations], Observations]
KEPT = 8
"""Policies that stay loaded: those of a race."""
MOST_LOST = 4
"""Games of one block that a controller may lose by failing before it is sent away."""


@dataclass(slots=True)
class Player:
    """One that plays: its parts, open."""

    policy: Policy
    session: Session
    perceive: Perceive | None
    reopen: Callable[[], Session]

    def play(self, task: Task, seeds: list[int], batch: int) -> Outcomes:
        """Play one game per seed.

        A fault of the worker (not of what it answered) gets a second trial in a fresh worker, so that a hiccup of the
        machine decides nothing.

        Raises:
            CandidateFault: the controller failed, if by the worker's fault then twice.
        """
        from ouroboros.policy.play import play

        numbers = np.array(seeds, dtype=np.uint64)
        try:
            return play(task, self.policy, numbers, session=self.session, batch=batch, perceive=self.perceive)
        except CandidateFault as fault:
            self.session.close()
            self.session = self.reopen()
            if fault.layer != "sandbox" or fault.row is not None:
                raise
        return play(task, self.policy, numbers, session=self.session, batch=batch, perceive=self.perceive)

    def moves(self, observations: Observations) -> NDArray[np.int8]:
        """Return the moves on a batch of positions: (B,) int8; raises CandidateFault where the controller fails."""
        seen = self.perceive(observations) if self.perceive else observations
        return self.session.act(seen, self.policy.logits(seen))


@dataclass(slots=True)
class Players:
    """Opens players by content hash; policies stay loaded, sessions belong to whoever asked. For one thread at a time."""

    task: Task
    store: Store
    sandbox: Sandbox
    seed: int
    size: int
    perceive: Perceive | None = None
    _policies: dict[str, Policy] = field(default_factory=dict)

    def open(self, incumbent: Incumbent) -> Player:
        """Return a player with a fresh controller session; close it after use.

        Raises:
            CandidateFault: the controller could not be loaded.
        """
        source = self.store.text(incumbent.controller)
        return Player(
            self.policy(incumbent.policy), self.sandbox.open(source), self.perceive, lambda: self.sandbox.open(source)
        )

    def open_or_none(self, incumbent: Incumbent) -> Player | None:
        """Return a player, or None where its controller cannot be loaded: such a one loses every game."""
        try:
            return self.open(incumbent)
        except CandidateFault as fault:
            log.warning("the incumbent cannot play: %s", fault)
            return None

    def policy(self, digest: str) -> Policy:
        """Return a loaded policy; the `KEPT` used last are kept."""
        from ouroboros.policy.local import LocalPolicy

        policy = self._policies.pop(digest, None)
        if policy is None:
            policy = LocalPolicy(self.store.directory(digest), task=self.task.name, size=self.size)
            while len(self._policies) >= KEPT:
                self._policies.pop(next(iter(self._policies)))
        self._policies[digest] = policy
        return policy

    def seeds(self, stream: str, start: int, count: int) -> list[int]:
        """Return game seeds of one of the run's streams."""
        return game_seeds(self.seed, stream, start, count)


def close(player: Player | None) -> None:
    """End a player's worker."""
    if player is not None:
        player.session.close()


def outcomes(player: Player, task: Task, seeds: list[int], batch: int) -> Outcomes:
    """Return how the games ended; one in which the controller raises or gives no action is lost with nothing.

    Raises:
        CandidateFault: that happened in more than `MOST_LOST` of the games, or the worker itself failed twice.
    """
    left = list(range(len(seeds)))
    for _ in range(MOST_LOST + 1):
        try:
            return _with_lost(player.play(task, [seeds[i] for i in left], batch), left, len(seeds))
        except CandidateFault as fault:
            if fault.row is None:
                raise
            lost = left.pop(fault.row)
            log.warning("the game of seed %d is lost by %s", seeds[lost], fault)
            last = fault
    raise CandidateFault(last.layer, f"{last.reason}; so ended more than {MOST_LOST} of {len(seeds)} games")


def _with_lost(played: Outcomes, rows: list[int], games: int) -> Outcomes:
    """Return the outcomes of `games` games, of which those not in `rows` were lost at once."""
    if len(rows) == games:
        return played
    columns = {}
    for column in fields(Outcomes):
        values = getattr(played, column.name)
        columns[column.name] = np.full(games, -1 if column.name == "cause" else 0, values.dtype)
        columns[column.name][rows] = values
    return Outcomes(**columns)


def outcomes_or_none(player: Player | None, task: Task, seeds: list[int], batch: int) -> Outcomes | None:
    """Return how the games of an accepted player ended; None where it cannot play them."""
    if player is None:
        return None
    try:
        return outcomes(player, task, seeds, batch)
    except CandidateFault as fault:
        log.warning("the incumbent failed in %d games: %s", len(seeds), fault)
        return None


def utilities_or_loss(player: Player | None, task: Task, seeds: list[int], batch: int) -> NDArray[np.float64]:
    """Return utilities (games,) of an accepted player; where it cannot play them at all, they are lost with nothing."""
    found = outcomes_or_none(player, task, seeds, batch)
    return np.zeros(len(seeds)) if found is None else found.utility
