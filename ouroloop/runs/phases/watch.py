"""Watch: accepted states play on fresh seeds after every round; a confirmed regression is rolled back (`patch.rollback`).

The incumbent, the states just before it and one older state play the same games. Every accepted state is tested against
every earlier state with which it has shared games, over all rounds. This also finds a state that beats its predecessor
but loses to an older state. A confirmed regression rolls back the change with the most evidence against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.intervals import score_interval, share_interval
from ouroloop.gate.betting import Wager
from ouroloop.ledger.steps import watch as steps
from ouroloop.ledger.steps.apply import rollback
from ouroloop.ledger.steps.start import Measures
from ouroloop.ledger.steps.watch import Found, Watched, WatchedState
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Build, Outcomes
from ouroloop.runs import seeds
from ouroloop.runs.context import nine_decimals
from ouroloop.runs.phases.rollback import lineage, roll_back
from ouroloop.runs.players import close, outcomes_of_accepted

if TYPE_CHECKING:
    from ouroloop.ledger.steps.apply import Standing
    from ouroloop.protocols.records import SeedRange
    from ouroloop.runs.context import Run

REGRESSION_ALPHA = 0.05
"""Bound on the chance that a state no worse than any before it is ever found worse, over all rounds and comparisons."""
SHOWN = 3
"""The number of lost games whose ends are shown to the role that patches next."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regression:
    """A state that is shown to be worse than an older one.

    Args:
        newer: index of the worse state in the lineage.
        older: index of the better state.
        differences: newer minus older utility in the games that they shared, (n,).
        log_e: the evidence for the regression, as a log e-value.
    """

    newer: int
    older: int
    differences: Floats
    log_e: float


def watch(run: Run, round: int) -> None:
    """Score the accepted states on fresh seeds, and roll back regressions until none is found."""
    seen = _seen(run, round, again=False)
    for trial in count():
        found = run.step(steps.judge(round, trial), {}, lambda: _judge(run))
        if found.candidate is None:
            break
        roll_back(run, rollback(round, trial), found.candidate, found.reason, found.transcripts)
    if trial:
        seen = _seen(run, round, again=True)
    score = seen.measures.score
    run.progress.note(f"round {round}: score {score.mean:.1f} [{score.low:.1f}, {score.high:.1f}]")


def watched(states: list[Standing], span: int, round: int) -> list[Standing]:
    """Return the states that play in a round: the newest, the `span` before it, and one older state, which takes turns."""
    window, older = states[-span - 1 :], states[: -span - 1]
    return [*([older[round % len(older)]] if older else []), *window]


def _seen(run: Run, round: int, *, again: bool) -> Watched:
    """Play the watched states on a block of fresh seeds, once."""
    games = seeds.watching(run.recipe.gate, round, again=again)
    return run.step(steps.again(round) if again else steps.play(round), games, lambda: _play(run, round, games))


def _play(run: Run, round: int, games: SeedRange) -> Watched:
    """Play the watched states on the same seeds; score the newest."""
    numbers = run.players.seeds(games)
    line = lineage(run.ledger)
    states = watched(line, run.recipe.gate.watch_span, round)
    players = [run.players.open_or_none(state.incumbent) for state in states]
    try:
        with ThreadPoolExecutor(run.recipe.threads) as pool:
            played = list(pool.map(lambda player: outcomes_of_accepted(player, run.task, numbers), players))
    finally:
        for player in players:
            close(player)
    played_in_all = games.count * len(states)
    run.progress.games(played_in_all)
    shown = tuple(
        WatchedState(state.incumbent, line.index(state), tuple(nine_decimals(u) for u in found.utility))
        for state, found in zip(states, played, strict=True)
    )
    return Watched(games, measured(played[-1], run.task.best_score), shown, played_in_all)


def measured(outcomes: Outcomes, best: float | None) -> Measures:
    """Return the score and the win rate with their intervals, the path optimality and the utility."""
    return Measures(
        score_interval(outcomes.score, best),
        float(outcomes.won.mean()),
        float(outcomes.path_optimality.mean()),
        float(outcomes.utility.mean()),
        *share_interval(int(outcomes.won.sum()), len(outcomes.won)),
    )


def _judge(run: Run) -> Found:
    """Return the candidate to roll back, why, and games that show it."""
    states = lineage(run.ledger)
    shared = Shared(run)
    found = max(regressions(states, shared, run.recipe.gate.gain), key=lambda r: r.log_e, default=None)
    if found is None:
        return Found(None)
    fault = at_fault(states, shared, found, run.recipe.gate.gain)
    mean, games = found.differences.mean(), len(found.differences)
    whom = "its predecessor" if found.older == found.newer - 1 else (states[found.older].candidate or "the start")
    reason = f"worse than {whom} by {-mean:.3f} utility over {games} watch games (e-value {_number(found.log_e)})"
    if fault != found.newer:
        reason = f"{states[found.newer].candidate} is {reason}; most evidence is against {states[fault].candidate}"
    lost = _transcripts(run, states[fault].incumbent, shared.worst_seeds(states, found))
    return Found(states[fault].candidate, reason, tuple(lost))


def regressions(states: list[Standing], shared: Shared, gain: float) -> Iterator[Regression]:
    """Yield every pair whose newer state is shown to be worse than the older one.

    A comparison with a state d places back gets a share 1 / (d (d + 1)) of the level. The distance d is the one at the pair's
    first shared games, so a later rollback between the two does not lower the bar.
    """
    for older, newer in combinations(range(len(states)), 2):
        one, other = states[newer].incumbent, states[older].incumbent
        blocks = shared.blocks_of(one, other)
        log_e = log_evidence(blocks, gain)
        back = shared.distance(one, other)
        if blocks and log_e >= -math.log(REGRESSION_ALPHA / (back * (back + 1))):
            yield Regression(newer, older, np.concatenate(blocks), log_e)


def log_evidence(blocks: list[Floats], gain: float) -> float:
    """Return the log e-value against "never worse", from differences that came in blocks, one per round.

    A good state may turn bad, so a new gambler starts at every block; gambler k has a share 1 / (k (k + 1)) of the capital.
    A mixture of e-processes is an e-process itself. This one does not have to win back what the good rounds cost. It is the
    e-detector of Shin, Ramdas and Rinaldo 2023, "E-detectors: a nonparametric framework for sequential change detection",
    with weights that sum to 1.
    """
    logs = []
    for start in range(len(blocks)):
        test = Wager(0.0, gain)
        test.add(-np.concatenate(blocks[start:]))
        logs.append(test.log_e - math.log((start + 1) * (start + 2)))
    return float(np.logaddexp.reduce(logs)) if logs else 0.0


def at_fault(states: list[Standing], shared: Shared, found: Regression, gain: float) -> int:
    """Return the state whose change has the most evidence against it, among those after the better one up to the worse one.

    If there is no evidence against any change, return the worse state itself.
    """
    between = range(found.older + 1, found.newer + 1)
    steps = {k: shared.blocks_of(states[k].incumbent, states[k - 1].incumbent) for k in between}
    harm = {k: log_evidence(blocks, gain) for k, blocks in steps.items()}
    worst = max(between, key=lambda k: (harm[k], k))
    return worst if harm[worst] > 0 else found.newer


class Shared:
    """The watch games on record, by the builds that played them."""

    def __init__(self, run: Run) -> None:
        """Read the games from the ledger."""
        self.blocks: list[tuple[SeedRange, dict[Build, Floats]]] = []
        self._ages: list[dict[Build, int]] = []
        self._run = run
        for seen in steps.plays(run.ledger):
            self.blocks.append((seen.seeds, {state.incumbent: np.array(state.utility) for state in seen.states}))
            self._ages.append({state.incumbent: state.age for state in seen.states})

    def differences(self, one: Build, other: Build) -> Floats:
        """Return the utilities of `one` minus those of `other` in the games that both played, in order: (n,)."""
        both = self.blocks_of(one, other)
        return np.concatenate(both) if both else np.zeros(0)

    def blocks_of(self, one: Build, other: Build) -> list[Floats]:
        """Return the same differences, block by block."""
        return [block[one] - block[other] for _, block in self.blocks if one in block and other in block]

    def distance(self, newer: Build, older: Build) -> int:
        """Return how far apart two states were in the lineage when they first played the same games (1: neighbours)."""
        return next((ages[newer] - ages[older] for ages in self._ages if newer in ages and older in ages), 1)

    def worst_seeds(self, states: list[Standing], found: Regression) -> list[int]:
        """Return the seeds of the games in which the worse state did worst relative to the better one."""
        one, other = states[found.newer].incumbent, states[found.older].incumbent
        blocks = [games for games, block in self.blocks if one in block and other in block]
        numbers = [number for games in blocks for number in self._run.players.seeds(games)]
        return [numbers[i] for i in np.argsort(found.differences, kind="stable")[:SHOWN]]


def losses(run: Run, candidate: str) -> list[str]:
    """Return the endings of the watch games in which an accepted candidate did worst relative to its predecessor.

    The list is empty if the two have no such games on record.
    """
    states, shared = lineage(run.ledger), Shared(run)
    at = next((i for i, state in enumerate(states) if state.candidate == candidate), 0)
    if at == 0:
        return []
    found = Regression(at, at - 1, shared.differences(states[at].incumbent, states[at - 1].incumbent), 0.0)
    return _transcripts(run, states[at].incumbent, shared.worst_seeds(states, found)) if len(found.differences) else []


def _transcripts(run: Run, build: Build, numbers: list[int]) -> list[str]:
    """Return how a player lost these games: its last moves as text. Empty for a player that cannot be opened."""
    from ouroloop.policy.play import play_traced

    player = run.players.open_or_none(build)
    if player is None:
        return []
    try:
        games = np.array(numbers, dtype=np.uint64)
        trace = play_traced(
            run.task, player.policy, games, session=player.session, perceive=player.perceive, failures=len(numbers)
        )
    except CandidateFault as fault:
        return [str(fault)]
    finally:
        close(player)
    return list(trace.transcripts)


def _number(log_value: float) -> str:
    return f"{math.exp(min(log_value, math.log(1e12))):.3g}"
