"""The race: several candidates and the incumbent play common seeds, and games are spent where they decide something.

Each candidate has its own sequential test against the incumbent at its own level, and only that test may accept it.
Meanwhile the candidates race one another. A candidate leaves once it is shown to be worse than the leader (successive
elimination by confidence sequences: Even-Dar, Mannor and Mansour 2006, section 3; Maron and Moore 1994), or once it is
futile. The winner is the first candidate that is shown to be better than the incumbent while no other in the race has a
higher mean. With one candidate the race is the plain sequential test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.gate.betting import PairedTest, Wager, e_value
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Effect

INTERVAL_ALPHA: Final = 0.05
"""Level of the reported confidence sequences, per candidate."""
BEATEN_ALPHA: Final = 0.05
"""Largest chance that the best candidate of a race is ever eliminated as worse than another one."""
LEAST_CHANCE: Final = 0.01
"""A candidate is out of reach of acceptance if the chance that the games left bring it there is smaller."""
GROWTH: Final = 16
"""The test looks every `batch` pairs at first, and later whenever the pairs played have grown by one part in this many."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Played:
    """One block of games on common seeds.

    Args:
        incumbent: (n,) utilities of the incumbent.
        candidates: name -> (n,) utilities, or the fault that ended its race.
    """

    incumbent: Floats
    candidates: Mapping[str, Floats | CandidateFault]


Play = Callable[[Sequence[str], int, int], Played]
"""Maps (candidates still racing, first game, number of games) to the results of these candidates and the incumbent."""


@dataclass(frozen=True, slots=True)
class RaceRules:
    """When a race stops.

    Args:
        games: most pairs that a candidate plays.
        batch: pairs between two looks.
        gain: smallest gain of utility worth having.
        beta: largest chance that the bets eliminate a candidate with such a gain.
    """

    games: int
    batch: int
    gain: float
    beta: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the games say about one candidate.

    Args:
        accepted: whether it won: it is shown to be better than the incumbent, and no other candidate was ahead of it.
        layer: `gate`, or the layer of the fault that ended its race.
        reason: why it stopped, one line.
        effect: mean paired difference of utility with its 95 % anytime-valid interval; None before any game.
        e_value: evidence against "not better", capped at 1e12.
        alpha: the level of its test.
        differences: (games,) paired differences in the order of the seeds.
    """

    accepted: bool
    layer: str
    reason: str
    effect: Effect | None
    e_value: float
    alpha: float
    differences: Floats


@dataclass(slots=True)
class Arm:
    """A candidate in the race.

    `fate` is None until it leaves the race or is shown to be better; then it says why. `luck` is for the last look, see `race`.
    """

    name: str
    alpha: float
    test: PairedTest
    fate: str | None = None
    layer: str = "gate"
    shown: bool = False
    luck: float = 1.0
    utilities: list[Floats] = field(default_factory=list)

    @property
    def in_race(self) -> bool:
        """Whether it can still win."""
        return self.shown or self.fate is None


def race(
    play: Play, levels: Mapping[str, float], rules: RaceRules, luck: Mapping[str, float] | None = None
) -> dict[str, Judgement]:
    """Let candidates race until one wins, all are out, or each has played `rules.games` pairs.

    With `luck`, a candidate gets a last look when its own test ends without a decision, futile or out of games: it counts as
    better if its e-value is at least luck / alpha. An e-value E of a stopped test has a mean of at most 1 under the null, so
    that happens with probability at most E[min(1, alpha E)] <= alpha, the acceptances before it included (Ramdas and Manole
    2023, "Randomized and exchangeable improvements of Markov's, Chebyshev's and Chernoff's inequalities").

    Args:
        play: plays a block of games; nobody may have played the games of a race before.
        levels: candidate -> level of its test; earlier ones win ties.
        rules: when to stop.
        luck: candidate -> a uniform draw from (0, 1], independent of all games; None for no last look.
    """
    arms = [
        Arm(name, alpha, PairedTest(alpha=alpha, beta=rules.beta, gain=rules.gain, games=rules.games))
        for name, alpha in levels.items()
    ]
    for arm in arms:
        arm.luck = 1.0 if luck is None else luck[arm.name]
    played, winner = 0, None
    while winner is None and any(arm.fate is None for arm in arms):
        count = min(max(rules.batch, played // GROWTH), rules.games - played)
        racing = [arm for arm in arms if arm.in_race]
        _enter(racing, play([arm.name for arm in racing], played, count))
        played += count
        for arm in racing:
            if arm.fate is None:
                _look(arm, rules)
        _eliminate(racing, rules, len(arms))
        winner = _winner(arms, last=played >= rules.games)
    return {arm.name: _judgement(arm, winner) for arm in arms}


def _enter(racing: Sequence[Arm], block: Played) -> None:
    """Give every racing candidate the results of its games; a fault ends its race."""
    for arm in racing:
        found = block.candidates[arm.name]
        if isinstance(found, CandidateFault):
            arm.fate, arm.layer, arm.shown = f"in a game: {found.reason}", found.layer, False
        else:
            arm.utilities.append(found)
            arm.test.add(found - block.incumbent)


def _look(arm: Arm, rules: RaceRules) -> None:
    """Decide what the candidate's own test says at present."""
    test, n, needed = arm.test, arm.test.games, 1 / arm.alpha
    found = f"e-value {e_value(test.better.log_e):.3g}"
    if test.better.won:
        arm.shown, arm.fate = True, f"better: {found} >= {needed:.3g} after {n} pairs"
        return
    arm.fate = _given_up(arm, rules)
    if arm.fate is not None and test.better.log_e >= test.better.bar + math.log(arm.luck):
        lowered = f"{arm.luck * needed:.3g}, the bar of {needed:.3g} lowered by the draw of {arm.luck:.3g}"
        arm.shown, arm.fate = True, f"better at the last look: {found} >= {lowered}, after {n} pairs"


def _given_up(arm: Arm, rules: RaceRules) -> str | None:
    """Return why the test ends without showing the candidate to be better, or None if it goes on."""
    test, n, needed = arm.test, arm.test.games, 1 / arm.alpha
    found = f"e-value {e_value(test.better.log_e):.3g}"
    if test.futile.won:
        worse = test.interval(INTERVAL_ALPHA)[1] < 0
        says = "worse" if worse else f"futile: a gain of {rules.gain:g} is refuted"
        return f"{says} (e-value {e_value(test.futile.log_e):.3g} >= {1 / rules.beta:.3g}) after {n} pairs"
    if n >= rules.games:
        return f"not shown better: {found} < {needed:.3g} after all {n} pairs"
    if test.better.chance(rules.games - n) < LEAST_CHANCE:
        return f"futile: {found} after {n} pairs, {needed:.3g} is out of reach in {rules.games}"
    return None


def _eliminate(racing: Sequence[Arm], rules: RaceRules, started: int) -> None:
    """Remove the candidates that the leader is shown to beat, at a level shared by all ordered pairs that started."""
    field = [arm for arm in racing if arm.in_race]
    if len(field) < 2:
        return
    leader = max(field, key=lambda arm: arm.test.mean)
    best = np.concatenate(leader.utilities)
    for arm in field:
        if arm is leader:
            continue
        duel = Wager(0.0, rules.gain, -math.log(BEATEN_ALPHA / (started * (started - 1))))
        duel.add(best - np.concatenate(arm.utilities))
        if duel.won:
            ahead = leader.test.mean - arm.test.mean
            arm.shown = False
            arm.fate = f"beaten by {leader.name}, which is ahead by {ahead:.3f} after {arm.test.games} pairs"


def _winner(arms: Sequence[Arm], *, last: bool) -> Arm | None:
    """Return the candidate shown to be better that leads all others in the race; at the end, any that is shown to be better."""
    field = [arm for arm in arms if (arm.shown if last else arm.in_race)]
    leader = max(field, key=lambda arm: arm.test.mean, default=None)
    return leader if leader is not None and leader.shown else None


def _judgement(arm: Arm, winner: Arm | None) -> Judgement:
    test = arm.test
    low, high = test.interval(INTERVAL_ALPHA)
    outward = math.floor(low * 1e4) / 1e4, math.ceil(high * 1e4) / 1e4
    effect = Effect(round(test.mean, 9), *outward, test.games) if test.games else None
    capital = float(f"{e_value(test.better.log_e):.6g}")
    return Judgement(arm is winner, arm.layer, _reason(arm, winner), effect, capital, arm.alpha, test.differences)


def _reason(arm: Arm, winner: Arm | None) -> str:
    if arm is winner or winner is None or not arm.in_race:
        return arm.fate or ""
    first = "shown better as well, but" if arm.shown else "still undecided when"
    return f"{first} {winner.name} won the race ({arm.test.mean:+.3f} against {winner.test.mean:+.3f})"
