"""Assemble: make the build that plays for a candidate, by replacing parts of another build with the candidate's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.ledger.steps import screen, train
from ouroloop.protocols.records import Build

if TYPE_CHECKING:
    from ouroloop.ledger.steps.train import Training
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.context import Run


def assembled(run: Run, round: int, candidate: Candidate, base: Build, stage: int | None = None) -> Build:
    """Return a build with some parts replaced by those of a screened candidate.

    Args:
        run: the run.
        round: the candidate's round.
        candidate: a candidate that passed the screen.
        base: the build to change.
        stage: the training stage whose weights play; the last by default. A patch alone trains nothing.
    """
    screened = run.result(screen.screen(round, candidate))
    controller = base.controller if candidate.patch is None else screened.controller
    assert controller is not None
    if candidate.reward is None:
        return Build(base.policy, base.reward, controller)
    policy = trained(run, round, candidate, stage).policy
    assert policy is not None
    assert screened.reward is not None
    return Build(policy, screened.reward, controller)


def trained(run: Run, round: int, candidate: Candidate, stage: int | None = None) -> Training:
    """Return how a stage of a candidate's training ended, by default the last stage."""
    return run.result(train.train(round, run.recipe.halving.stages - 1 if stage is None else stage, candidate.id))
