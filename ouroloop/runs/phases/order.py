"""The A* screen: it compares each candidate's moves on a bank of positions with the incumbent's, by the oracle's regret."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ouroloop.gate.bank import Bank, Failures, build_bank, read_failures
from ouroloop.gate.screen import Answers, Profile, View, answers, score_bank
from ouroloop.ledger.steps import gate as steps
from ouroloop.ledger.steps import observe
from ouroloop.ledger.steps.gate import BankProfile, Fault, Ranked, Ranking
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.protocols.errors import CandidateFault
from ouroloop.runs.phases.assemble import assembled
from ouroloop.runs.players import Lenient, close

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Build, Candidate, Observations
    from ouroloop.runs.context import Run


def order(run: Run, round: int) -> tuple[Ranked, ...]:
    """Score the round's undecided candidates on the bank, once; return the results, most promising first."""
    return run.step(steps.order(round), {}, lambda: _order(run, round)).entries


def _order(run: Run, round: int) -> Ranking:
    pending, incumbent = run.undecided(round), run.incumbent()
    if not pending:
        return Ranking(())
    board = Examination(run, build_bank(run.task, run.seed("bank", round), run.recipe.gate.positions, failures(run, round)))
    try:
        base = board.answers(incumbent, lenient=True)
    except CandidateFault as fault:
        run.progress.note(f"the incumbent fails on the bank ({fault}) and counts as losing everywhere")
        base = None
    found: list[Ranked] = []
    firsts: list[First] = []
    for i, candidate in enumerate(pending):
        run.progress.advance("A* screen", i / len(pending), candidate.id)
        player = assembled(run, round, candidate, incumbent)
        try:
            given = board.answers(player)
            score = score_bank(board.bank, given, base)
            same = score.changed == 0 and board.same_on_pool(player, incumbent)
            twin = None if same else board.twin(First(candidate, player, given), firsts)
        except CandidateFault as fault:
            found.append(Ranked(candidate.id, candidate.kind, fault=Fault(fault.layer, f"on the bank: {fault.reason}")))
        else:
            whose = "the incumbent" if same else twin
            objection = score.objection if whose is None else f"same moves as {whose} on all {board.bank.distinct} positions"
            mine, theirs = _profile(score.candidate), _profile(score.incumbent)
            found.append(Ranked(candidate.id, candidate.kind, mine, theirs, objection, None, score.changed, score.positions))
    return Ranking(tuple(sorted(found, key=lambda r: (-r.profile.merit if r.profile else 1.0, r.candidate))))


def _profile(found: Profile | None) -> BankProfile | None:
    return None if found is None else BankProfile(**asdict(found))


def failures(run: Run, round: int) -> list[Failures]:
    """Return the positions in which incumbents lost search games, up to this round, newest first."""
    seen = (run.find(observe.play(r)) for r in range(round, FIRST_ROUND - 1, -1))
    return [read_failures(run.store.text(played.failures)) for played in seen if played is not None and played.failures]


@dataclass(frozen=True, slots=True)
class First:
    """A candidate that no earlier one of the round equals, the build that plays for it, and its answers on the bank."""

    candidate: Candidate
    player: Build
    given: Answers


def alike(one: Answers, other: Answers) -> bool:
    """Return whether two players do the same on the bank."""
    return np.array_equal(one.moves, other.moves) and np.array_equal(one.lost, other.lost)


class Examination:
    """A bank, and each policy's view of it, which candidates with the same policy share."""

    def __init__(self, run: Run, bank: Bank) -> None:
        """Keep the bank; ask no player yet."""
        self.run, self.bank = run, bank
        self._seen: dict[str, Observations] = {}
        self._views: dict[tuple[str, str], View] = {}
        self._pool_moves: dict[Build, NDArray[np.int8]] = {}

    def answers(self, player: Build, *, lenient: bool = False) -> Answers:
        """Return what a player does on the bank; if `lenient`, action 0 stands for the answers in which it fails.

        Raises:
            CandidateFault: its controller fails, or its worker does.
        """
        view, opened = self._view("bank", player.policy), self.run.players.open(player)
        session = Lenient(opened) if lenient else opened.session
        try:
            return answers(self.bank, view, opened.policy, session, opened.perceive)
        finally:
            close(opened)

    def same_on_pool(self, player: Build, incumbent: Build) -> bool:
        """Return whether two players make the same moves in all positions of the pool that the bank was drawn from.

        Raises:
            CandidateFault: the player's controller fails, or a worker does.
        """
        if incumbent not in self._pool_moves:
            self._pool_moves[incumbent] = self._moves(incumbent, lenient=True)
        return np.array_equal(self._on_pool(player), self._pool_moves[incumbent])

    def twin(self, new: First, firsts: list[First]) -> str | None:
        """Return the id of the candidate of the same kind that makes the same moves everywhere, or None; then enter `new`.

        Raises:
            CandidateFault: a controller fails, or a worker does.
        """
        for first in firsts:
            comparable = first.candidate.kind == new.candidate.kind and alike(first.given, new.given)
            if comparable and np.array_equal(self._on_pool(first.player), self._on_pool(new.player)):
                return first.candidate.id
        firsts.append(new)
        return None

    def _on_pool(self, player: Build) -> NDArray[np.int8]:
        """Return a candidate's moves in the pool; it is asked once."""
        if player not in self._pool_moves:
            self._pool_moves[player] = self._moves(player, lenient=False)
        return self._pool_moves[player]

    def _moves(self, player: Build, *, lenient: bool) -> NDArray[np.int8]:
        view, opened = self._view("pool", player.policy), self.run.players.open(player)
        session = Lenient(opened) if lenient else opened.session
        try:
            return session.act(view.seen, view.logits)
        finally:
            close(opened)

    def _view(self, which: Literal["bank", "pool"], policy: str) -> View:
        """Return what a policy sees of the bank or the pool; each is perceived once, and rated once per policy."""
        if which not in self._seen:
            true = self.bank.observations if which == "bank" else self.bank.pool
            perceive = self.run.players.perceive
            self._seen[which] = perceive(true) if perceive else true
        if (which, policy) not in self._views:
            seen = self._seen[which]
            self._views[which, policy] = View(seen, self.run.players.policy(policy).logits(seen))
        return self._views[which, policy]
