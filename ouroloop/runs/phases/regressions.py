"""What the watch games say: which accepted states are shown to be worse than earlier ones, and whose change did it.

Every state is tested in two ways, each with half of its level. In pairs: against every earlier state, in the games that
both played. Pooled: all states from it on against all states before it, in every game that both sides played. Averages over
several states vary less, and later states carry the change as well. If later changes hide its harm, the pair still shows it.

A test counts the games from when its state came to be, and a pair those from when the two first met. So the level of a test
is known before its first game. The levels of all tests of a run add up to at most `REGRESSION_ALPHA`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ouroloop.gate.betting import Wager
from ouroloop.ledger.steps.apply import standing_after
from ouroloop.ledger.steps.watch import Watched, history

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.steps.apply import Standing
    from ouroloop.protocols.records import Build, SeedRange

REGRESSION_ALPHA = 0.05
"""Bound on the chance that a run whose states are never worse than any before them ever finds one worse."""
POOLED = 0.5
"""The part of a state's level that its pooled test gets."""
Floats = NDArray[np.float64]
Judge = Callable[[Sequence[Floats], float], tuple[float, int]]
"""Maps (differences by block, gain) to the log e-value against "never worse" and the strongest gambler's first block."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Blocks of games, and the differences in each: of a newer state minus an older one, or of the means of several.

    `log_e` is what all games of a test say against "never worse", as a log e-value. The blocks are those on which the strongest
    gambler bet, which may have begun late.
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


@dataclass(frozen=True, slots=True)
class Block:
    """The watch games of a round: their seeds, the utilities of each build, and each state's build and place, newest first."""

    seeds: SeedRange
    utilities: Mapping[Build, Floats]
    places: tuple[tuple[int, Build], ...]

    def older(self, build: Build) -> list[Build]:
        """Return the other builds that stood before a build in these games, the nearest first."""
        place = max((place for place, other in self.places if other == build), default=0)
        return list(dict.fromkeys(other for at, other in self.places if at < place and other != build))


@dataclass(frozen=True, slots=True)
class Birth:
    """When a state came to be: its number in the run (the start has 0), and the number of blocks watched before."""

    number: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a run has watched: all blocks in order, and when each state that ever stood came to be."""

    blocks: tuple[Block, ...]
    births: Mapping[Standing, Birth]


def recorded(ledger: Ledger) -> Record:
    """Read what a run has watched."""
    blocks: list[Block] = []
    births: dict[Standing, Birth] = {}
    for found in history(ledger):
        if isinstance(found, Watched):
            utilities = {state.incumbent: np.array(state.utility) for state in found.states}
            places = sorted(((state.age, state.incumbent) for state in found.states), key=lambda one: -one[0])
            blocks.append(Block(found.seeds, utilities, tuple(places)))
        else:
            for state in standing_after(found, ()):
                births.setdefault(state, Birth(len(births), len(blocks)))
    return Record(tuple(blocks), births)


@dataclass(frozen=True, slots=True)
class Meeting:
    """When a state first played the same games as an older one: the block, and how many older ones it had met by then."""

    block: int
    rank: int


class Evidence:
    """The watch games on record, and what they say of the states that stand."""

    def __init__(self, record: Record, states: list[Standing], gain: float) -> None:
        """Find out which states have met."""
        self.states, self.gain = states, gain
        self._blocks = record.blocks
        self._births = [record.births[state] for state in states]
        self._met = [self._meetings(state.incumbent, birth) for state, birth in zip(states, self._births, strict=True)]
        self._known: dict[tuple[int, int | None], Contrast] = {}

    def _meetings(self, build: Build, birth: Birth) -> dict[Build, Meeting]:
        """Return when a state met each older build, in the order in which it did, whether those still stand or not."""
        met: dict[Build, Meeting] = {}
        for number in range(birth.blocks, len(self._blocks)):
            for other in self._blocks[number].older(build):
                met.setdefault(other, Meeting(number, len(met) + 1))
        return met

    def meeting(self, newer: int, older: int) -> Meeting | None:
        """Return when two states first played the same games in this order, or None. Equal builds are no pair."""
        return self._met[newer].get(self.states[older].incumbent)

    def pair(self, newer: int, older: int) -> Contrast:
        """Return one state minus another in the games that both played since they met."""
        if (newer, older) not in self._known:
            met = self.meeting(newer, older)
            blocks = self._blocks[met.block :] if met else ()
            sides = [self.states[newer].incumbent], [self.states[older].incumbent]
            self._known[newer, older] = self._contrast(blocks, *sides, steady_evidence)
        return self._known[newer, older]

    def pooled(self, newer: int) -> Contrast:
        """Return the mean of the states from `newer` on minus that of those before it. A build on both sides counts on none."""
        if (newer, None) not in self._known:
            builds = [state.incumbent for state in self.states]
            before, after = builds[:newer], builds[newer:]
            sides = [b for b in after if b not in before], [b for b in before if b not in after]
            blocks = self._blocks[self._births[newer].blocks :]
            self._known[newer, None] = self._contrast(blocks, *sides, drifting_evidence)
        return self._known[newer, None]

    def _contrast(self, blocks: Sequence[Block], after: list[Build], before: list[Build], judge: Judge) -> Contrast:
        games: list[SeedRange] = []
        differences: list[Floats] = []
        for block in blocks:
            played = block.utilities
            with_it, without = ([played[b] for b in dict.fromkeys(side) if b in played] for side in (after, before))
            if with_it and without:
                games.append(block.seeds)
                differences.append(np.mean(with_it, axis=0) - np.mean(without, axis=0))
        log_e, first = judge(differences, self.gain)
        return Contrast(tuple(games[first:]), tuple(differences[first:]), log_e)

    def harm(self, change: int) -> float:
        """Return the evidence against the change that made a state: its pair with the state before it, and its pooled test."""
        return float(np.logaddexp(self.pair(change, change - 1).log_e, self.pooled(change).log_e)) - math.log(2)

    def regressions(self) -> Iterator[Regression]:
        """Yield what is shown to be worse.

        The k-th state of the run has a share 1 / (k (k + 1)) of the level; the start is no state to be tested. Half of it is
        for the pooled test. The comparison with the j-th older state that it ever met gets a share 1 / (j (j + 1)) of the
        other half. Those that were rolled back since count, so the shares of a state add up to at most 1.
        """
        for newer, birth in enumerate(self._births[1:], 1):
            level = REGRESSION_ALPHA / (birth.number * (birth.number + 1))
            yield from _shown(newer, None, self.pooled(newer), level * POOLED)
            for older in range(newer):
                met = self.meeting(newer, older)
                if met is not None:
                    share = (1 - POOLED) / (met.rank * (met.rank + 1))
                    yield from _shown(newer, older, self.pair(newer, older), level * share)

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


def steady_evidence(blocks: Sequence[Floats], gain: float) -> tuple[float, int]:
    """Return the log e-value of one gambler against "never worse", and the first block that it bet on.

    Both sides of a pair are fixed players on fresh seeds, whose mean difference cannot change.

    Args:
        blocks: differences, one array (n,) per round.
        gain: smallest harm worth finding.
    """
    test = Wager(0.0, gain)
    for block in blocks:
        test.add(-block)
    return test.log_e, 0


def drifting_evidence(blocks: Sequence[Floats], gain: float) -> tuple[float, int]:
    """Return the same for a mean that may change between blocks: as later changes join a side, or older states play in turn.

    A new gambler starts at every block; gambler k has a share 1 / (k (k + 1)) of the capital. A mixture of e-processes is an
    e-process itself. This one does not have to win back what good rounds cost. It is the e-detector of Shin, Ramdas and
    Rinaldo 2023, "E-detectors: a nonparametric framework for sequential change detection", with weights that sum to 1.

    Returns:
        The log e-value of the mixture, and the first block of the gambler that holds most of the capital.
    """
    logs = []
    for start in range(len(blocks)):
        test = Wager(0.0, gain)
        test.add(-np.concatenate(blocks[start:]))
        logs.append(test.log_e - math.log((start + 1) * (start + 2)))
    return (float(np.logaddexp.reduce(logs)), int(np.argmax(logs))) if logs else (0.0, 0)
