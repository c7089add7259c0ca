"""Gate: the A* screen on a bank of positions, then races on seeds that nothing has used before.

Candidates that change the policy race first, then the patches, which were written for the policy that they drive. Each
race is against the incumbent at that time. A race spends its level before its first game. Every block of games is a step
of its own, so a killed run can resume in the middle of a race.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.gate.bound import shown_gain
from ouroloop.gate.failures import ALLOWED, too_many
from ouroloop.gate.race import Judgement, Played, RaceRules, race
from ouroloop.gate.spending import spending
from ouroloop.gate.ttest import paired_t
from ouroloop.ledger.steps import gate as steps
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Kind, Verdict
from ouroloop.runs import seeds
from ouroloop.runs.by_hand.approve import settled
from ouroloop.runs.context import nine_decimals, spent
from ouroloop.runs.phases.apply import apply
from ouroloop.runs.phases.assemble import assembled, trained
from ouroloop.runs.phases.order import order
from ouroloop.runs.players import Player, close, lost, outcomes_of_accepted

if TYPE_CHECKING:
    from ouroloop.gate.race import Floats
    from ouroloop.ledger.steps.key import Key
    from ouroloop.protocols.records import Build, Candidate, SeedRange
    from ouroloop.runs.context import Run

HEATS: tuple[Kind, ...] = ("reward", "both", "patch")
"""The kinds, in the order in which they race."""


def gate(run: Run, round: int) -> None:
    """Judge all candidates without a verdict; apply the winner of each race before the next race begins."""
    ranked = order(run, round)
    by_id = {c.id: c for c in run.candidates(round)}
    for entry in ranked:
        if entry.fault is not None:
            run.reject(round, by_id[entry.candidate], entry.fault.layer, entry.fault.reason)
        elif entry.objection is not None:
            run.reject(round, by_id[entry.candidate], "oracle", entry.objection)
    for kind in HEATS:
        field = [e for e in ranked if e.kind == kind and e.fault is None and e.objection is None]
        if field:
            _heat(run, round, kind, [(by_id[entry.candidate], entry) for entry in field])


def _heat(run: Run, round: int, kind: Kind, entries: list[tuple[Candidate, steps.Ranked]]) -> None:
    """Let the candidates of a kind race, record each verdict, the winner's last, and apply the winner."""
    field = _field(run, round, kind, [candidate for candidate, _ in entries])
    entries = [entry for entry in entries if entry[0] in field]
    if not field:
        return
    params = {"candidates": [c.id for c in field]}
    stake = run.step(steps.spend(round, kind), params, lambda: _spend(run, field))
    judged = run.step(steps.judge(round, kind), params, lambda: _race(run, round, kind, field, stake))
    for candidate, entry in sorted(entries, key=lambda one: judged.verdicts[one[0].id].outcome == "accepted"):
        training = None if candidate.reward is None else trained(run, round, candidate).health
        assert entry.profile is not None
        theirs = entry.incumbent.regret if entry.incumbent else 1.0  # a failing incumbent counts as losing everywhere
        rated = None if run.task.oracle is None else (entry.profile.regret, theirs)
        verdict = replace(judged.verdicts[candidate.id], training=training, regret=rated)
        run.decide(round, candidate, settled(run, round, candidate, verdict))
        apply(run, round, candidate)


def _field(run: Run, round: int, kind: Kind, candidates: list[Candidate]) -> list[Candidate]:
    """Return those who race: not who would change nothing, since an earlier heat accepted all of it with something else."""
    begun, now = run.find(steps.spend(round, kind)), run.incumbent()
    if begun is not None:
        return [candidate for candidate in candidates if candidate.id in begun.candidates]
    for candidate in candidates:
        if assembled(run, round, candidate, now) == now:
            run.reject(round, candidate, "gate", "accepted in this round already, as a part of another candidate")
    return [candidate for candidate in candidates if run.find(steps.verdict(round, candidate.id)) is None]


def _spend(run: Run, field: list[Candidate]) -> steps.Stake:
    """Spend a level on a race before its first game, and reserve its seeds."""
    settings, history = run.recipe.gate, spent(run.ledger)
    rule = spending(settings.spending, settings.alpha)
    games = seeds.race(settings, len(history))
    return steps.Stake(tuple(c.id for c in field), run.incumbent(), rule.level(history), games)


def _race(run: Run, round: int, kind: Kind, field: list[Candidate], stake: steps.Stake) -> steps.Judged:
    """Run the race. The candidates share its level evenly, which bounds the chance of any false acceptance by the level."""
    settings = run.recipe.gate
    rules = RaceRules(settings.games, settings.batch, settings.gain, settings.beta)
    entrants = {c.id: assembled(run, round, c, stake.incumbent) for c in field}
    grounds = Grounds(run, partial(steps.block, round, kind), stake, entrants)
    try:
        found = race(grounds.play, {c.id: stake.level / len(field) for c in field}, rules, _luck(run, round, kind, field))
    finally:
        grounds.close()
    return steps.Judged({id: _verdict(judged, stake, rules) for id, judged in found.items()})


def _luck(run: Run, round: int, kind: Kind, field: list[Candidate]) -> dict[str, float] | None:
    """Return each candidate's draw from (0, 1] for the last look, or None if the recipe asks for none."""
    if not run.recipe.gate.last_look:
        return None
    draws = np.random.default_rng(run.seed("last look", round, kind)).random(len(field))
    return {candidate.id: 1.0 - float(draw) for candidate, draw in zip(field, draws, strict=True)}


def _verdict(found: Judgement, stake: steps.Stake, rules: RaceRules) -> Verdict:
    bound = None
    if found.accepted:
        bound = shown_gain(found.differences, alpha=found.alpha, gain=rules.gain, games=rules.games)
    return Verdict(
        "accepted" if found.accepted else "rejected",
        found.layer,
        found.reason,
        found.effect,
        found.e_value,
        found.alpha,
        stake.incumbent,
        seeds=stake.seeds.part(0, len(found.differences)),
        t_test=paired_t(found.differences),
        bound=None if bound is None else nine_decimals(bound),
    )


class Grounds:
    """Plays a race: opens the players at the first block that is not on record, and records each block.

    Args:
        run: the run.
        key: gives the step of a block from the number of its first pair of games.
        stake: the race's incumbent and seeds.
        entrants: the build that plays for each candidate.
    """

    def __init__(
        self, run: Run, key: Callable[[int], Key[steps.Block]], stake: steps.Stake, entrants: dict[str, Build]
    ) -> None:
        """Keep the terms of the race; open nothing yet."""
        self.run, self.key, self.stake, self.entrants = run, key, stake, entrants
        self._players: dict[str, Player | CandidateFault] = {}
        self._lost: dict[str, int] = {}
        self._defender: Player | None = None

    def play(self, names: Sequence[str], start: int, count: int) -> Played:
        """Return a block of games (this is a `race.Play`); a block on record is not played again."""
        games = self.stake.seeds.part(start, count)
        params = {**asdict(games), "candidates": list(names)}
        block = self.run.step(self.key(start), params, lambda: self._block(names, games, start + count))
        judged = {name: self._judged(name, block.candidates[name], start + count) for name in names}
        return Played(np.array(block.incumbent), judged)

    def _judged(self, name: str, turn: steps.Turn, games: int) -> Floats | CandidateFault:
        """Return a candidate's utilities in a block, or the fault that ends its race, such as failing in too many games."""
        if turn.fault is not None:
            return CandidateFault(turn.fault.layer, turn.fault.reason)
        self._lost[name] = self._lost.get(name, 0) + turn.lost
        if too_many(self._lost[name], games):
            shown = f"failed in {self._lost[name]} of {games} games, shown to be more than {ALLOWED:.0%} of all"
            return CandidateFault("sandbox", f"{shown}: {turn.reason}")
        return np.array(turn.utility)

    def close(self) -> None:
        """End all workers."""
        for player in (self._defender, *self._players.values()):
            if not isinstance(player, CandidateFault):
                close(player)

    def _block(self, names: Sequence[str], games: SeedRange, pairs: int) -> steps.Block:
        """Play a block, with the incumbent and the candidates side by side; after it, `pairs` pairs have been played."""
        run = self.run
        self._open(names)
        numbers, played = run.players.seeds(games), (1 + len(names)) * games.count
        with ThreadPoolExecutor(run.recipe.threads) as pool:
            theirs = pool.submit(outcomes_of_accepted, self._defender, run.task, numbers)
            mine = {name: pool.submit(self._turn, name, numbers) for name in names}
        run.progress.games(played)
        run.progress.advance("race", pairs / run.recipe.gate.games, f"{len(names)} racing, {pairs} pairs")
        utilities = tuple(nine_decimals(u) for u in theirs.result().utility)
        return steps.Block(utilities, {name: future.result() for name, future in mine.items()}, played)

    def _open(self, names: Sequence[str]) -> None:
        """Open the players that are not open yet, and end the workers of candidates that have left the race."""
        if self._defender is None and not self._players:
            self._defender = self.run.players.open_or_none(self.stake.incumbent)
        for name in self._players.keys() - set(names):
            gone = self._players.pop(name)
            if not isinstance(gone, CandidateFault):
                close(gone)
        for name in names:
            if name not in self._players:
                try:
                    self._players[name] = self.run.players.open(self.entrants[name])
                except CandidateFault as fault:
                    self._players[name] = fault

    def _turn(self, name: str, numbers: list[int]) -> steps.Turn:
        """Return a candidate's utilities and the games that it lost by failing, or the fault that ends its race."""
        try:
            player = self._players[name]
            if isinstance(player, CandidateFault):
                raise player
            found = player.play(self.run.task, numbers)
        except CandidateFault as fault:
            return steps.Turn(fault=steps.Fault(fault.layer, fault.reason))
        reason = player.fault.reason if player.fault is not None else ""
        return steps.Turn(tuple(nine_decimals(u) for u in found.utility), lost(found), reason)
