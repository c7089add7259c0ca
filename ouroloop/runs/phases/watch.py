"""Watch: accepted states play on fresh seeds after every round; a confirmed regression is rolled back (`patch.rollback`).

The incumbent, the states just before it and both sides of one older change play the same games. `regressions` says what all
games so far show. A confirmed regression rolls back the change with the most evidence against it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.intervals import score_interval, share_interval
from ouroloop.gate.betting import e_value
from ouroloop.ledger.steps import watch as steps
from ouroloop.ledger.steps.apply import rollback
from ouroloop.ledger.steps.start import Measures
from ouroloop.ledger.steps.watch import Found, Watched, WatchedState
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Outcomes
from ouroloop.runs import seeds
from ouroloop.runs.context import nine_decimals
from ouroloop.runs.phases.regressions import Contrast, Evidence, Regression, recorded
from ouroloop.runs.phases.rollback import lineage, roll_back
from ouroloop.runs.players import close, outcomes_of_accepted

if TYPE_CHECKING:
    from ouroloop.ledger.steps.apply import Standing
    from ouroloop.protocols.records import Build, SeedRange
    from ouroloop.runs.context import Run

SHOWN = 3
"""The number of lost games whose ends are shown to the role that patches next."""


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


def watched(states: list[Standing], span: int, round: int, suspect: int | None = None) -> list[Standing]:
    """Return the states that play in a round, oldest first.

    These are the newest, the `span` before it, and both sides of one older change: the state that it made, and the one before.
    That change is the `suspect`, against which there is most evidence; without a suspect the older changes take turns.
    """
    first = max(0, len(states) - span - 1)
    change = suspect if suspect is not None else 1 + round % max(1, first)
    older = (change - 1, change) if first else ()
    return [states[k] for k in sorted({*older, *range(first, len(states))})]


def _seen(run: Run, round: int, *, again: bool) -> Watched:
    """Play the watched states on a block of fresh seeds, once."""
    games = seeds.watching(run.recipe.gate, round, again=again)
    return run.step(steps.again(round) if again else steps.play(round), games, lambda: _play(run, round, games))


def _play(run: Run, round: int, games: SeedRange) -> Watched:
    """Play the watched states on the same seeds; score the newest."""
    numbers = run.players.seeds(games)
    line, span = lineage(run.ledger), run.recipe.gate.watch_span
    suspect = Evidence(recorded(run.ledger), line, run.recipe.gate.gain).suspect(range(1, len(line) - span))
    states = watched(line, span, round, suspect)
    builds = list(dict.fromkeys(state.incumbent for state in states))  # a change may have restored an earlier build
    players = [run.players.open_or_none(build) for build in builds]
    try:
        with ThreadPoolExecutor(run.recipe.threads) as pool:
            found = pool.map(lambda player: outcomes_of_accepted(player, run.task, numbers), players)
            played = dict(zip(builds, found, strict=True))
    finally:
        for player in players:
            close(player)
    played_in_all = games.count * len(builds)
    run.progress.games(played_in_all)
    shown = tuple(
        WatchedState(state.incumbent, line.index(state), tuple(nine_decimals(u) for u in played[state.incumbent].utility))
        for state in states
    )
    return Watched(games, measured(played[line[-1].incumbent], run.task.score_bound), shown, played_in_all)


def measured(outcomes: Outcomes, bound: float | None) -> Measures:
    """Return the score and the win rate with their intervals, the path optimality and the utility."""
    return Measures(
        score_interval(outcomes.score, bound),
        float(outcomes.won.mean()),
        float(outcomes.path_optimality.mean()),
        float(outcomes.utility.mean()),
        *share_interval(int(outcomes.won.sum()), len(outcomes.won)),
    )


def _judge(run: Run) -> Found:
    """Return the candidate to roll back, why, and games that show it."""
    states = lineage(run.ledger)
    evidence = Evidence(recorded(run.ledger), states, run.recipe.gate.gain)
    found = max(evidence.regressions(), key=lambda r: r.shown.log_e - r.bar, default=None)
    if found is None:
        return Found(None)
    fault = evidence.at_fault(found)
    reason = _said(states, found, blamed=fault == found.newer)
    if fault != found.newer:
        reason = f"{reason}; most evidence is against {states[fault].candidate}"
    lost = _transcripts(run, states[fault].incumbent, _numbers(run, found.shown))
    return Found(states[fault].candidate, reason, tuple(lost))


def _said(states: list[Standing], found: Regression, *, blamed: bool) -> str:
    """Return in words what is worse than what, and the evidence; a state that is itself blamed needs no name."""
    name = states[found.newer].candidate
    if found.older is None and len(states) > 2:
        claim = f"{'it' if blamed else name} and the later states are worse than those before it"
    elif found.older is None or found.older == found.newer - 1:
        claim = f"{'' if blamed else f'{name} is '}worse than its predecessor"
    else:
        claim = f"{'' if blamed else f'{name} is '}worse than {states[found.older].candidate or 'the start'}"
    values = np.concatenate(found.shown.differences)
    e_values = f"e-value {e_value(found.shown.log_e):.3g} >= {e_value(found.bar):.3g}"
    return f"{claim} by {-values.mean():.3f} utility over {len(values)} watch games ({e_values})"


def _numbers(run: Run, shown: Contrast) -> list[int]:
    """Return the seeds of the games that show a regression most clearly."""
    return [run.players.seeds(games.part(place, 1))[0] for games, place in shown.worst(SHOWN)]


def losses(run: Run, candidate: str) -> list[str]:
    """Return the endings of the watch games in which an accepted candidate did worst relative to its predecessor.

    The list is empty if the two have no such games on record.
    """
    states = lineage(run.ledger)
    at = next((i for i, state in enumerate(states) if state.candidate == candidate), 0)
    if at == 0:
        return []
    shared = Evidence(recorded(run.ledger), states, run.recipe.gate.gain).pair(at, at - 1)
    return _transcripts(run, states[at].incumbent, _numbers(run, shared)) if shared.games else []


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
