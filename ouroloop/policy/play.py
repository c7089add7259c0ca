"""Games from start to end: scores for the gate, and traces for the diagnosis.

Games advance together in fixed batches, in the order of their seeds. The result depends only on the seeds, the policy, the
controller and the batch size (which decides the shapes in which a model computes). No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.capabilities import PHASES, phases_of
from ouroloop.envs.loop import Decide, Perceive, decider, join_observations, join_outcomes, play_out
from ouroloop.protocols.records import Observations, Outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Policy, Session, Task

ASKED_EVERY = 8


@dataclass(frozen=True, slots=True)
class Trace:
    """The material of a diagnosis.

    Args:
        outcomes: how the games ended.
        regret: phase of the game -> mean oracle regret per decision; phases that no game reached are absent, as are all if
            there is no oracle.
        avoidable: share of lost games whose last move the oracle would not have made; 0 if none was lost, or without an
            oracle.
        policy_influence: share of decisions (one step in `ASKED_EVERY` is sampled) that would change if the logits were
            negated; near 0, the controller decides by itself.
        transcripts: the last moves of some lost games, as text.
        decisions: moves made in all games.
        shown: of each transcript the positions in it, in order.
        shown_regret: of each transcript (P, A) float32, the oracle's regret of each move in its positions; empty without an
            oracle.
        failures: F positions of the last moves of lost games, those in which a move mattered; None if there are none.
        failure_regret: (F, A) float32, the oracle's regret of each move in them.
    """

    outcomes: Outcomes
    regret: dict[str, float]
    avoidable: float
    policy_influence: float
    transcripts: tuple[str, ...]
    decisions: int
    shown: tuple[Observations, ...] = ()
    shown_regret: tuple[NDArray[np.float32], ...] = ()
    failures: Observations | None = None
    failure_regret: NDArray[np.float32] | None = None


def play(
    task: Task,
    policy: Policy,
    seeds: NDArray[np.uint64],
    *,
    session: Session | None = None,
    batch: int = 64,
    perceive: Perceive | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> Outcomes:
    """Play one game per seed to its end.

    Args:
        task: the game.
        policy: rates the actions.
        seeds: (G,) uint64.
        session: a controller that turns logits into moves; without one, the highest logit is played.
        batch: games that advance together.
        perceive: replaces the observations before policy and controller see them.
        on_batch: called with the number of games finished and the number asked for.

    Returns:
        The outcomes in the order of the seeds.

    Raises:
        CandidateFault: the controller failed.
    """
    seeds = np.asarray(seeds, dtype=np.uint64)
    done: list[Outcomes] = []
    for start in range(0, len(seeds), batch):
        engine = task.engine(seeds[start : start + batch])
        play_out(engine, decider(policy, session, perceive))
        done.append(engine.outcomes())
        if on_batch is not None:
            on_batch(min(start + batch, len(seeds)), len(seeds))
    return join_outcomes(done) if done else task.engine(seeds).outcomes()


def play_traced(
    task: Task,
    policy: Policy,
    seeds: NDArray[np.uint64],
    *,
    session: Session | None = None,
    batch: int = 64,
    perceive: Perceive | None = None,
    failures: int = 3,
    moves: int = 4,
    depth: int = 6,
    most: int = 64,
) -> Trace:
    """Play like `play`, and compare every move with the game's oracle, if it has one.

    Args:
        task: the game.
        policy: rates the actions.
        seeds: (G,) uint64.
        session: a controller, as for `play`.
        batch: games that advance together.
        perceive: as for `play`; the oracle judges the true position all the same.
        failures: number of transcripts of lost games, the first in seed order.
        moves: last moves that a transcript shows.
        depth: last moves of a lost game whose positions are kept as failures.
        most: positions kept as failures, the first in seed order.
    """
    seeds = np.asarray(seeds, dtype=np.uint64)
    recorders = []

    otherwise = decider(policy, session, perceive, negated=True)
    for start in range(0, len(seeds), batch):
        recorder = Recorder(task, task.engine(seeds[start : start + batch]), moves, depth, otherwise)
        play_out(recorder.engine, decider(policy, session, perceive), recorder.watch)
        recorders.append(recorder)
    return _trace(recorders, failures, most)


@dataclass(frozen=True, slots=True)
class Moment:
    """One position of a game, the move made in it, and the oracle's regret of all moves: (1, A) float32."""

    seen: Observations
    action: int
    regret: NDArray[np.float32]


@dataclass(slots=True)
class Recorder:
    """Watches one batch: regret by phase, each game's last regret and last positions, and whether the policy matters."""

    task: Task
    engine: Engine
    moves: int
    depth: int
    otherwise: Decide
    steps: int = 0
    heeded: list[NDArray[np.bool_]] = field(default_factory=list)
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    last: NDArray[np.float32] = field(init=False)
    tails: list[list[Moment]] = field(init=False)

    def __post_init__(self) -> None:
        """Allocate one entry per game."""
        self.last = np.zeros(self.engine.games, dtype=np.float32)
        self.tails = [[] for _ in range(self.engine.games)]

    def watch(self, engine: Engine, rows: NDArray[np.int64], actions: NDArray[np.integer]) -> None:
        """Record one decision of every unfinished game; a `Watch`."""
        before = engine.clone(rows)
        oracle = self.task.oracle
        rating = np.zeros((len(rows), len(self.task.actions)), np.float32) if oracle is None else oracle.regret(before)
        regret = rating[np.arange(len(rows)), actions]
        phase = phases_of(self.task, before)
        self.sums += np.bincount(phase, weights=regret, minlength=3)
        self.counts += np.bincount(phase, minlength=3)
        self.last[rows] = regret
        observations = engine.observations(rows)
        if self.steps % ASKED_EVERY == 0:
            self.heeded.append(self.otherwise(observations) != actions)
        self.steps += 1
        kept = max(self.moves, self.depth)
        for index, row in enumerate(rows):
            moment = Moment(observations.take([index]), int(actions[index]), rating[index : index + 1])
            self.tails[row] = [*self.tails[row], moment][-kept:]

    def shown(self, row: int) -> list[Moment]:
        """Return the moments of one game that its transcript shows."""
        return self.tails[row][-self.moves :]

    def transcript(self, row: int, cause: int) -> str:
        """Return the last moves of one game as text: each position with the move made in it, and what the oracle says."""
        parts = [f"{self.task.ansi(moment.seen, 0)}\n-> {self._made(moment)}" for moment in self.shown(row)]
        return "\n".join((*parts, f"ended: {self.task.causes[cause]}"))

    def _made(self, moment: Moment) -> str:
        """Return the name of a move; if the oracle would have made another, also which, and how much worse this one is."""
        names, regret = self.task.actions, moment.regret[0]
        if regret[moment.action] <= 0:
            return names[moment.action]
        best = " or ".join(names[action] for action in np.flatnonzero(regret <= 0))
        return f"{names[moment.action]} (regret {regret[moment.action]:.2f}; the oracle: {best})"

    def last_moments(self, row: int) -> list[Moment]:
        """Return, in order, those of one game's last `depth` moments in which the moves are not all equally good."""
        return [moment for moment in self.tails[row][-self.depth :] if moment.regret.any()]


def _trace(recorders: Sequence[Recorder], failures: int, most: int) -> Trace:
    """Combine the batches' records."""
    outcomes = join_outcomes([r.engine.outcomes() for r in recorders])
    lost = ~outcomes.won
    last = np.concatenate([r.last for r in recorders])
    sums, counts = sum(r.sums for r in recorders), sum(r.counts for r in recorders)
    where = [(recorder, row) for recorder in recorders for row in range(recorder.engine.games)]
    shown = [(*where[game], int(outcomes.cause[game])) for game in np.flatnonzero(lost)[:failures]]
    moments = [moment for game in np.flatnonzero(lost) for moment in where[game][0].last_moments(where[game][1])][:most]
    rated = bool(recorders) and recorders[0].task.oracle is not None
    regret = {name: float(s / c) for name, s, c in zip(PHASES, np.atleast_1d(sums), np.atleast_1d(counts), strict=True) if c}
    return Trace(
        outcomes=outcomes,
        regret=regret if rated else {},
        avoidable=float((last[lost] > 0).mean()) if lost.any() else 0.0,
        policy_influence=float(np.concatenate([part for r in recorders for part in r.heeded]).mean()),
        transcripts=tuple(recorder.transcript(row, cause) for recorder, row, cause in shown),
        decisions=int(outcomes.steps.sum()),
        shown=tuple(join_observations([moment.seen for moment in recorder.shown(row)]) for recorder, row, _ in shown),
        shown_regret=tuple(
            np.concatenate([moment.regret for moment in recorder.shown(row)]) for recorder, row, _ in (shown if rated else ())
        ),
        failures=join_observations([moment.seen for moment in moments]) if moments else None,
        failure_regret=np.concatenate([moment.regret for moment in moments]) if moments else None,
    )
