"""Train: GRPO from the incumbent's weights under each candidate spec, by successive halving over the round's budget."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

from ouroloop.protocols.errors import TrainingError
from ouroloop.protocols.records import Build, RewardSpec, Verdict
from ouroloop.runs.executors.local import Job
from ouroloop.runs.phases.observe import SEARCH_SPAN
from ouroloop.runs.players import close, outcomes_of_accepted

if TYPE_CHECKING:
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.context import Run


def train(run: Run, round: int) -> None:
    """Train the round's reward candidates, stage by stage; the worse ones leave after every stage but the last."""
    stages = run.recipe.halving.stages
    for stage in range(stages):
        alive = [c for c in run.undecided(round) if c.kind != "patch"]
        _train_all(run, round, stage, alive)
        if stage < stages - 1:
            _halve(run, round, stage, [c for c in run.undecided(round) if c.kind != "patch"])


def trained(run: Run, round: int, candidate: Candidate) -> dict[str, Any]:
    """Return the last stage's result of a reward candidate: `policy` hash and `health`."""
    result: dict[str, Any] = run.result(f"{round}/train/{run.recipe.halving.stages - 1}/{candidate.id}")
    return result


def _train_all(run: Run, round: int, stage: int, alive: list[Candidate]) -> None:
    """Run the missing trainings of a stage side by side; each is recorded as it ends."""
    missing = [c for c in alive if run.ledger.step(f"{round}/train/{stage}/{c.id}") is None]
    jobs = [_job(run, round, stage, c) for c in missing]
    by_out = {job.out: candidate for job, candidate in zip(jobs, missing, strict=True)}
    for job, done in run.trainers.run(jobs, run.progress.advance):
        candidate = by_out[job.out]
        if isinstance(done, TrainingError):
            result: dict[str, Any] = {"error": str(done)}
        else:
            told = {"health": done.health, "alarms": list(done.alarms), "stopped": done.stopped}
            result = {"policy": run.store.put_dir(job.out), **told}
        params = {"candidate": candidate.id, "stage": stage}
        run.ledger.record(f"{round}/train/{stage}/{candidate.id}", "policy.train", params, result)
        shutil.rmtree(job.out.parent, ignore_errors=True)
    for candidate in alive:
        result = run.result(f"{round}/train/{stage}/{candidate.id}")
        if "error" in result:
            run.reject(round, candidate, "training", result["error"])
        elif result["stopped"] is not None:
            # Its weights are sound, but the spec would be the next incumbent's, and it is what the alarm warns of.
            run.decide(round, candidate, Verdict("rejected", "training", result["stopped"], training=result["health"]))


def _job(run: Run, round: int, stage: int, candidate: Candidate) -> Job:
    stages = run.recipe.halving.stages
    before = run.incumbent().policy if stage == 0 else run.result(f"{round}/train/{stage - 1}/{candidate.id}")["policy"]
    spec_text = run.store.text(run.result(f"{round}/screen/{candidate.id}")["reward"])
    return Job(
        name=f"grpo {candidate.id}",
        task=run.recipe.task,
        config=run.recipe.grpo,
        seed=run.seed("grpo", round, stage),
        out=run.store.scratch_dir() / "policy",
        threads=run.trainers.threads(run.recipe.threads),
        start=run.store.path(before),
        reward=RewardSpec.model_validate_json(spec_text),
        progress=(stage / stages, (stage + 1) / stages),
    )


def _halve(run: Run, round: int, stage: int, alive: list[Candidate]) -> None:
    """Score the stage's policies on common search seeds and reject all but one in `eta`."""
    if len(alive) < 2:
        return
    scores: dict[str, float] = {}
    for candidate in alive:
        key, games = f"{round}/halve/{stage}/{candidate.id}", run.recipe.gate.search_games
        first = round * SEARCH_SPAN + (1 + stage) * games
        params = {"candidate": candidate.id, "stream": "search", "first": first, "count": games}
        result = run.step(key, "policy.evaluate", params, partial(_score, run, round, stage, candidate, first))
        scores[candidate.id] = result["utility"]
    ranked = sorted(alive, key=lambda c: (-scores[c.id], c.id))
    kept = ranked[: -(-len(ranked) // run.recipe.halving.eta)]
    for candidate in ranked[len(kept) :]:
        bar = f"those kept have {scores[kept[-1].id]:.3f} or more"
        reason = f"mean utility {scores[candidate.id]:.3f} after stage {stage + 1}, {bar}"
        run.reject(round, candidate, "halving", reason)


def _score(run: Run, round: int, stage: int, candidate: Candidate, first: int) -> dict[str, float]:
    incumbent, games = run.incumbent(), run.recipe.gate.search_games
    policy = run.result(f"{round}/train/{stage}/{candidate.id}")["policy"]
    controller = run.result(f"{round}/screen/{candidate.id}").get("controller", incumbent.controller)
    player = run.players.open_or_none(Build(policy, incumbent.reward, controller))
    try:
        seeds = run.players.seeds("search", first, games)
        utility = outcomes_of_accepted(player, run.task, seeds).utility
    finally:
        close(player)
    run.progress.games(games)
    return {"utility": float(utility.mean()), "played": games}
