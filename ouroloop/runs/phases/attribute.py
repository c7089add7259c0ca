"""Attribution: how much of a gain comes from the new weights, how much from the new code, and how much from both together.

After every round that accepted something, two 2x2 factorials compare the incumbent with the build before the round, and
with the run's start. They share seeds from a stream of their own, which neither the search nor the gate has seen.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

from ouroloop.gate.factorial import Attribution, attribute_gain
from ouroloop.ledger.steps import apply
from ouroloop.ledger.steps import attribute as steps
from ouroloop.protocols.records import Build
from ouroloop.runs import seeds
from ouroloop.runs.context import nine_decimals
from ouroloop.runs.phases.rollback import lineage
from ouroloop.runs.players import close, outcomes_of_accepted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.records import SeedRange
    from ouroloop.runs.context import Run

NAMING_ALPHA = 0.05
"""Bound on the chance that a run ever names a part as the cause of a gain, or of harm, that is not."""


def attribute(run: Run, round: int) -> None:
    """If the round accepted something, attribute its gain and the run's gain to weights and code."""
    applied = apply.applied(run.ledger, round)
    if applied:
        games = seeds.attribution(run.recipe.gate, round)
        run.step(steps.attribute(round), games, lambda: _attribute(run, games, applied[0].before))


def naming_level(attributions: int) -> float:
    """Return the level of each factorial of the round's attribution, after so many earlier ones.

    Attribution k has 1 / (k (k + 1)) of the run's level, and its two factorials share that. A factorial names a part wrongly
    with probability at most its level, whatever the utilities' distribution. So over all rounds together a part is named
    wrongly with probability at most `NAMING_ALPHA`.
    """
    k = attributions + 1
    return NAMING_ALPHA / (k * (k + 1)) / 2


def _attribute(run: Run, games: SeedRange, before: Build) -> steps.Attributed:
    level = naming_level(len(steps.attributions(run.ledger)))
    start, now = lineage(run.ledger)[0].incumbent, run.incumbent()
    played = _utilities(run, games, {*_cells(before, now), *_cells(start, now)})

    def shares(old: Build) -> steps.Shares:
        cells = [played[cell] for cell in _cells(old, now)]
        return _shares(attribute_gain(*cells, level=level, gain=run.recipe.gate.gain))

    return steps.Attributed(
        round=shares(before),
        total=shares(start),
        played=games.count * len(played),
    )


def _shares(found: Attribution) -> steps.Shares:
    """Return an attribution in its recorded form, with its owner."""
    parts = {name: getattr(found, name) for name in ("reward", "code", "interaction", "total")}
    rounded = {name: steps.Share(*map(nine_decimals, asdict(part).values())) for name, part in parts.items()}
    return steps.Shares(**rounded, games=found.games, owner=found.owner, level=found.level)


def _cells(old: Build, new: Build) -> list[Build]:
    """Return the factorial's four players, in the order of `attribute_gain`: weights in the outer loop, code in the inner."""
    return [Build(w.policy, w.reward, c.controller) for w in (old, new) for c in (old, new)]


def _utilities(run: Run, games: SeedRange, cells: set[Build]) -> dict[Build, NDArray[np.float64]]:
    """Return every player's utilities in the round's games."""
    numbers = run.players.seeds(games)
    order = sorted(cells, key=lambda cell: (cell.policy, cell.reward, cell.controller))
    players = [run.players.open_or_none(cell) for cell in order]
    try:
        with ThreadPoolExecutor(run.recipe.threads) as pool:
            found = list(pool.map(lambda player: outcomes_of_accepted(player, run.task, numbers).utility, players))
    finally:
        for player in players:
            close(player)
    run.progress.games(games.count * len(order))
    return dict(zip(order, found, strict=True))
