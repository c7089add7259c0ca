"""Players: a policy, a controller in its sandbox, and optionally a board reader between them and the board."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Build, Observations, Outcomes
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.ledger.store import Store
    from ouroloop.protocols.ports import Policy, Sandbox, Session, Task
    from ouroloop.protocols.records import SeedRange

log = logging.getLogger(__name__)
Perceive = Callable[[Observations], Observations]
KEPT, KEPT_BASES = 8, 2
"""The number of policies that stay loaded, and the number if they are large: an incumbent and a candidate."""


@dataclass(slots=True)
class Player:
    """A player with its parts open. `fault` is the last fault by which its controller lost a game."""

    policy: Policy
    session: Session
    perceive: Perceive | None
    reopen: Callable[[], Session]
    fault: CandidateFault | None = None

    def play(self, task: Task, seeds: list[int]) -> Outcomes:
        """Play one game per seed. The player loses a game in which its controller raises or answers no action (`lost`).

        If the worker itself fails, and not its answer, the games are tried again in a fresh worker, so that a hiccup of
        the machine decides nothing.

        Raises:
            CandidateFault: the worker failed twice.
        """
        try:
            return self._batch(task, seeds)
        except CandidateFault:
            self.renew()
        return self._batch(task, seeds)

    def _batch(self, task: Task, seeds: list[int]) -> Outcomes:
        """Play games that advance together. A lost game continues with arbitrary moves, without asking the controller."""
        from ouroloop.envs.loop import play_out

        engine, gone = task.engine(np.array(seeds, dtype=np.uint64)), np.zeros(len(seeds), np.bool_)

        def decide(observations: Observations) -> NDArray[np.int8]:
            rows = np.flatnonzero(~engine.done)
            seen = self.perceive(observations) if self.perceive else observations
            actions, failed = self.answers(seen, self.policy.logits(seen), ~gone[rows])
            gone[rows[failed]] = True
            return actions

        play_out(engine, decide)
        return with_lost(engine.outcomes(), gone)

    def answers(
        self, seen: Observations, logits: NDArray[np.float32], wanted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int8], list[int]]:
        """Return the controller's actions, (B,) int8, and the rows at which it failed; 0 for failed and unwanted rows.

        Raises:
            CandidateFault: the worker itself failed.
        """
        actions, asked, failed = np.zeros(len(seen), np.int8), np.flatnonzero(wanted), list[int]()
        while len(asked):
            try:
                actions[asked] = self.session.act(seen.take(asked) if len(asked) < len(seen) else seen, logits[asked])
                break
            except CandidateFault as fault:
                if fault.row is None:
                    raise
                failed.append(int(asked[fault.row]))
                asked = np.delete(asked, fault.row)
                self.fault = fault
                self.renew()
        return actions, failed

    def renew(self) -> None:
        """Start a fresh worker."""
        self.session.close()
        self.session = self.reopen()


@dataclass(frozen=True, slots=True)
class InTurn:
    """A policy that answers one thread at a time, because a base model changes its output layer while it answers."""

    policy: Policy
    lock: Lock = field(default_factory=Lock)

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, A) float32."""
        with self.lock:
            return self.policy.logits(observations)


@dataclass(slots=True)
class Lenient:
    """A player's session that answers action 0 whenever the controller fails, and counts the failures."""

    player: Player
    failures: int = 0

    def act(self, observations: Observations, logits: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return actions, (B,) int8. Raises CandidateFault if the worker itself failed."""
        actions, failed = self.player.answers(observations, logits, np.ones(len(observations), np.bool_))
        self.failures += len(failed)
        return actions

    def close(self) -> None:
        """End the player's worker."""
        close(self.player)


@dataclass(slots=True)
class Players:
    """Opens players by content hash, for one thread at a time. Policies stay loaded; a session belongs to its caller.

    `stream_seed` gives the seed of the run's games, which is known once the start is on record. Whoever plays in a thread
    beside others holds `lock`.
    """

    task: Task
    store: Store
    sandbox: Sandbox
    stream_seed: Callable[[], int]
    perceive: Perceive | None = None
    lock: Lock = field(default_factory=Lock)
    _policies: dict[str, Policy] = field(default_factory=dict)

    def open(self, build: Build) -> Player:
        """Return a player with a fresh controller session, which the caller closes.

        Raises:
            CandidateFault: the controller could not be loaded, twice.
        """
        source = self.store.text(build.controller)
        return Player(self.policy(build.policy), self._session(source), self.perceive, lambda: self._session(source))

    def _session(self, source: str) -> Session:
        """Load a controller that has been screened; a second worker is tried, since a hiccup of the machine decides nothing."""
        try:
            return self.sandbox.open(source)
        except CandidateFault as fault:
            log.warning("a controller is loaded once more: %s", fault)
        return self.sandbox.open(source)

    def open_or_none(self, build: Build) -> Player | None:
        """Return a player, or None if its controller cannot be loaded, in which case it loses every game."""
        try:
            return self.open(build)
        except CandidateFault as fault:
            log.warning("an accepted build cannot play: %s", fault)
            return None

    def policy(self, digest: str) -> Policy:
        """Return a loaded policy, a Snake-GPT or a base model; the most recently used ones stay loaded."""
        policy = self._policies.pop(digest, None)
        if policy is None:
            large = any(isinstance(other, InTurn) for other in self._policies.values())
            while len(self._policies) >= (KEPT_BASES if large else KEPT):
                self._policies.pop(next(iter(self._policies)))
            policy = self._load(digest)
        self._policies[digest] = policy
        return policy

    def _load(self, digest: str) -> Policy:
        from ouroloop.policy.bases import open_policy, player_of
        from ouroloop.policy.snake_gpt import SnakeGPT

        opened = open_policy(self.store.directory(digest), task=self.task)
        player: Policy = player_of(opened)
        return player if isinstance(opened, SnakeGPT) else InTurn(player)

    def seeds(self, games: SeedRange) -> list[int]:
        """Return the seeds of the given games of the run."""
        return game_seeds(self.stream_seed(), games.stream, games.first, games.count)


def close(player: Player | None) -> None:
    """End a player's worker."""
    if player is not None:
        player.session.close()


def with_lost(played: Outcomes, gone: NDArray[np.bool_]) -> Outcomes:
    """Return the outcomes with some games, `gone` (B,) bool, turned into losses with all figures 0 and no cause (-1)."""
    if not gone.any():
        return played
    columns = {column.name: getattr(played, column.name).copy() for column in fields(Outcomes)}
    for name, values in columns.items():
        values[gone] = -1 if name == "cause" else 0
    return Outcomes(**columns)


def lost(outcomes: Outcomes) -> int:
    """Return how many games a controller lost because it failed."""
    return int((outcomes.cause < 0).sum())


def outcomes_of_accepted(player: Player | None, task: Task, seeds: list[int]) -> Outcomes:
    """Return how the games of an accepted player ended.

    The player loses exactly the games in which it fails, with all figures 0. If its worker fails, halving the batch finds
    the games that caused it. A player that could not be opened (None) loses all games.
    """
    if player is None or not seeds:
        nothing = task.engine(np.array(seeds, dtype=np.uint64)).outcomes()
        return with_lost(nothing, np.ones(len(seeds), np.bool_))
    try:
        return player.play(task, seeds)
    except CandidateFault as fault:
        player.renew()
        if len(seeds) == 1:
            log.warning("the game of seed %d is lost by %s", seeds[0], fault)
            return outcomes_of_accepted(None, task, seeds)
    from ouroloop.envs.loop import join_outcomes

    half = len(seeds) // 2
    return join_outcomes([outcomes_of_accepted(player, task, part) for part in (seeds[:half], seeds[half:])])
