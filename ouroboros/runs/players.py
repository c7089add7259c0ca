"""Players: a policy, a controller in its sandbox and the eyes between board and both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Player:
    """One that plays: its parts, open. `session` None means the plain argmax on the host."""

    policy: Policy
    session: Session | None
    perceive: Perceive | None

    def play(self, task: Task, seeds: list[int], batch: int) -> Outcomes:
        """Play one game per seed; raises CandidateFault where the controller fails."""
        from ouroboros.policy.play import play

        numbers = np.array(seeds, dtype=np.uint64)
        return play(task, self.policy, numbers, session=self.session, batch=batch, perceive=self.perceive)

    def moves(self, observations: Observations) -> NDArray[np.int8]:
        """Return the moves on a batch of positions: (B,) int8."""
        seen = self.perceive(observations) if self.perceive else observations
        logits = self.policy.logits(seen)
        if self.session is None:
            best: NDArray[np.int8] = logits.argmax(axis=1).astype(np.int8)
            return best
        return self.session.act(seen, logits)

    def close(self) -> None:
        """End the controller's worker."""
        if self.session is not None:
            self.session.close()


@dataclass(slots=True)
class Players:
    """Opens players by content hash; policies stay loaded, sessions belong to whoever asked."""

    task: Task
    store: Store
    sandbox: Sandbox
    seed: int
    size: int
    perceive: Perceive | None = None
    _policies: dict[str, Policy] = field(default_factory=dict)

    def open(self, incumbent: Incumbent) -> Player:
        """Return a player with a fresh controller session; close it after use."""
        return Player(self.policy(incumbent.policy), self.sandbox.open(self.store.text(incumbent.controller)), self.perceive)

    def policy(self, digest: str) -> Policy:
        """Return a loaded policy; the two used last are kept."""
        from ouroboros.policy.local import LocalPolicy

        if digest not in self._policies:
            while len(self._policies) >= 4:
                self._policies.pop(next(iter(self._policies)))
            self._policies[digest] = LocalPolicy(self.store.path(digest), task=self.task.name, size=self.size)
        return self._policies[digest]

    def seeds(self, stream: str, start: int, count: int) -> list[int]:
        """Return game seeds of one of the run's streams."""
        return game_seeds(self.seed, stream, start, count)


def utilities_or_loss(player: Player, task: Task, seeds: list[int], batch: int) -> NDArray[np.float64]:
    """Return utilities (games,); games in which an accepted controller fails count as lost with nothing."""
    try:
        return player.play(task, seeds, batch).utility
    except CandidateFault as fault:
        log.warning("the incumbent failed in %d games: %s", len(seeds), fault)
        return np.zeros(len(seeds))
