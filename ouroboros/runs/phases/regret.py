"""The A* screen: what every candidate does on a bank of positions, beside the incumbent, weighed by the oracle's regret."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ouroboros.protocols.errors import CandidateFault
from ouroboros.runs.gate.bank import Bank, Failures, build_bank, read_failures
from ouroboros.runs.gate.oracle import Answers, answers, score_bank
from ouroboros.runs.phases.settle import combined
from ouroboros.runs.players import Lenient, close

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroboros.protocols.records import Incumbent
    from ouroboros.runs.context import Run


def order(run: Run, round: int) -> list[dict[str, Any]]:
    """Score the round's undecided candidates on the bank, once; return an entry for each, the most promising first.

    An entry holds `candidate` and `kind`, and either `fault` (layer and reason) or `score` and `objection`.
    """
    found: list[dict[str, Any]] = run.step(f"{round}/gate/order", "gate.screen", {}, lambda: _order(run, round))
    return found


def _order(run: Run, round: int) -> list[dict[str, Any]]:
    pending, incumbent = run.undecided(round), run.incumbent()
    if not pending:
        return []
    screen = Screen(run, build_bank(run.task, run.seed("bank", round), run.recipe.gate.positions, failures(run, round)))
    try:
        base = screen.answers(incumbent, lenient=True)
    except CandidateFault as fault:
        run.progress.note(f"the incumbent fails on the bank ({fault}): it counts as losing everywhere")
        base = None
    out: list[dict[str, Any]] = []
    for i, candidate in enumerate(pending):
        run.progress.advance("A* screen", i / len(pending), candidate.id)
        entry: dict[str, Any] = {"candidate": candidate.id, "kind": candidate.kind}
        try:
            score = score_bank(screen.bank, screen.answers(combined(run, round, candidate, incumbent)), base)
        except CandidateFault as fault:
            entry |= {"fault": {"layer": fault.layer, "reason": f"on the bank: {fault.reason}"}}
        else:
            entry |= {"score": asdict(score), "objection": score.objection}
        out.append(entry)
    return sorted(out, key=lambda e: (-e.get("score", {}).get("merit", -1.0), e["candidate"]))


def failures(run: Run, round: int) -> list[Failures]:
    """Return the positions in which incumbents lost their search games up to this round, newest first."""
    steps = (run.ledger.step(f"{r}/observe/play") for r in range(round, -1, -1))
    return [read_failures(run.store.text(s.result["failures"])) for s in steps if s is not None and s.result["failures"]]


class Screen:
    """A bank, and what each policy makes of it, which candidates of the same policy share."""

    def __init__(self, run: Run, bank: Bank) -> None:
        """Ask nobody yet."""
        self.run, self.bank = run, bank
        self._logits: dict[str, NDArray[np.float32]] = {}

    def answers(self, player: Incumbent, *, lenient: bool = False) -> Answers:
        """Return what a player does on the bank; where it fails, action 0 if `lenient`.

        Raises:
            CandidateFault: its controller fails, or its worker does.
        """
        opened = self.run.players.open(player)
        session = Lenient(opened) if lenient else opened.session
        try:
            if player.policy not in self._logits:
                seen = opened.perceive(self.bank.observations) if opened.perceive else self.bank.observations
                self._logits[player.policy] = opened.policy.logits(seen)
            known = self._logits[player.policy]
            return answers(self.bank, opened.policy, session, perceive=opened.perceive, logits=known)
        finally:
            close(opened)
