"""Start: the first policy and the first incumbent.

What a recipe names by a path is copied into the run directory as that is made (`keep_given`). From then on a run reads nothing
outside, so a directory from a stranger cannot point at this user's files, and nobody can exchange what was checked.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import start as steps
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Build, RewardSpec
from ouroloop.rewards.language import parse
from ouroloop.runs import seeds
from ouroloop.runs.beginning.camera import share_camera
from ouroloop.runs.beginning.eyes import MADE, eye_of_run, keep_eyes
from ouroloop.runs.beginning.models import Wanted, trained
from ouroloop.runs.beginning.perceiving import sft_of
from ouroloop.runs.phases.screen import reward_text
from ouroloop.runs.phases.watch import measured
from ouroloop.runs.players import close, outcomes_of_accepted
from ouroloop.runs.recipe import read_text

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.store import Store
    from ouroloop.protocols.messages import Known
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import SeedRange
    from ouroloop.runs.context import Run
    from ouroloop.runs.recipe import Recipe

EXPLANATIONS = ("README.md", "training.json", "curve.png")
"""The files for people that `ouroloop train` leaves beside a policy."""


def keep_given(
    recipe: Recipe, task: Task, controller: str | None, known: tuple[Known, ...], store: Store, ledger: Ledger
) -> None:
    """Copy what a recipe gives for the start into a run directory in the making, and record it.

    The files of a policy that explain it to people are left out, because they decide no move.

    Args:
        recipe: the run's; its parts have been checked.
        task: its game.
        controller: the checked source of its start controller; None if it names none.
        known: its library.
        store: the artifacts of the run.
        ledger: the ledger of the run.
    """
    given = recipe.start
    keep_eyes(recipe, task, store, ledger)
    if given.library is not None:
        steps.LIBRARY.record(ledger, {}, steps.Library(known))
    if given.policy not in MADE:
        from ouroloop.policy.shipped import find_policy

        copy, place = store.scratch_dir() / "policy", find_policy(given.policy)
        require_no_links(place)
        shutil.copytree(place, copy, ignore=shutil.ignore_patterns(*EXPLANATIONS))
        share_camera(copy, recipe, task)
        steps.POLICY.record(ledger, {}, steps.FirstPolicy(store.put_dir(copy)))
        shutil.rmtree(copy.parent, ignore_errors=True)
    if controller is not None or given.reward:
        reward = store.put_text(reward_text(parse(read_text(Path(given.reward), "start.reward")))) if given.reward else ""
        source = "" if controller is None else store.put_text(controller)
        steps.GIVEN.record(ledger, {}, steps.Given(source, reward))


def require_no_links(place: Path) -> None:
    """Refuse a policy directory that holds links or anything but files and folders: a stranger's could lead anywhere.

    Raises:
        UsageError: it does.
    """
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(folder) / name
            mode = path.lstat().st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise UsageError(f"start.policy: {path} is no plain file or folder: put the file itself there, or remove it")


def start(run: Run) -> None:
    """Train (or load) the policy that the run begins with, commit it as the first incumbent, and score it."""
    if run.recipe.start.policy in MADE:
        run.step(steps.POLICY, {}, lambda: steps.FirstPolicy(_policy(run)))
    policy = run.result(steps.POLICY).policy
    run.step(steps.INCUMBENT, {}, lambda: _incumbent(run, policy))
    games = seeds.first_score(run.recipe.gate)
    score = run.step(steps.SCORE, games, lambda: scored(run, games)).measures.score
    run.progress.note(f"start: score {score.mean:.1f} [{score.low:.1f}, {score.high:.1f}]")


def _policy(run: Run) -> str:
    """Return the hash of a policy trained by SFT, or of an untrained one."""
    eye = eye_of_run(run)
    if run.recipe.start.policy == "random":
        return _untrained(run, eye)
    fusion = None if eye is None else run.recipe.fusion
    body = None if fusion is None or not fusion.body else run.result(steps.BODY).policy
    parts = ("policy",) if eye is None else ("policy", "perception")
    config, seed = sft_of(run.recipe, run.task), run.start_seed("sft")
    return trained(run, Wanted("sft", config, seed, parts, eye, body, fusion))


def _untrained(run: Run, eye: str | None) -> str:
    """Make a policy whose random weights follow from the run's seed; return its hash in the store."""
    from ouroloop.policy.bases import save_policy
    from ouroloop.policy.fusion.eyes import open_eye
    from ouroloop.policy.fusion.seeing import create_seeing
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.policy.snake_gpt import create

    out, seed, config = run.store.scratch_dir() / "policy", run.start_seed("random"), sft_of(run.recipe, run.task)
    policy: LanguagePolicy
    if eye is None:
        policy = create(run.task, config.shape, seed, config.encoding)
    else:
        seen = open_eye(run.store.directory(eye), run.task)
        policy = create_seeing(run.task, config.shape, seed, seen, run.recipe.fusion)
    save_policy(policy, out)
    digest = run.store.put_dir(out)
    shutil.rmtree(out.parent, ignore_errors=True)
    return digest


def _incumbent(run: Run, policy: str) -> steps.Begun:
    named = run.recipe.start
    kept = run.result(steps.GIVEN) if named.controller or named.reward else steps.Given()
    controller = run.store.text(kept.controller) if named.controller else run.task.start_controller
    reward = run.store.text(kept.reward) if named.reward else reward_text(RewardSpec())
    build = Build(policy, run.store.put_text(reward), run.store.put_text(controller))
    return steps.Begun(build, run.workspace.create(controller, reward, policy))


def scored(run: Run, games: SeedRange) -> steps.Scored:
    """Play the incumbent; return its measures."""
    player = run.players.open_or_none(run.incumbent())
    try:
        outcomes = outcomes_of_accepted(player, run.task, run.players.seeds(games))
    finally:
        close(player)
    run.progress.games(games.count)
    return steps.Scored(games.count, measured(outcomes, run.task.score_bound))
