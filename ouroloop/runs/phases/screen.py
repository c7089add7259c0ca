"""Screen: cheapest first, each layer with its reason. What passes is an artifact; what fails is a verdict."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.protocols.canonical import canonical
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Incumbent, Observations, RewardSpec
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine
    from ouroloop.protocols.records import Candidate
    from ouroloop.rewards.screen import Recorded
    from ouroloop.runs.context import Run
    from ouroloop.sandbox.screen.static import Screened

RECORDED_EPISODES = 96
CONTRACT_POSITIONS = 128
NOISE = ((0.02, False), (0.2, False), (1.0, True), (1.0, False))
"""The recorded players as (share of random moves, random among the legal ones): good, middling, wandering, blind.

A reward must tell them apart, and must not pay the wanderer for walking in circles.
"""


def screen(run: Run, round: int) -> None:
    """Screen all undecided candidates of the round."""
    pending = run.undecided(round)
    transitions = cache(lambda: recorded(run))
    for i, candidate in enumerate(pending):
        run.progress.advance("screen", i / len(pending), candidate.id)
        check = partial(_all_parts, run, candidate, transitions)
        key, method = f"{round}/screen/{candidate.id}", f"{candidate.kind}.screen"
        result = run.step(key, method, {"candidate": candidate.id}, check)
        if result["outcome"] == "rejected":
            run.reject(round, candidate, result["layer"], result["reason"])


def _all_parts(run: Run, candidate: Candidate, transitions: Callable[[], Recorded]) -> dict[str, Any]:
    """Screen what the candidate replaces: its patch, then its reward."""
    passed: dict[str, Any] = {"outcome": "passed"}
    if candidate.kind != "reward":
        passed |= _patch(run, candidate)
    if candidate.kind != "patch" and passed["outcome"] == "passed":
        passed |= _reward(run, candidate.text if candidate.kind == "reward" else candidate.reward or "", transitions)
    return passed


def _rejected(fault: CandidateFault) -> dict[str, Any]:
    return {"outcome": "rejected", "layer": fault.layer, "reason": fault.reason}


def _reward(run: Run, text: str, transitions: Callable[[], Recorded]) -> dict[str, Any]:
    from ouroloop.rewards.language import parse
    from ouroloop.rewards.screen import screen_spec

    try:
        spec = parse(text)
        screen_spec(spec, list(run.task.features), transitions())
    except CandidateFault as fault:
        return _rejected(fault)
    if spec == run.reward(run.incumbent()):
        return {"outcome": "rejected", "layer": "schema", "reason": "the incumbent's own spec"}
    return {"outcome": "passed", "reward": run.store.put_text(reward_text(spec))}


def reward_text(spec: RewardSpec) -> str:
    """Return a spec's one text."""
    return canonical(spec.model_dump(mode="json")).decode()


def _patch(run: Run, candidate: Candidate) -> dict[str, Any]:
    try:
        screened = checked(run, candidate.text, run.incumbent())
    except CandidateFault as fault:
        return _rejected(fault)
    return {"outcome": "passed", "controller": run.store.put_text(screened.source), "diff": run.store.put_text(screened.diff)}


def checked(run: Run, text: str, incumbent: Incumbent) -> Screened:
    """Return what a patch makes of an incumbent's controller, after every layer before the gate.

    Raises:
        CandidateFault: a layer refused it.
    """
    from ouroloop.sandbox.contract import check_contract
    from ouroloop.sandbox.screen.static import static_screen

    screened = static_screen(text, run.store.text(incumbent.controller))
    observations = contract_observations(run)
    logits = run.players.policy(incumbent.policy).logits(observations)
    check_contract(run.players.sandbox, screened.source, observations, logits)
    return screened


def contract_observations(run: Run) -> Observations:
    """Return the positions that a controller's contract is checked on."""
    return run.task.positions(run.seed("contract"), CONTRACT_POSITIONS).observations()


def recorded(run: Run) -> Recorded:
    """Play episodes by oracle moves with several kinds of noise and return their transitions.

    They depend on the run's seed alone, so every spec of a run is judged on the same transitions. Where the game has no oracle,
    the start policy's moves take its place, and the wanderers move at random.
    """
    from ouroloop.rewards.screen import Recorded

    seeds = np.array(game_seeds(run.recipe.seed, "bank", 0, RECORDED_EPISODES), dtype=np.uint64)
    engine = run.task.engine(seeds)
    random = np.random.default_rng(run.seed("recorded"))
    noise, legal = np.array(NOISE)[np.arange(RECORDED_EPISODES) % len(NOISE)].T
    features, episodes = [], []
    rate = run.task.oracle.regret if run.task.oracle is not None else _disliked(run)
    while not engine.done.all():
        regret = rate(engine)
        luck = random.random(regret.shape) + (regret >= 1) * legal[:, None]
        moves = np.where(random.random(RECORDED_EPISODES) < noise, luck.argmin(axis=1), regret.argmin(axis=1))
        alive = np.flatnonzero(~engine.done)
        features.append(engine.step_features(moves)[alive])
        episodes.append(alive)
    outcomes = engine.outcomes()
    return Recorded(
        np.concatenate(features).astype(np.float32), np.concatenate(episodes).astype(np.int64),
        outcomes.utility, outcomes.steps.astype(np.int64),
    )  # fmt: skip


def _disliked(run: Run) -> Callable[[Engine], NDArray[np.float32]]:
    """Return what rates moves by the start policy: 0 for its move, 1/2 for the others; none is known to lose."""
    policy = run.players.policy(run.result("start/policy")["policy"])

    def rate(engine: Engine) -> NDArray[np.float32]:
        logits = policy.logits(engine.observations())
        return np.where(logits < logits.max(axis=1, keepdims=True), np.float32(0.5), np.float32(0))

    return rate
