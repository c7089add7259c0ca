"""The A* screen: moves on a bank of positions, judged by the oracle's regret. It rejects hopeless players, orders the rest.

Utility is lost by whatever ends the scoring: a move into death or a trap, and going in circles until the game starves. Single
moves reveal the first, but hardly the second: a player that covers the whole board and eats everything makes as many detours as
one that circles for ever. A player is therefore also followed from a few early positions until it scores, dies or returns to an
earlier position. `merit` combines both into one expected share of the score, by a survival model over the phases of the game.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.loop import Perceive, decider
from ouroloop.gate.bank import FATAL, HORIZON, Bank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.envs.loop import Decide
    from ouroloop.protocols.ports import Engine, Policy, Session
    from ouroloop.protocols.records import Observations

HAZARD: Final = (0.1, 0.3, 20.0)
"""What all moves being detours, off all safe ways, or fatal adds to a phase's hazard.

Detours are nearly free, since every player that covers the whole board makes them. Halving or doubling a number here hardly
changes the order of controllers.
"""
OFF: Final = 0.25
"""A move with this regret or more that is not fatal leaves all known safe ways."""
FAILURE_HAZARD: Final = 2.0
"""What fatal moves at all failures of past incumbents add to each phase's hazard."""
STALL_HAZARD: Final = 60.0
"""What losing all pursuits adds to the first phase's hazard: a player that does not score early never reaches later phases."""
FLOOR: Final = 0.01
"""The least hazard of a phase: a bank cannot distinguish smaller ones."""
EXCESS: Final = 0.3
"""A hopeless player loses at this many more of the positions than the incumbent, beyond three standard errors, ..."""
SLOWER: Final = 0.25
"""... and in this many more of the pursuits."""


@dataclass(frozen=True, slots=True)
class View:
    """What a player sees of B positions, and how its policy rates the moves.

    Args:
        seen: B observations, as perceived.
        logits: (B, A) float32.
    """

    seen: Observations
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a player does on a bank of B positions and S starts.

    Args:
        moves: (B,) int8.
        lost: (S,) bool, whether a pursuit ended in a death or a circle.
    """

    moves: NDArray[np.int8]
    lost: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Profile:
    """Summary of a player's answers.

    Args:
        regret: mean regret of its moves.
        dies: share of positions in which its move loses at once; the four shares sum to 1.
        trapped: share in which it is fatal, but not at once.
        detour: share in which it is merely not the best.
        optimal: share in which it is the best.
        stalled: share of pursuits that it lost.
        merit: in (0, 1), higher for a better expected utility; candidates are ordered by it.
    """

    regret: float
    dies: float
    trapped: float
    detour: float
    optimal: float
    stalled: float
    merit: float

    @property
    def fatal(self) -> float:
        """Share of positions in which the move dies or gets trapped."""
        return self.dies + self.trapped


@dataclass(frozen=True, slots=True)
class BankScore:
    """A candidate compared with the incumbent on the bank.

    Args:
        candidate: the candidate's profile.
        incumbent: the incumbent's profile; None if it fails.
        changed: share of positions and pursuits in which the two differ.
        positions: size of the bank.
    """

    candidate: Profile
    incumbent: Profile | None
    changed: float
    positions: int

    @property
    def objection(self) -> str | None:
        """The reason why the candidate is hopeless, or None."""
        mine, theirs = self.candidate, self.incumbent
        if theirs is None:
            return None
        if mine.stalled == 1 and theirs.stalled <= 1 / 2:
            return f"dies or circles in all pursuits, the incumbent in {theirs.stalled:.0%} of them"
        # `changed` bounds the variance of the difference of fatal shares.
        margin = max(EXCESS, 3 * (self.changed / self.positions) ** 0.5)
        if mine.fatal - theirs.fatal > margin and mine.stalled - theirs.stalled > SLOWER:
            return f"loses at {mine.fatal:.0%} of {self.positions} positions, the incumbent at {theirs.fatal:.0%}"
        return None


def answers(bank: Bank, view: View, policy: Policy, session: Session | None, perceive: Perceive | None = None) -> Answers:
    """Return what a player does on the bank.

    Args:
        bank: positions.
        view: what the player sees of them, and how its policy rates the moves; candidates with the same policy share it.
        policy: rates the actions.
        session: a controller; without one the highest logit is played.
        perceive: turns true observations into perceived ones.

    Raises:
        CandidateFault: the controller failed.
    """
    moves = view.logits.argmax(axis=1).astype(np.int8) if session is None else session.act(view.seen, view.logits)
    return Answers(moves, pursue(bank.starts, decider(policy, session, perceive)))


def pursue(starts: Engine, decide: Decide) -> NDArray[np.bool_]:
    """Follow a player from each start to its first point, for at most `HORIZON` moves; return whether it is lost: (S,) bool.

    A position that recurs without a point in between will recur for ever if the player depends on nothing but the position.
    A player that has neither scored nor closed a circle is not lost: it may be on its way across the whole board.
    """
    games = starts.clone(np.arange(starts.games))
    before, lost, scored = games.outcomes().score, np.zeros(starts.games, np.bool_), np.zeros(starts.games, np.bool_)
    known: set[tuple[int, bytes]] = set()
    actions = np.zeros(starts.games, np.int8)
    for _ in range(HORIZON):
        rows = np.flatnonzero(~lost & ~scored)
        seen = games.observations(rows)
        marks = [(int(row), mark(seen, index)) for index, row in enumerate(rows)]
        fresh = np.array([m not in known for m in marks], np.bool_)
        known.update(marks)
        lost[rows[~fresh]] = True
        if not fresh.any():
            break
        actions[rows[fresh]] = decide(seen.take(np.flatnonzero(fresh)))
        games.step(actions)
        scored |= games.outcomes().score > before
        lost |= games.done & ~scored
        if 2 * lost.sum() >= len(lost):  # lost from so many starts: the others would cost time and tell little
            return ~scored
    return lost


def mark(observations: Observations, index: int) -> bytes:
    """Return what identifies a position: its lists. Single numbers are left out, since one may be a clock."""
    return b"".join(column[index].tobytes() for column in observations.columns.values() if column.ndim > 1)


def score_bank(bank: Bank, candidate: Answers, incumbent: Answers | None) -> BankScore:
    """Compare a candidate's answers with the incumbent's; None for one that fails."""
    changed = 1.0
    if incumbent is not None:
        differ = np.concatenate([candidate.moves != incumbent.moves, candidate.lost != incumbent.lost])
        changed = float(differ.mean())
    theirs = None if incumbent is None else profile(bank, incumbent)
    return BankScore(profile(bank, candidate), theirs, changed, len(bank))


def profile(bank: Bank, given: Answers) -> Profile:
    """Return the summary of a player's answers on a bank."""
    regret = regret_of(bank, given)
    dies, fatal, best = float((regret >= 1).mean()), float((regret >= FATAL).mean()), float((regret == 0).mean())
    return Profile(
        regret=round(float(regret.mean()), 9),
        dies=dies,
        trapped=round(fatal - dies, 9),
        detour=round(1 - fatal - best, 9),
        optimal=best,
        stalled=stalled(given),
        merit=merit(bank, given),
    )


def regret_of(bank: Bank, given: Answers) -> NDArray[np.float64]:
    """Return the regret of each move that a player made: (B,) float64."""
    regret: NDArray[np.float64] = bank.regret[np.arange(len(bank)), given.moves].astype(np.float64)
    return regret


def stalled(given: Answers) -> float:
    """Return the share of pursuits that were lost; 0 if there were none."""
    return float(given.lost.mean()) if len(given.lost) else 0.0


def merit(bank: Bank, given: Answers) -> float:
    """Return the share of the score that a player can expect.

    Each phase is a third of the game. In it, the player is lost at a constant hazard `h`: of the players that enter a phase,
    `exp(-h)` leave it, and on average they cover `(1 - exp(-h)) / h` of it.

    Args:
        bank: positions.
        given: what the player does on it.
    """
    regret = regret_of(bank, given)
    stall = STALL_HAZARD * stalled(given)
    levels = np.array([0.0, *HAZARD])[(regret > 0).astype(int) + (regret >= OFF) + (regret >= FATAL)]
    past = bank.phase < 0
    base = FLOOR + (FAILURE_HAZARD * float((regret[past] >= FATAL).mean()) if past.any() else 0.0)
    alive, covered = 1.0, 0.0
    for phase in range(3):
        inside = bank.phase == phase
        hazard = base + float(levels[inside] @ bank.weight[inside]) + (stall if phase == 0 else 0.0)
        covered += alive * (1 - float(np.exp(-hazard))) / hazard / 3
        alive *= float(np.exp(-hazard))
    return round(covered, 9)
