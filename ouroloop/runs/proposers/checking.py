"""What the layers before the gate say of a patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ouroloop.protocols.records import Build, Observations
    from ouroloop.runs.context import Run
    from ouroloop.sandbox.screen.static import Screened

CONTRACT_POSITIONS = 128


def checked(run: Run, text: str, build: Build) -> Screened:
    """Return a build's controller with a patch applied, after every layer before the gate.

    Raises:
        CandidateFault: a layer rejected it.
    """
    from ouroloop.sandbox.contract import check_contract
    from ouroloop.sandbox.screen.static import static_screen

    screened = static_screen(text, run.store.text(build.controller))
    observations = contract_observations(run)
    logits = run.players.policy(build.policy).logits(observations)
    check_contract(run.players.sandbox, screened.source, observations, logits)
    return screened


def contract_observations(run: Run) -> Observations:
    """Return the positions that a controller's contract is checked on."""
    return run.task.positions(run.seed("contract"), CONTRACT_POSITIONS).observations()
