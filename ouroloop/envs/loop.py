"""The play loop that all games share: who decides, how a batch is played to its end, and how several batches act as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ouroloop.protocols.records import Observations, Outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Policy, Session


Decide: TypeAlias = "Callable[[Observations], NDArray[np.integer]]"
"""Maps the observations of R unfinished games to their actions (R,)."""
Watch: TypeAlias = "Callable[[Engine, NDArray[np.int64], NDArray[np.integer]], None]"
"""Called before each step with the engine, the unfinished rows (R,) and their actions (R,)."""
Perceive: TypeAlias = Callable[[Observations], Observations]
"""Stands between the game and the player: turns true observations into perceived ones."""


def play_out(engine: Engine, decide: Decide, watch: Watch | None = None) -> None:
    """Play every game of a batch, of any game, to its end.

    Args:
        engine: the games; afterwards its `outcomes` say how they ended.
        decide: chooses the actions of the games that still run.
        watch: sees the actions before they are played.
    """
    actions = np.zeros(engine.games, dtype=np.int8)
    while len(rows := np.flatnonzero(~engine.done)):
        chosen = decide(engine.observations(rows))
        if watch is not None:
            watch(engine, rows, chosen)
        actions[rows] = chosen
        engine.step(actions)


def decider(policy: Policy, session: Session | None, perceive: Perceive | None, *, negated: bool = False) -> Decide:
    """Return the function that chooses the actions: perception, then policy, then controller.

    Args:
        policy: rates the actions.
        session: a controller; without one, the highest logit is played.
        perceive: as for `play`.
        negated: negate the logits, to see whether they matter.
    """

    def decide(observations: Observations) -> NDArray[np.integer]:
        seen = perceive(observations) if perceive is not None else observations
        logits = -policy.logits(seen) if negated else policy.logits(seen)
        return session.act(seen, logits) if session is not None else logits.argmax(axis=1)

    return decide


@dataclass(slots=True)
class Fleet:
    """Engines of the same task in a fixed order; rows are numbered through all of them."""

    engines: list[Engine]

    @property
    def games(self) -> int:
        """Games in all engines."""
        return sum(engine.games for engine in self.engines)

    @property
    def done(self) -> NDArray[np.bool_]:
        """(B,) bool: finished games."""
        return np.concatenate([engine.done for engine in self.engines])

    def observations(self, rows: NDArray[np.int64]) -> Observations:
        """Return the observations of ascending rows."""
        parts = [engine.observations(own) for engine, own in self.split(rows) if len(own)]
        return join_observations(parts)

    def step(self, actions: NDArray[np.integer]) -> None:
        """Advance every unfinished game by actions: (B,)."""
        for engine, own in zip(self.engines, self._cut(actions), strict=True):
            engine.step(own)

    def step_features(self, actions: NDArray[np.integer]) -> NDArray[np.float32]:
        """Advance like `step`; return (B, F) float32."""
        cut = self._cut(actions)
        return np.concatenate([engine.step_features(own) for engine, own in zip(self.engines, cut, strict=True)])

    def clone(self, rows: NDArray[np.int64]) -> Fleet:
        """Return copies of ascending rows, with repetition, in that order."""
        return Fleet([engine.clone(own) for engine, own in self.split(rows) if len(own)])

    def split(self, rows: NDArray[np.int64]) -> list[tuple[Engine, NDArray[np.int64]]]:
        """Return each engine with its own share of the ascending rows, numbered within that engine."""
        edges = np.cumsum([0, *(engine.games for engine in self.engines)])
        cuts = np.searchsorted(rows, edges)
        return [
            (engine, rows[low:high] - first)
            for engine, first, low, high in zip(self.engines, edges[:-1], cuts[:-1], cuts[1:], strict=True)
        ]

    def _cut(self, values: NDArray[np.integer]) -> list[NDArray[np.integer]]:
        return np.split(values, np.cumsum([engine.games for engine in self.engines])[:-1])


def join_observations(parts: Sequence[Observations]) -> Observations:
    """Return several batches of observations of one task as one, in order; at least one batch."""
    first = parts[0]
    columns = {key: np.concatenate([part.columns[key] for part in parts]) for key in first.columns}
    lengths = {key: np.concatenate([part.lengths[key] for part in parts]) for key in first.lengths}
    scenes = [part.scene for part in parts if part.scene is not None]
    scene = join_observations(scenes) if len(scenes) == len(parts) else None
    return Observations(first.constants, columns, lengths, scene)


def join_outcomes(parts: Sequence[Outcomes]) -> Outcomes:
    """Return the outcomes of several batches as one, in order."""
    return Outcomes(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Outcomes)})
