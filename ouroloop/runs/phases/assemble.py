"""Assemble: what plays for a candidate, which is a build with the candidate's parts put in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.ledger.steps import screen, train
from ouroloop.protocols.records import Build

if TYPE_CHECKING:
    from ouroloop.ledger.steps.train import Training
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.context import Run


def assembled(run: Run, round: int, candidate: Candidate, base: Build, stage: int | None = None) -> Build:
    """Return a build with a screened candidate's parts put in.

    Args:
        run: the run.
        round: the candidate's.
        candidate: it passed the screen.
        base: what it is put into.
        stage: of training, whose weights play; the last by default. A patch alone trains nothing.
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
    """Return how a stage of a candidate's training ended, the last by default."""
    return run.result(train.train(round, run.recipe.halving.stages - 1 if stage is None else stage, candidate.id))
