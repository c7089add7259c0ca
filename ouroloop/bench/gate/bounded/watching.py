"""How soon the watch finds an accepted change that does harm: the power that its bound over the run leaves.

`measure` gives the table of `docs/gate.md`. States play made-up games: every build has a mean of its own, and the differences
of two builds have a standard deviation of 0.28.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.timing import significant
from ouroloop.ledger.steps.apply import Standing
from ouroloop.protocols.records import Build, SeedRange
from ouroloop.runs.phases.regressions import Birth, Block, Evidence, Record
from ouroloop.runs.phases.watch import watched
from ouroloop.runs.recipe import GateSettings

SPREAD: Final = 0.2
"""A build's utility in a game is its mean plus or minus this; a difference spreads more by the root of 2."""
START: Final = 0.25
HARM: Final = 0.05
LATER: Final = 9
"""Most later changes of a run, so that utilities stay in [0, 1]."""
CASES: Final[dict[str, tuple[float, int, int]]] = {
    "none": (0.0, 0, 1),
    "+0.05 every second round": (0.05, 2, 1),
    "+0.02 every third round": (0.02, 3, 1),
    "no better, every third round": (0.0, 3, 1),
    "+0.05 every second round; the harm is in the fourth state": (0.05, 2, 4),
}
"""Later changes -> what each gains, after how many rounds one comes (0: never), and the number of the harmful state."""
ROUNDS: Final = (8, 24)


def measure(*, seed: int = 0, runs: int = 100) -> list[dict[str, Any]]:
    """Return, for each case and number of rounds since the harm came, the share of runs that find and blame it, or another."""
    rows = []
    for index, (case, (gain, every, place)) in enumerate(CASES.items()):
        found = [_run(np.random.default_rng((seed, index, number)), gain, every, place) for number in range(runs)]
        for rounds in ROUNDS:
            ended = [right for after, right in found if after <= rounds]
            row = {"found": significant(sum(ended) / runs, 3), "another": significant((len(ended) - sum(ended)) / runs, 3)}
            rows.append({"later changes": case, "rounds": rounds, **row})
    return rows


def equal_states(*, seed: int = 0, runs: int = 100) -> int:
    """Return how many runs of ten equal states over 40 rounds, one more in each at first, ever find one worse."""
    found = [_run(np.random.default_rng((seed, number)), 0.0, 1, 0, 40) for number in range(runs)]
    return sum(after <= 40 for after, _ in found)


def _run(random: np.random.Generator, gain: float, every: int, place: int, rounds: int = max(ROUNDS)) -> tuple[int, bool]:
    """Watch one run until it finds a state worse; return after how many rounds since the harm, and whether that is blamed.

    Args:
        random: draws the games.
        gain: what each later change gains.
        every: rounds from one later change to the next; 0 for none.
        place: number of the harmful state; 0 for none. The states before it gain as the later ones do, and nothing is watched
            before it.
        rounds: most rounds.
    """
    settings = GateSettings()
    means = [START + gain * k for k in range(max(place, 1))]
    if place:
        means.append(means[-1] - HARM)
    blocks: list[Block] = []
    births = {state: Birth(k, 0) for k, state in enumerate(_states(len(means)))}
    for round in range(rounds):
        if round and every and round % every == 0 and len(means) <= place + LATER:
            means.append(means[-1] + gain)
        states = _states(len(means))
        births.setdefault(states[-1], Birth(len(means) - 1, len(blocks)))
        now = Evidence(Record(tuple(blocks), births), states, settings.gain)
        suspect = now.suspect(range(1, len(states) - settings.watch_span))
        playing = watched(states, settings.watch_span, round, suspect)
        places = tuple((k, state.incumbent) for k, state in reversed(list(enumerate(states))) if state in playing)
        utilities = {build: _games(random, means[k], settings.watch_games) for k, build in places}
        blocks.append(Block(SeedRange("watch", round * settings.watch_games, settings.watch_games), utilities, places))
        evidence = Evidence(Record(tuple(blocks), births), states, settings.gain)
        worst = max(evidence.regressions(), key=lambda one: one.shown.log_e - one.bar, default=None)
        if worst is not None:
            return round + 1, evidence.at_fault(worst) == place
    return rounds + 1, False


def _states(count: int) -> list[Standing]:
    return [Standing(f"c{k}" if k else None, Build("", "", str(k))) for k in range(count)]


def _games(random: np.random.Generator, mean: float, games: int) -> NDArray[np.float64]:
    return mean + SPREAD * random.choice([-1.0, 1.0], games)
