"""Gate: the A* screen on a bank of positions, then races on seeds that nobody used before.

Candidates that change the policy race first, then the patches, which were written against the policy that they drive. Each
race is against the incumbent of that moment; its level is spent before its first game, and every block of games is a step
of its own, so a run that was killed goes on in the middle of a race.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.gate.race import Judgement, Played, RaceRules, race
from ouroloop.gate.spending import spending
from ouroloop.gate.ttest import paired_t
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Incumbent, Kind, SeedRange, Verdict
from ouroloop.runs.context import VERDICT, as_dict, kept, spent
from ouroloop.runs.phases.order import order
from ouroloop.runs.phases.settle import combined, settle
from ouroloop.runs.phases.train import trained
from ouroloop.runs.players import Player, close, lost, outcomes_of_accepted

if TYPE_CHECKING:
    from ouroloop.gate.race import Floats
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.context import Run

HEATS: tuple[Kind, ...] = ("reward", "both", "patch")
"""The kinds in the order in which they race."""
MOST_LOST = 0.25
"""Share of its games that a candidate may lose by failing before it is sent away."""


def gate(run: Run, round: int) -> None:
    """Judge all candidates that are still without a verdict; settle what a race accepts before the next one begins."""
    ranked = order(run, round)
    by_id = {c.id: c for c in run.candidates(round)}
    for entry in ranked:
        if "fault" in entry:
            run.reject(round, by_id[entry["candidate"]], entry["fault"]["layer"], entry["fault"]["reason"])
        elif entry["objection"] is not None:
            run.reject(round, by_id[entry["candidate"]], "oracle", entry["objection"])
    for kind in HEATS:
        field = {by_id[e["candidate"]]: e for e in ranked if e["kind"] == kind and e.get("objection", "") is None}
        if field:
            _heat(run, round, kind, list(field), list(field.values()))


def _heat(run: Run, round: int, kind: Kind, field: list[Candidate], entries: list[dict[str, Any]]) -> None:
    """Let the candidates of a kind race, record what became of each, and settle the winner."""
    params = {"candidates": [c.id for c in field]}
    share = run.step(f"{round}/gate/{kind}/spend", "gate.spend", params, lambda: _spend(run, field))
    verdicts = run.step(f"{round}/gate/{kind}/judge", "gate.judge", params, lambda: _race(run, round, kind, field, share))
    for candidate, entry in zip(field, entries, strict=True):
        verdict = VERDICT.validate_python(verdicts[candidate.id])
        training = trained(run, round, candidate)["health"] if candidate.kind != "patch" else None
        mine, theirs = entry["score"]["candidate"], entry["score"]["incumbent"]
        regret = (mine["regret"], theirs["regret"] if theirs else 1.0)  # one that fails counts as losing everywhere
        rated = None if run.task.oracle is None else regret
        run.decide(round, candidate, replace(verdict, training=training, regret=rated))
        settle(run, round, candidate)


def _spend(run: Run, field: list[Candidate]) -> dict[str, Any]:
    """Spend a level on a race before its first game, and set its seeds apart."""
    settings, history = run.recipe.gate, spent(run.ledger)
    rule = spending(settings.spending, settings.alpha)
    return {
        "candidates": [c.id for c in field],
        "incumbent": as_dict(run.incumbent()),
        "level": rule.level(history),
        "first": len(history) * settings.games,
    }


def _race(run: Run, round: int, kind: Kind, field: list[Candidate], share: dict[str, Any]) -> dict[str, Any]:
    """Let them race, the race's level shared evenly: that any of them errs is then no likelier than the level."""
    settings, incumbent, first = run.recipe.gate, Incumbent(**share["incumbent"]), share["first"]
    rules = RaceRules(settings.games, settings.batch, settings.gain, settings.beta)
    entrants = {c.id: combined(run, round, c, incumbent) for c in field}
    grounds = Grounds(run, f"{round}/gate/{kind}", first, incumbent, entrants)
    try:
        found = race(grounds.play, {c.id: share["level"] / len(field) for c in field}, rules)
    finally:
        grounds.close()
    return {id: asdict(_verdict(judged, incumbent, first)) for id, judged in found.items()}


def _verdict(found: Judgement, incumbent: Incumbent, first: int) -> Verdict:
    return Verdict(
        "accepted" if found.accepted else "rejected",
        found.layer,
        found.reason,
        found.effect,
        found.e_value,
        found.alpha,
        incumbent,
        seeds=SeedRange("gate", first, len(found.differences)),
        t_test=paired_t(found.differences),
    )


class Grounds:
    """Where a race is played: opens the players at the first block that is not on record, and records each block.

    Args:
        run: the run.
        key: of the race's steps.
        first: its first gate seed.
        incumbent: whom all play against.
        entrants: who plays for each candidate.
    """

    def __init__(self, run: Run, key: str, first: int, incumbent: Incumbent, entrants: dict[str, Incumbent]) -> None:
        """Open nothing yet."""
        self.run, self.key, self.first, self.incumbent, self.entrants = run, key, first, incumbent, entrants
        self._players: dict[str, Player | CandidateFault] = {}
        self._lost: dict[str, int] = {}
        self._defender: Player | None = None

    def play(self, names: Sequence[str], start: int, count: int) -> Played:
        """Return a block of games, a `race.Play`; one on record is not played again."""
        params = {"stream": "gate", "first": self.first + start, "count": count, "candidates": list(names)}
        block = self.run.step(
            f"{self.key}/games/{start:07}", "policy.evaluate", params, lambda: self._block(names, start, count)
        )
        return Played(np.array(block["incumbent"]), {n: self._judged(n, block["candidates"][n], start + count) for n in names})

    def _judged(self, name: str, found: dict[str, Any], games: int) -> Floats | CandidateFault:
        """Return a candidate's utilities of a block; the fault where there is one, or where it failed in too many games."""
        if "fault" in found:
            return CandidateFault(found["fault"]["layer"], found["fault"]["reason"])
        self._lost[name] = self._lost.get(name, 0) + found["lost"]
        if self._lost[name] > MOST_LOST * games:
            return CandidateFault("sandbox", f"failed in {self._lost[name]} of {games} games: {found['reason']}")
        return np.array(found["utility"])

    def close(self) -> None:
        """End all workers."""
        for player in (self._defender, *self._players.values()):
            if not isinstance(player, CandidateFault):
                close(player)

    def _block(self, names: Sequence[str], start: int, count: int) -> dict[str, Any]:
        """Play a block, the incumbent and the candidates side by side."""
        run = self.run
        self._open(names)
        seeds = run.players.seeds("gate", self.first + start, count)
        with ThreadPoolExecutor(run.recipe.threads) as pool:
            theirs = pool.submit(outcomes_of_accepted, self._defender, run.task, seeds)
            mine = {name: pool.submit(self._played, name, seeds) for name in names}
        run.progress.games((1 + len(names)) * count)
        run.progress.advance("race", (start + count) / run.recipe.gate.games, f"{len(names)} racing, {start + count} pairs")
        return {
            "incumbent": [kept(u) for u in theirs.result().utility],
            "candidates": {name: future.result() for name, future in mine.items()},
            "played": (1 + len(names)) * count,
        }

    def _open(self, names: Sequence[str]) -> None:
        """Open who plays and is not open yet; end the workers of those who are out of the race."""
        if self._defender is None and not self._players:
            self._defender = self.run.players.open_or_none(self.incumbent)
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

    def _played(self, name: str, seeds: list[int]) -> dict[str, Any]:
        """Return a candidate's utilities and the games that it lost by failing, or the fault that ends its race, as JSON."""
        try:
            player = self._players[name]
            if isinstance(player, CandidateFault):
                raise player
            found = player.play(self.run.task, seeds)
        except CandidateFault as fault:
            return {"fault": {"layer": fault.layer, "reason": fault.reason}}
        reason = player.fault.reason if player.fault is not None else ""
        return {"utility": [kept(u) for u in found.utility], "lost": lost(found), "reason": reason}
