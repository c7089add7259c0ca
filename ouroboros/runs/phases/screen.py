"""Screen: cheapest first, each layer with its reason. What passes is an artifact; what fails is a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ouroboros.protocols.canonical import canonical
from ouroboros.protocols.errors import CandidateFault
from ouroboros.protocols.records import Observations, RewardSpec
from ouroboros.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from ouroboros.rewards.screen import Recorded
    from ouroboros.runs.context import Proposed, Run

RECORDED_EPISODES = 96
CONTRACT_POSITIONS = 128
NOISE = (0.02, 0.2, 1.0)
"""Shares of random moves of the recorded players: good, middling, blind. A reward must tell them apart."""


def screen(run: Run, round: int) -> None:
    """Screen all undecided candidates of the round."""
    pending = run.undecided(round)
    for i, candidate in enumerate(pending):
        run.progress.advance("screen", i / len(pending), candidate.id)
        check = _reward if candidate.kind == "reward" else _patch
        key, method = f"{round}/screen/{candidate.id}", f"{candidate.kind}.screen"
        result = run.step(key, method, {"candidate": candidate.id}, lambda check=check, c=candidate: check(run, c))  # type: ignore[misc]
        if result["outcome"] == "rejected":
            run.reject(round, candidate, result["layer"], result["reason"])


def _rejected(fault: CandidateFault) -> dict[str, Any]:
    return {"outcome": "rejected", "layer": fault.layer, "reason": fault.reason}


def _reward(run: Run, candidate: Proposed) -> dict[str, Any]:
    from ouroboros.rewards.language import parse
    from ouroboros.rewards.screen import screen_spec

    try:
        spec = parse(candidate.text)
        screen_spec(spec, list(run.task.features), recorded(run))
    except CandidateFault as fault:
        return _rejected(fault)
    if spec == run.reward(run.incumbent()):
        return {"outcome": "rejected", "layer": "schema", "reason": "the incumbent's own spec"}
    return {"outcome": "passed", "reward": run.store.put_text(reward_text(spec))}


def reward_text(spec: RewardSpec) -> str:
    """Return a spec's one text."""
    return canonical(spec.model_dump(mode="json")).decode()


def _patch(run: Run, candidate: Proposed) -> dict[str, Any]:
    from ouroboros.sandbox.contract import check_contract
    from ouroboros.sandbox.screen import static_screen

    incumbent = run.incumbent()
    try:
        screened = static_screen(candidate.text, run.store.text(incumbent.controller))
        observations = contract_observations(run)
        logits = run.players.policy(incumbent.policy).logits(observations)
        check_contract(run.players.sandbox, screened.source, observations, logits)
    except CandidateFault as fault:
        return _rejected(fault)
    return {"outcome": "passed", "controller": run.store.put_text(screened.source), "diff": run.store.put_text(screened.diff)}


def contract_observations(run: Run) -> Observations:
    """Return the positions that a controller's contract is checked on."""
    return run.task.positions(run.seed("contract"), CONTRACT_POSITIONS).observations()


def recorded(run: Run) -> Recorded:
    """Play episodes by oracle moves with three shares of noise and return their transitions.

    They depend on the run's seed alone, so every spec of a run is judged on the same transitions.
    """
    from ouroboros.rewards.screen import Recorded

    seeds = np.array(game_seeds(run.recipe.seed, "bank", 0, RECORDED_EPISODES), dtype=np.uint64)
    engine = run.task.engine(seeds)
    random = np.random.default_rng(run.seed("recorded"))
    noise = np.array(NOISE)[np.arange(RECORDED_EPISODES) % len(NOISE)]
    features, episodes = [], []
    while not engine.done.all():
        best = run.task.regret(engine).argmin(axis=1)
        blind = random.integers(0, len(run.task.actions), RECORDED_EPISODES)
        moves = np.where(random.random(RECORDED_EPISODES) < noise, blind, best)
        alive = np.flatnonzero(~engine.done)
        features.append(engine.step_features(moves)[alive])
        episodes.append(alive)
    outcomes = engine.outcomes()
    return Recorded(
        np.concatenate(features).astype(np.float32), np.concatenate(episodes).astype(np.int64),
        outcomes.utility, outcomes.steps.astype(np.int64),
    )  # fmt: skip
