"""The bank of the A* screen: positions with the oracle's regret, and a few early ones from which players are followed.

Positions are drawn from a larger pool, equally many from each stratum (phase of the game by danger). Failures of past
incumbents come first. The bank knows a game only through `protocols.ports.Task`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.capabilities import phases_of
from ouroloop.envs.loop import join_observations
from ouroloop.protocols.canonical import Json, canonical
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Oracle, Task

FATAL: Final = 0.5
"""A move with this regret or more is fatal: it dies or gets trapped."""
LEAST_POOL: Final = 768
"""Least number of positions in the pool; eight times the bank if that is more."""
FAILURE_SHARE: Final = 0.25
"""Largest share of a bank that failures of past incumbents may fill."""
STARTS: Final = 6
"""Early positions from which a player is followed: few, because a player that circles in one mostly circles in all."""
HORIZON: Final = 44
"""Most moves for which a player is followed: most circles close earlier, and each move is a round trip to a sandbox."""
EARLY: Final = 8
"""The starts come from the first of this many parts of the first phase, because circles close soonest there."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Last positions of lost games.

    Args:
        observations: F positions.
        regret: (F, A) float32, the oracle's regret of each move.
    """

    observations: Observations
    regret: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bank:
    """Positions for judging players.

    Args:
        observations: B positions, failures first.
        regret: (B, A) float32, the oracle's regret of each move.
        phase: (B,) int8, 0..2; -1 for failures.
        danger: (B,) int8, see `danger_of`.
        weight: (B,) float64, the share of the pool's positions of its phase that each represents; 0 for failures.
        starts: early positions, as games to clone.
        pool: the positions from which the bank was drawn. If two players do the same on the bank, the pool tells whether
            they are the same, because what a patch changes may be rare.
    """

    observations: Observations
    regret: NDArray[np.float32]
    phase: NDArray[np.int8]
    danger: NDArray[np.int8]
    weight: NDArray[np.float64]
    starts: Engine
    pool: Observations

    def __len__(self) -> int:
        """Return B."""
        return len(self.regret)

    @property
    def distinct(self) -> int:
        """The positions in bank and pool together: all of the bank but its failures is in the pool, too."""
        return len(self.pool) + int((self.phase < 0).sum())


def build_bank(task: Task, seed: int, count: int, failures: Sequence[Failures] = ()) -> Bank:
    """Return a bank of `count` positions; it is a function of the arguments.

    If the game has no oracle, moves have no regret and there are no starts. The bank then only tells whether two players
    play alike, and all merits are equal.

    Args:
        task: the game.
        seed: of the pool and the draw.
        count: positions.
        failures: newest first; at most `FAILURE_SHARE` of the bank comes from their front.
    """
    pool = task.positions(seed, max(LEAST_POOL, 8 * count))
    phase = phases_of(task, pool)
    regret = np.zeros((pool.games, len(task.actions)), np.float32) if task.oracle is None else task.oracle.regret(pool)
    danger = danger_of(regret)
    old = first_of(failures, int(FAILURE_SHARE * count))
    kept = 0 if old is None else len(old.regret)
    rows = draw(3 * phase + danger, count - kept, np.random.default_rng(seed % 2**64))
    seen, lead = pool.observations(rows), np.full(kept, -1, np.int8)
    return Bank(
        observations=seen if old is None else join_observations([old.observations, seen]),
        regret=regret[rows] if old is None else np.concatenate([old.regret, regret[rows]]),
        phase=np.concatenate([lead, phase[rows]]),
        danger=danger[rows] if old is None else np.concatenate([danger_of(old.regret), danger[rows]]),
        weight=np.concatenate([np.zeros(kept), weights(phase, danger, rows)]),
        starts=pool.clone(starts_of(task.oracle, pool, np.flatnonzero(phase == 0))),
        pool=pool.observations(),
    )


def danger_of(regret: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return (B,) int8: of the moves that do not lose at once, are none (0), some (1), or all but at most one (2) fatal."""
    alive = regret < 1
    fatal = (alive & (regret >= FATAL)).sum(axis=1)
    danger: NDArray[np.int8] = np.where(fatal == 0, 0, np.where(fatal < alive.sum(axis=1) - 1, 1, 2)).astype(np.int8)
    return danger


def draw(stratum: NDArray[np.int8], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `count` rows in ascending order, spread over the strata as evenly as their sizes allow."""
    order = generator.permutation(len(stratum))
    ranks = np.empty(len(stratum), np.int64)
    for name in np.unique(stratum):
        mine = order[stratum[order] == name]
        ranks[mine] = np.arange(len(mine))
    taken: NDArray[np.int64] = np.sort(order[np.argsort(ranks[order], kind="stable")][:count])
    return taken


def weights(phase: NDArray[np.int8], danger: NDArray[np.int8], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each drawn row's weight, so that a weighted share in a phase estimates the pool's: (R,) float64."""
    stratum = 3 * phase + danger
    there, drawn = (np.bincount(part, minlength=9) for part in (stratum, stratum[rows]))
    each = there[stratum[rows]] / drawn[stratum[rows]]
    shares: NDArray[np.float64] = each / np.bincount(phase[rows], weights=each, minlength=3)[phase[rows]]
    return shares


def starts_of(oracle: Oracle | None, pool: Engine, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the given rows of least score from which the oracle scores within `HORIZON` moves, but not at once.

    Without an oracle, return no rows.
    """
    if oracle is None:
        return np.zeros(0, np.int64)
    ranked = rows[np.argsort(pool.outcomes().score[rows], kind="stable")][: max(STARTS, len(rows) // EARLY)]
    games = pool.clone(ranked)
    before, took = games.outcomes().score, np.zeros(games.games, np.int64)
    for move in range(1, HORIZON + 1):
        games.step(oracle.regret(games).argmin(axis=1).astype(np.int8))
        took[(took == 0) & (games.outcomes().score > before)] = move
    scored = ranked[took > 1]
    spread = np.arange(min(STARTS, len(scored))) * len(scored) // max(1, min(STARTS, len(scored)))
    starts: NDArray[np.int64] = scored[spread]
    return starts


def first_of(failures: Sequence[Failures], count: int) -> Failures | None:
    """Return the first `count` positions; None if there are none."""
    if count < 1 or not sum(len(part.regret) for part in failures):
        return None
    observations, regret = join_observations([f.observations for f in failures]), np.concatenate([f.regret for f in failures])
    return Failures(observations.take(slice(0, count)), regret[:count])


def failures_text(observations: Observations, regret: NDArray[np.float32]) -> str:
    """Return failures as canonical JSON text, from which `read_failures` returns the same arrays.

    Args:
        observations: F positions.
        regret: (F, A) float32.

    Raises:
        ValueError: a column holds NaN or an infinity.
    """
    parts = {"constants": dict(observations.constants), "regret": _packed(regret)}
    tables = {"columns": observations.columns, "lengths": observations.lengths}
    packed = {name: {key: _packed(array) for key, array in table.items()} for name, table in tables.items()}
    return canonical(parts | packed).decode()


def read_failures(text: str) -> Failures:
    """Return what `failures_text` wrote; raises ValueError, KeyError or TypeError for any other text."""
    value = json.loads(text)
    columns, lengths = ({key: _unpacked(part) for key, part in value[name].items()} for name in ("columns", "lengths"))
    return Failures(Observations(value["constants"], columns, lengths), _unpacked(value["regret"]).astype(np.float32))


def _packed(array: NDArray[np.generic]) -> dict[str, Json]:
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": array.ravel().tolist()}


def _unpacked(part: Mapping[str, Any]) -> NDArray[np.generic]:
    shape = tuple(int(side) for side in part["shape"])
    array: NDArray[np.generic] = np.array(part["data"], dtype=part["dtype"]).reshape(shape)
    return array
