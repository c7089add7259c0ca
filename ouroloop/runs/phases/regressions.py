"""What the watch games say: which accepted states are shown to be worse than earlier ones, and whose change did it.

Every state is tested in two ways, each with half of its level. In pairs: against every earlier state, in the games that
both played. Pooled: all states from it on against all states before it, in every game that both sides played. Averages over
several states vary less, and later states carry the change as well. If later changes hide its harm, the pair still shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ouroloop.gate.betting import Wager
from ouroloop.ledger.steps import watch as steps
from ouroloop.runs.phases.rollback import numbered

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.steps.apply import Standing
    from ouroloop.protocols.records import Build, SeedRange

REGRESSION_ALPHA = 0.05
"""Bound on the chance that a run whose states are never worse than any before them ever finds one worse."""
POOLED = 0.5
"""The part of a state's level that its pooled test gets."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Blocks of games, and the differences in each: of a newer state minus an older one, or of the means of several.

    `log_e` is what they say against "never worse", as a log e-value.
    """

    games: tuple[SeedRange, ...]
    differences: tuple[Floats, ...]
    log_e: float

    def worst(self, count: int) -> list[tuple[SeedRange, int]]:
        """Return the games with the lowest differences: each with its block, and its place there."""
        places = [(games, i) for games in self.games for i in range(games.count)]
        return [places[i] for i in np.argsort(np.concatenate(self.differences), kind="stable")[:count]]


@dataclass(frozen=True, slots=True)
class Regression:
    """A state that is shown to be worse than an older one, or than all older ones together.

    Args:
        newer: index of the worse state in the lineage.
        older: index of the better state; None for a pooled test.
        shown: the games that show it.
        bar: the log e-value that they had to reach.
    """

    newer: int
    older: int | None
    shown: Contrast
    bar: float


class Evidence:
    """The watch games on record, and what they say of the states that stand."""

    def __init__(self, ledger: Ledger, states: list[Standing], gain: float) -> None:
        """Read the games from the ledger."""
        self.states, self.gain = states, gain
        number = numbered(ledger)
        self._numbers = [number[state] for state in states]
        seen = list(steps.plays(ledger))
        self._blocks = [(s.seeds, {state.incumbent: np.array(state.utility) for state in s.states}) for s in seen]
        self._known: dict[tuple[int, int | None], Contrast] = {}
        self._ages = [[(state.incumbent, state.age) for state in s.states] for s in seen]

    def pair(self, newer: int, older: int) -> Contrast:
        """Return one state minus another in the games that both played."""
        if (newer, older) not in self._known:
            self._known[newer, older] = self._contrast([self.states[newer].incumbent], [self.states[older].incumbent])
        return self._known[newer, older]

    def pooled(self, newer: int) -> Contrast:
        """Return the mean of the states from `newer` on minus that of those before it. A build on both sides counts on none."""
        if (newer, None) not in self._known:
            builds = [state.incumbent for state in self.states]
            before, after = builds[:newer], builds[newer:]
            sides = [b for b in after if b not in before], [b for b in before if b not in after]
            self._known[newer, None] = self._contrast(*sides)
        return self._known[newer, None]

    def _contrast(self, after: list[Build], before: list[Build]) -> Contrast:
        games: list[SeedRange] = []
        differences: list[Floats] = []
        for block, played in self._blocks:
            with_it, without = ([played[b] for b in dict.fromkeys(side) if b in played] for side in (after, before))
            if with_it and without:
                games.append(block)
                differences.append(np.mean(with_it, axis=0) - np.mean(without, axis=0))
        return Contrast(tuple(games), tuple(differences), log_evidence(differences, self.gain))

    def distance(self, newer: int, older: int) -> int | None:
        """Return how far apart two states were when they first played the same games in this order (1: neighbours), or None.

        A rollback between them does not change that. Equal builds are no pair. If a change restores an earlier build, games
        of that build count for it again, but only once it has played as the newer state.
        """
        one, other = self.states[newer].incumbent, self.states[older].incumbent
        if one == other:
            return None
        for ages in self._ages:
            apart = [a - b for x, a in ages if x == one for y, b in ages if y == other]
            if any(d > 0 for d in apart):
                return min(d for d in apart if d > 0)
        return None

    def harm(self, change: int) -> float:
        """Return the evidence against the change that made a state: its pair with the state before it, and its pooled test."""
        return float(np.logaddexp(self.pair(change, change - 1).log_e, self.pooled(change).log_e)) - math.log(2)

    def regressions(self) -> Iterator[Regression]:
        """Yield what is shown to be worse.

        The k-th state of the run has a share 1 / (k (k + 1)) of the level; the start is no state to be tested. Half of it is
        for the pooled test. The comparison with a state d places back gets a share 1 / (d (d + 1)) of the other half.
        """
        for newer in range(1, len(self.states)):
            level = REGRESSION_ALPHA / (self._numbers[newer] * (self._numbers[newer] + 1))
            yield from _shown(newer, None, self.pooled(newer), level * POOLED)
            for older in range(newer):
                back = self.distance(newer, older)
                if back is not None:
                    yield from _shown(newer, older, self.pair(newer, older), level * (1 - POOLED) / (back * (back + 1)))

    def at_fault(self, found: Regression) -> int:
        """Return the state whose change has the most evidence against it.

        These are the changes after the better state up to the worse one; for a pooled test, all changes. If there is no
        evidence against any of them, return the worse state itself.
        """
        between = range(1, len(self.states)) if found.older is None else range(found.older + 1, found.newer + 1)
        worst = self.suspect(between)
        return found.newer if worst is None else worst

    def suspect(self, changes: range) -> int | None:
        """Return the change with the most evidence against it among these, or None if there is none against any."""
        harm = {change: self.harm(change) for change in changes}
        worst = max(changes, key=lambda change: (harm[change], change), default=None)
        return worst if worst is not None and harm[worst] > 0 else None


def _shown(newer: int, older: int | None, contrast: Contrast, level: float) -> Iterator[Regression]:
    bar = -math.log(level)
    if contrast.games and contrast.log_e >= bar:
        yield Regression(newer, older, contrast, bar)


def log_evidence(blocks: Sequence[Floats], gain: float) -> float:
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
