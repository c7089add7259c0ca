"""Attribution: how much of a gain the new weights brought, how much the new code, and what only both together did.

After every round that accepted something, two 2x2 factorials on common seeds of a stream of their own, which neither the search
nor the gate has seen: what played before the round against what plays now, and the run's start against what plays now.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ouroloop.gate.factorial import Attribution, attribute_gain
from ouroloop.protocols.records import Build
from ouroloop.runs.context import kept
from ouroloop.runs.phases.rollback import lineage
from ouroloop.runs.players import close, outcomes_of_accepted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.runs.context import Run


def attribute(run: Run, round: int) -> None:
    """Give weights and code their shares of the round's gain and of the run's, where the round accepted something."""
    applied = list(run.ledger.steps(f"{round}/apply/*"))
    if applied:
        games = run.recipe.gate.attribution_games
        params = {"stream": "attribution", "first": round * games, "count": games}
        before = Build(**applied[0].result["before"])
        run.step(f"{round}/attribute", "gate.attribute", params, lambda: _attribute(run, round, before))


def _attribute(run: Run, round: int, before: Build) -> dict[str, Any]:
    start, now = lineage(run.ledger)[0].incumbent, run.incumbent()
    played = _utilities(run, round, {*_cells(before, now), *_cells(start, now)})
    return {
        "round": _recorded(attribute_gain(*(played[cell] for cell in _cells(before, now)))),
        "total": _recorded(attribute_gain(*(played[cell] for cell in _cells(start, now)))),
        "played": run.recipe.gate.attribution_games * len(played),
    }


def _recorded(found: Attribution) -> dict[str, Any]:
    """Return an attribution as JSON, with its owner."""
    shares = {name: getattr(found, name) for name in ("reward", "code", "interaction", "total")}
    rounded = {name: {k: kept(v) for k, v in asdict(share).items()} for name, share in shares.items()}
    return {**rounded, "games": found.games, "owner": found.owner}


def _cells(old: Build, new: Build) -> list[Build]:
    """Return the factorial's four players, in the order of `attribute_gain`: the weights' factor outside, the code's inside."""
    return [Build(w.policy, w.reward, c.controller) for w in (old, new) for c in (old, new)]


def _utilities(run: Run, round: int, cells: set[Build]) -> dict[Build, NDArray[np.float64]]:
    """Return every player's utilities on the round's seeds."""
    games = run.recipe.gate.attribution_games
    seeds = run.players.seeds("attribution", round * games, games)
    order = sorted(cells, key=lambda cell: (cell.policy, cell.reward, cell.controller))
    players = [run.players.open_or_none(cell) for cell in order]
    try:
        with ThreadPoolExecutor(run.recipe.threads) as pool:
            found = list(pool.map(lambda player: outcomes_of_accepted(player, run.task, seeds).utility, players))
    finally:
        for player in players:
            close(player)
    run.progress.games(games * len(order))
    return dict(zip(order, found, strict=True))
