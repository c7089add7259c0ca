"""The instruments of a probe: a player's decisions, counted by where they went wrong, and the time and memory they take."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.capabilities import sight_of
from ouroloop.policy.evaluation.batches import prompt_tokens
from ouroloop.protocols.errors import CandidateFault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Task
    from ouroloop.protocols.records import Observations
    from ouroloop.runs.players import Player

SINGLE: Final = 128
"""Positions that are decided one at a time, spread over the phases of the game."""
WARM: Final = 8
"""Decisions before them, whose time does not count."""
PATIENCE_S: Final = 30.0
"""The most seconds for them all; a player that needs more is timed on fewer."""
LOSES_AT_ONCE: Final = 1.0
"""The oracle's regret of a move that loses at once."""


@dataclass(slots=True)
class Tally:
    """Counts of decisions, and the seconds that they took."""

    rated: bool
    """Whether the game has an oracle."""
    decisions: int = 0
    seconds: float = 0.0
    tokens: int = 0
    """Of the prompts; a place of a picture counts as one."""
    comparable: bool = True
    """Whether it can be told what the player read."""
    misread: int = 0
    acted_wrongly: int = 0
    regrets: list[NDArray[np.float32]] = field(default_factory=list)
    """Of the moves that the oracle regrets, on rightly read positions, and that do not lose at once."""

    def share(self, count: int, among: int | None = None) -> float | None:
        """Return a count as a share of the decisions, or of some of them."""
        among = self.decisions if among is None else among
        return count / among if among else None

    @property
    def tokens_per_decision(self) -> float | None:
        """See `probe.Found`."""
        return self.tokens / self.decisions if self.tokens else None

    @property
    def read_errors(self) -> float | None:
        """See `probe.Found`."""
        return self.share(self.misread) if self.comparable else None

    @property
    def reason_errors(self) -> float | None:
        """See `probe.Found`."""
        wrong = sum(map(len, self.regrets))
        return self.share(wrong, self.decisions - self.misread) if self.rated else None

    @property
    def reason_regret(self) -> float | None:
        """See `probe.Found`."""
        regrets = np.concatenate(self.regrets) if self.regrets else np.zeros(0, np.float32)
        return float(regrets.mean()) if len(regrets) else None


def play(task: Task, player: Player, seeds: NDArray[np.uint64]) -> Tally:
    """Play one game per seed and count what goes wrong. A game in which the controller fails is over.

    Args:
        task: the game.
        player: plays.
        seeds: (G,) uint64.
    """
    engine, gone = task.engine(seeds), np.zeros(len(seeds), np.bool_)
    tally, actions = Tally(task.oracle is not None), np.zeros(len(seeds), np.int8)
    reader = _policy_of(player, "encode")
    while len(rows := np.flatnonzero(~engine.done & ~gone)):
        truth = engine.observations(rows)
        begun = time.perf_counter()
        seen, chosen, failed = decide(player, truth)
        tally.seconds += time.perf_counter() - begun
        if reader is not None:
            tally.tokens += prompt_tokens(reader, seen)
        regret = _regret(task, engine, rows, chosen)
        actions[rows] = chosen
        gone[rows[failed]] = True
        engine.step(actions)
        _count(tally, misread(task, seen, truth, player), regret, _blundered(task, engine, rows), failed)
    return tally


def decide(player: Player, truth: Observations) -> tuple[Observations, NDArray[np.int8], NDArray[np.bool_]]:
    """Return what the player sees of B positions, its actions (B,) int8, and where its controller failed (B,) bool."""
    seen = player.perceive(truth) if player.perceive is not None else truth
    failed = np.zeros(len(truth), np.bool_)
    logits = player.policy.logits(seen)
    try:
        actions, places = player.answers(seen, logits, ~failed)
        failed[places] = True
    except CandidateFault:  # the worker itself
        player.renew()
        actions, failed[:] = np.zeros(len(truth), np.int8), True
    return seen, actions, failed


def misread(task: Task, seen: Observations, truth: Observations, player: Player) -> NDArray[np.bool_] | None:
    """Return which of B positions were read wrongly, (B,) bool; None if it cannot be told.

    A policy with eyes of its own is asked what it saw: the classes of the board's cells, as its last states tell them. Of any
    other player, what perception gave it is compared with what is there.
    """
    own = _policy_of(player, "told")
    if own is not None:
        told = own.told(seen)
        return None if told is None else np.asarray((told != sight_of(task).label(truth)).any(axis=1))
    wrong = np.zeros(len(truth), np.bool_)
    if player.perceive is None:
        return wrong
    replaced = [key for key, column in truth.columns.items() if key in seen.columns and seen.columns[key] is not column]
    for key in replaced:
        wrong |= _differs(key, seen, truth)
    return wrong if replaced else None


def _policy_of(player: Player, ability: str) -> Any:
    """Return the language policy that plays, within whatever serves it, if it has an ability; else None."""
    policy: Any = player.policy
    while policy is not None and not hasattr(policy, ability):
        policy = getattr(policy, "policy", None)
    return policy


def _differs(key: str, seen: Observations, truth: Observations) -> NDArray[np.bool_]:
    """Return the rows in which a column was read wrongly; what lies beyond the end of a list does not count."""
    read, real = seen.columns[key], truth.columns[key]
    if read.shape != real.shape:
        return np.ones(len(truth), np.bool_)
    apart = np.asarray(read != real)
    if real.ndim == 1:
        return apart
    if key not in truth.lengths:
        return np.asarray(apart.any(axis=1))
    ends = truth.lengths[key].astype(np.int64)
    other = seen.lengths[key].astype(np.int64) != ends if key in seen.lengths else np.ones(len(truth), np.bool_)
    return np.asarray((apart & (np.arange(real.shape[1]) < ends[:, None])).any(axis=1) | other)


def _regret(task: Task, engine: Engine, rows: NDArray[np.int64], actions: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return the oracle's regret of moves, (R,) float32; zeros without an oracle."""
    if task.oracle is None:
        return np.zeros(len(rows), np.float32)
    return np.asarray(task.oracle.regret(engine.clone(rows))[np.arange(len(rows)), actions], np.float32)


def _blundered(task: Task, engine: Engine, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which games their last move has just ended, as a blunder: (R,) bool."""
    blunders = [
        place for place, cause in enumerate(task.causes) if cause in task.endings and task.endings[cause].kind == "blunder"
    ]
    return np.asarray(engine.done[rows] & np.isin(engine.outcomes().cause[rows], blunders))


def _count(
    tally: Tally,
    wrong: NDArray[np.bool_] | None,
    regret: NDArray[np.float32],
    blundered: NDArray[np.bool_],
    failed: NDArray[np.bool_],
) -> None:
    """Count the decisions of one step; all arrays are (R,). An oracle knows which losses could have been avoided.

    Each decision counts once: a move that follows from a misread position is an error of reading, whatever became of it.
    """
    if wrong is None:
        tally.comparable, wrong = False, np.zeros(len(regret), np.bool_)
    acted = failed | (~wrong & (regret >= LOSES_AT_ONCE if tally.rated else blundered))
    tally.decisions += len(regret)
    tally.misread += int(wrong.sum())
    tally.acted_wrongly += int(acted.sum())
    tally.regrets.append(regret[~wrong & ~acted & (regret > 0)])


def single_decisions(task: Task, player: Player, seed: int) -> NDArray[np.float64]:
    """Return the seconds of single decisions at positions from all phases of the game: (N,) float64."""
    positions, times = task.positions(seed, WARM + SINGLE).observations(), list[float]()
    end = time.perf_counter() + PATIENCE_S
    for place in range(len(positions)):
        truth = positions.take([place])
        begun = time.perf_counter()
        decide(player, truth)
        now = time.perf_counter()
        times.append(now - begun)
        if now > end:
            break
    return np.array(times[min(WARM, len(times) - 1) :])


def peak_memory_mb() -> float:
    """Return the largest resident memory that this process has had, in 10^6 bytes.

    Linux keeps it per program. What `getrusage` says may be that of the process which started this one.
    """
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
