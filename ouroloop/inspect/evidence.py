"""The evidence for a verdict, between its record and a run's document: whatever one of the two says, the other says too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect import document as doc
from ouroloop.protocols.records import Build, Effect, SeedRange, TTest, Verdict

if TYPE_CHECKING:
    from ouroloop.protocols.records import Outcome


def evidence(verdict: Verdict | None) -> doc.Evidence:
    """Return the evidence for a verdict; every field is None if nothing is decided, or no games were played."""
    if verdict is None:
        verdict = Verdict("rejected", "", "")
    effect, seeds, test = verdict.effect, verdict.seeds, verdict.t_test
    return {
        "effect": doc.Effect(utility=effect.utility, low=effect.low, high=effect.high, games=effect.games) if effect else None,
        "e_value": verdict.e_value,
        "alpha": verdict.alpha,
        "seeds": doc.Seeds(stream=seeds.stream, first=seeds.first, count=seeds.count) if seeds else None,
        "t_test": doc.TTest(games=test.games, t=test.t, p=test.p) if test else None,
        "regret": None if verdict.regret is None else list(verdict.regret),
        "bound": verdict.bound,
        "against": None if verdict.incumbent is None else parts_of(verdict.incumbent),
        "health": None if verdict.training is None else dict(verdict.training),
    }


def verdict_of(found: doc.Candidate, outcome: Outcome) -> Verdict:
    """Return a candidate's verdict from its document.

    Args:
        found: the candidate.
        outcome: its verdict, which must not be pending.
    """
    effect, seeds, test, regret = found["effect"], found["seeds"], found["t_test"], found["regret"]
    return Verdict(
        outcome,
        found["layer"],
        found["reason"],
        Effect(**effect) if effect else None,
        found["e_value"],
        found["alpha"],
        Build(**found["against"]) if found["against"] else None,
        found["health"],
        (regret[0], regret[1]) if regret else None,
        SeedRange(**seeds) if seeds else None,
        TTest(**test) if test else None,
        found["bound"],
    )


def parts_of(build: Build) -> doc.Parts:
    """Return a build by its content hashes."""
    return {"policy": build.policy, "reward": build.reward, "controller": build.controller}
