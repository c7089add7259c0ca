"""The gate's verdict on trained policies, by its A* screen and its race with a recipe's defaults; no controllers are used.

In a run, an alarm that stops a training rejects the candidate before the gate (layer `training`). Here the gate judges policies
as their trainings would have left them with all alarms noted: what would it do if nobody had watched?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.bench.timing import significant
from ouroloop.gate.bank import Bank, build_bank
from ouroloop.gate.race import Judgement, Played, RaceRules, race
from ouroloop.gate.screen import Answers, View, answers, score_bank
from ouroloop.gate.spending import spending
from ouroloop.policy.play import play
from ouroloop.protocols.seeds import derived_seed, game_seeds
from ouroloop.runs.recipe import GateSettings

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy, Task

NAME = "candidate"


def verdict(task: Task, incumbent: Policy, candidate: Policy, seed: int) -> dict[str, Any]:
    """Return the gate's verdict on a policy compared with another, as the first candidate of a run.

    In a run, the screen's rejection would keep it from racing. Here it races all the same, so that both layers give a verdict.

    Args:
        task: the game.
        incumbent: the policy that plays now.
        candidate: the policy that would replace it.
        seed: the run's, for bank and games.
    """
    settings = GateSettings()
    bank = build_bank(task, derived_seed(seed, "bank", 0), settings.positions)
    objection = score_bank(bank, on_bank(bank, candidate), on_bank(bank, incumbent)).objection
    found = raced(task, incumbent, candidate, seed, settings)
    layer = "oracle" if objection is not None else found.layer
    return {
        "outcome": "accepted" if objection is None and found.accepted else "rejected",
        "layer": layer,
        "reason": objection or found.reason,
        "race": {
            "accepted": found.accepted,
            "reason": found.reason,
            "e_value": significant(found.e_value),
            "level": found.alpha,
            "pairs": len(found.differences),
            "utility": significant(found.effect.utility) if found.effect else None,
            "low": significant(found.effect.low) if found.effect else None,
            "high": significant(found.effect.high) if found.effect else None,
        },
    }


def on_bank(bank: Bank, policy: Policy) -> Answers:
    """Return a policy's answers on a bank, without a controller."""
    return answers(bank, View(bank.observations, policy.logits(bank.observations)), policy, None)


def raced(task: Task, incumbent: Policy, candidate: Policy, seed: int, settings: GateSettings) -> Judgement:
    """Return the judgement of a race on the gate's seeds, at the level of a run's first race."""

    def play_block(racing: Sequence[str], start: int, count: int) -> Played:
        seeds = np.array(game_seeds(seed, "gate", start, count), dtype=np.uint64)
        utilities = [play(task, player, seeds).utility for player in (incumbent, candidate)]
        return Played(utilities[0], dict.fromkeys(racing, utilities[1]))

    level = spending(settings.spending, settings.alpha).level([])
    rules = RaceRules(settings.games, settings.batch, settings.gain, settings.beta)
    return race(play_block, {NAME: level}, rules)[NAME]


def summary(verdicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how many the gate accepted and how many it rejected, at which layers, and the verdicts themselves."""
    rejected = [found for found in verdicts if found["outcome"] == "rejected"]
    return {
        "accepted": len(verdicts) - len(rejected),
        "rejected": len(rejected),
        "layers": dict(Counter(found["layer"] for found in rejected)),
        "rejected_by_race": sum(not found["race"]["accepted"] for found in verdicts),
        "verdicts": list(verdicts),
    }
