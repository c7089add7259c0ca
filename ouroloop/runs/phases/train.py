"""Train: run GRPO from the incumbent's weights under each candidate spec, with successive halving between stages."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import train as steps
from ouroloop.ledger.steps.screen import screen
from ouroloop.ledger.steps.train import Alarm, Halving, Training
from ouroloop.protocols.errors import TrainingError
from ouroloop.protocols.records import RewardSpec, Verdict
from ouroloop.runs import seeds
from ouroloop.runs.executors.local import Job
from ouroloop.runs.phases.assemble import assembled, trained
from ouroloop.runs.players import close, outcomes_of_accepted

if TYPE_CHECKING:
    from ouroloop.protocols.records import Candidate, SeedRange
    from ouroloop.runs.context import Run


def train(run: Run, round: int) -> None:
    """Train the round's reward candidates in stages; the worse candidates leave after every stage but the last."""
    stages = run.recipe.halving.stages
    for stage in range(stages):
        alive = [c for c in run.undecided(round) if c.reward is not None]
        _train_all(run, round, stage, alive)
        if stage < stages - 1:
            alive = [c for c in run.undecided(round) if c.reward is not None]
            for field in ("reward", "both"):  # a pair is not better than a reward because its patch is
                _halve(run, round, stage, [c for c in alive if c.kind == field])


def _train_all(run: Run, round: int, stage: int, alive: list[Candidate]) -> None:
    """Run the missing trainings of a stage side by side; each is recorded as it ends."""
    missing = [c for c in alive if run.find(steps.train(round, stage, c.id)) is None]
    jobs = [_job(run, round, stage, c) for c in missing]
    by_out = {job.out: candidate for job, candidate in zip(jobs, missing, strict=True)}
    for job, done in run.trainers.run(jobs, run.progress.advance):
        candidate = by_out[job.out]
        if isinstance(done, TrainingError):
            result = Training(None, error=str(done))
        else:
            alarms = tuple(Alarm(**alarm) for alarm in done.alarms)
            result = Training(run.store.put_dir(job.out), done.health, alarms, done.stopped)
        steps.train(round, stage, candidate.id).record(run.ledger, {"candidate": candidate.id, "stage": stage}, result)
        shutil.rmtree(job.out.parent, ignore_errors=True)
    for candidate in alive:
        result = run.result(steps.train(round, stage, candidate.id))
        if result.error is not None:
            run.reject(round, candidate, "training", result.error)
        elif result.stopped is not None:
            # The weights are sound. But the spec, which the alarm warns of, would become the incumbent's.
            run.decide(round, candidate, Verdict("rejected", "training", result.stopped, training=result.health))


def _job(run: Run, round: int, stage: int, candidate: Candidate) -> Job:
    stages = run.recipe.halving.stages
    before = run.incumbent().policy if stage == 0 else trained(run, round, candidate, stage - 1).policy
    spec = run.result(screen(round, candidate)).reward
    assert before is not None
    assert spec is not None
    return Job(
        name=f"grpo {candidate.id}",
        task=run.recipe.task,
        config=run.recipe.grpo,
        seed=run.seed("grpo", round, stage),
        out=run.store.scratch_dir() / "policy",
        threads=run.trainers.threads(run.recipe.threads),
        start=run.store.directory(before),
        reward=RewardSpec.model_validate_json(run.store.text(spec)),
        progress=(stage / stages, (stage + 1) / stages),
        salience=run.recipe.salience.method,
        salient=run.salient(),
    )


def _halve(run: Run, round: int, stage: int, alive: list[Candidate]) -> None:
    """Score the stage's policies on common search seeds, and reject all but one candidate in `eta`."""
    if len(alive) < 2:
        return
    scores: dict[str, float] = {}
    games = seeds.halving(run.recipe.gate, round, stage)
    for candidate in alive:
        params = {"candidate": candidate.id, **asdict(games)}
        score = partial(_score, run, round, stage, candidate, games)
        scores[candidate.id] = run.step(steps.halve(round, stage, candidate.id), params, score).utility
    ranked = sorted(alive, key=lambda c: (-scores[c.id], c.id))
    best = ranked[: -(-len(ranked) // run.recipe.halving.eta)]
    for candidate in ranked[len(best) :]:
        bar = f"those kept have {scores[best[-1].id]:.3f} or more"
        reason = f"mean utility {scores[candidate.id]:.3f} after stage {stage + 1}, {bar}"
        run.reject(round, candidate, "halving", reason)


def _score(run: Run, round: int, stage: int, candidate: Candidate, games: SeedRange) -> Halving:
    player = run.players.open_or_none(assembled(run, round, candidate, run.incumbent(), stage))
    try:
        utility = outcomes_of_accepted(player, run.task, run.players.seeds(games)).utility
    finally:
        close(player)
    run.progress.games(games.count)
    return Halving(float(utility.mean()), games.count)
