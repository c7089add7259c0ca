"""Screen: run the layers, cheapest first; a rejection names the layer and the reason.

What passes becomes an artifact; what fails becomes a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.ledger.steps import screen as steps
from ouroloop.ledger.steps.screen import Screening
from ouroloop.ledger.steps.start import POLICY
from ouroloop.protocols.canonical import canonical
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import RewardSpec, SeedRange
from ouroloop.runs.executors.salience import features_of, rewarded
from ouroloop.runs.phases.follow_up import most_repairs, repair, talk
from ouroloop.runs.phases.twins import Twins, bare_spec
from ouroloop.runs.proposers.checking import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine
    from ouroloop.protocols.records import Candidate
    from ouroloop.rewards.recorded import Recorded
    from ouroloop.runs.context import Run

RECORDED = SeedRange("bank", 0, 96)
"""The games that show how rewards pay."""
NOISE = ((0.02, False), (0.2, False), (1.0, True), (1.0, False))
"""The recorded players as (share of random moves, only among legal moves): good, middling, wandering, blind.

A reward must tell them apart, and must not pay the wandering player for walking in circles.
"""


def screen(run: Run, round: int) -> None:
    """Screen all candidates of the round, what their authors make of those that are refused, and the granted wishes."""
    _screen(run, round)
    for attempt in range(1, most_repairs(run) + 1):
        if not repair(run, round, attempt):
            break
        _screen(run, round)
    if talk(run, round):
        _screen(run, round)


def _screen(run: Run, round: int) -> None:
    """Screen all undecided candidates of the round."""
    pending, twins = run.undecided(round), Twins(run, round)
    transitions = cache(lambda: sampled_transitions(run))
    for i, candidate in enumerate(pending):
        run.progress.advance("screen", i / len(pending), candidate.id)
        check = partial(screening, run, candidate, transitions)
        found = run.step(steps.screen(round, candidate), {"candidate": candidate.id}, check)
        if found.outcome == "rejected":
            run.reject(round, candidate, found.layer, found.reason)
        elif (twin := twins.of(candidate, found)) is not None:
            run.reject(round, candidate, "ast" if candidate.patch is not None else "schema", twin)


def screening(run: Run, candidate: Candidate, transitions: Callable[[], Recorded]) -> Screening:
    """Return what the screen says of the parts that a candidate replaces: its patch, then its reward."""
    passed = Screening("passed")
    try:
        if candidate.fault is not None:
            raise CandidateFault("text" if candidate.patch is not None else "schema", candidate.fault)
        if candidate.patch is not None:
            screened = checked(run, candidate.patch, run.incumbent())
            put = run.store.put_text
            passed = replace(passed, controller=put(screened.source), diff=put(screened.diff))
        if candidate.reward is not None:
            passed = replace(passed, reward=run.store.put_text(_checked_reward(run, candidate.reward, transitions)))
    except CandidateFault as fault:
        return replace(passed, outcome="rejected", layer=fault.layer, reason=fault.reason)
    return passed


def _checked_reward(run: Run, text: str, transitions: Callable[[], Recorded]) -> str:
    """Return a reward spec's canonical text, after every layer before the gate.

    Raises:
        CandidateFault: a layer rejected it.
    """
    from ouroloop.rewards.language import parse
    from ouroloop.rewards.screen import screen_spec

    spec = parse(text)
    screen_spec(spec, list(features_of(run.recipe, run.task)), transitions())
    if bare_spec(spec) == bare_spec(run.reward(run.incumbent())):
        raise CandidateFault("schema", "the incumbent's own reward")
    return reward_text(spec)


def reward_text(spec: RewardSpec) -> str:
    """Return a spec's canonical text."""
    return canonical(spec.model_dump(mode="json")).decode()


def sampled_transitions(run: Run) -> Recorded:
    """Play episodes with the oracle's moves, under several kinds of noise, and return their transitions.

    They follow from the seed of the run's games, so every spec of a run is judged on the same transitions. If the game has no
    oracle, the start policy's moves take its place, and the wandering players move at random.
    """
    from ouroloop.rewards.recorded import Recorded

    seeds = np.array(run.players.seeds(RECORDED), dtype=np.uint64)
    task = rewarded(run.task, run.recipe.salience.method, run.salient())
    engine = task.engine(seeds)
    random = np.random.default_rng(run.seed("recorded"))
    noise, legal = np.array(NOISE)[np.arange(RECORDED.count) % len(NOISE)].T
    features, episodes = [], []
    rate = task.oracle.regret if task.oracle is not None else _disliked(run)
    while not engine.done.all():
        regret = rate(engine)
        luck = random.random(regret.shape) + (regret >= 1) * legal[:, None]
        moves = np.where(random.random(RECORDED.count) < noise, luck.argmin(axis=1), regret.argmin(axis=1))
        alive = np.flatnonzero(~engine.done)
        features.append(engine.step_features(moves)[alive])
        episodes.append(alive)
    outcomes = engine.outcomes()
    return Recorded(
        np.concatenate(features).astype(np.float32), np.concatenate(episodes).astype(np.int64),
        outcomes.utility, outcomes.steps.astype(np.int64),
    )  # fmt: skip


def _disliked(run: Run) -> Callable[[Engine], NDArray[np.float32]]:
    """Return a function that rates moves by the start policy: 0 for its move, 1/2 for the others; none is known to lose."""
    policy = run.players.policy(run.result(POLICY).policy)

    def rate(engine: Engine) -> NDArray[np.float32]:
        logits = policy.logits(engine.observations())
        return np.where(logits < logits.max(axis=1, keepdims=True), np.float32(0.5), np.float32(0))

    return rate
