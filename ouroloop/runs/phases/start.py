"""Start: the board reader, the first policy and the first incumbent.

What a recipe names by a path is copied into the run directory as that is made (`keep_given`). From then on a run reads nothing
outside, so a directory from a stranger cannot point at this user's files, and nobody can exchange what was checked.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.cached import MANIFEST, is_sound, new_entry
from ouroloop.ledger.steps import start as steps
from ouroloop.perception.config import ReaderConfig
from ouroloop.policy.sft.config import SftConfig
from ouroloop.protocols.canonical import content_hash, sha256
from ouroloop.protocols.errors import SurroundingsError, TrainingError
from ouroloop.protocols.records import Build, RewardSpec
from ouroloop.rewards.language import parse
from ouroloop.runs import seeds
from ouroloop.runs.cache import model_cache
from ouroloop.runs.executors.local import Job
from ouroloop.runs.phases.screen import reward_text
from ouroloop.runs.phases.watch import measured
from ouroloop.runs.players import close, outcomes_of_accepted
from ouroloop.runs.recipe import read_text

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.store import Store
    from ouroloop.protocols.messages import Known
    from ouroloop.protocols.records import SeedRange
    from ouroloop.runs.context import Run
    from ouroloop.runs.recipe import Recipe

MADE = ("sft", "random")
"""The start policies that a run makes itself; any other one is given."""
EXPLANATIONS = ("README.md", "training.json", "curve.png")
"""The files for people that `ouroloop train` leaves beside a policy."""


def keep_given(recipe: Recipe, controller: str | None, known: tuple[Known, ...], store: Store, ledger: Ledger) -> None:
    """Copy what a recipe gives for the start into a run directory in the making, and record it.

    The files of a policy that explain it to people are left out, because they decide no move.

    Args:
        recipe: the run's; its parts have been checked.
        controller: the checked source of its start controller; None if it names none.
        known: its library.
        store: the artifacts of the run.
        ledger: the ledger of the run.
    """
    given = recipe.start
    if given.library is not None:
        steps.LIBRARY.record(ledger, {}, steps.Library(known))
    if given.policy not in MADE:
        from ouroloop.policy.shipped import find_policy

        copy = store.scratch_dir() / "policy"
        shutil.copytree(find_policy(given.policy), copy, ignore=shutil.ignore_patterns(*EXPLANATIONS))
        steps.POLICY.record(ledger, {}, steps.FirstPolicy(store.put_dir(copy)))
        shutil.rmtree(copy.parent, ignore_errors=True)
    if controller is not None or given.reward:
        reward = store.put_text(reward_text(parse(read_text(Path(given.reward), "start.reward")))) if given.reward else ""
        source = "" if controller is None else store.put_text(controller)
        steps.GIVEN.record(ledger, {}, steps.Given(source, reward))


def start(run: Run) -> None:
    """Train (or load) the policy that the run begins with, commit it as the first incumbent, and score it."""
    if run.recipe.start.policy in MADE:
        run.step(steps.POLICY, {}, lambda: steps.FirstPolicy(_policy(run)))
    policy = run.result(steps.POLICY).policy
    run.step(steps.INCUMBENT, {}, lambda: _incumbent(run, policy))
    games = seeds.first_score(run.recipe.gate)
    score = run.step(steps.SCORE, games, lambda: scored(run, games)).measures.score
    run.progress.note(f"start: score {score.mean:.1f} [{score.low:.1f}, {score.high:.1f}]")


def open_eyes(run: Run) -> None:
    """Train or load the board reader and put it between the boards and the player. This is done whenever a run is opened."""
    from ouroloop.perception.camera import Camera
    from ouroloop.perception.perceive import VisionPerception
    from ouroloop.perception.reader import load_reader

    digest = run.step(steps.READER, {}, lambda: steps.Eyes(_reader(run))).reader
    reader = load_reader(run.store.directory(digest), run.task)
    run.players.perceive = VisionPerception(reader, Camera(run.task, run.recipe.camera, run.start_seed("camera")))


def _reader(run: Run) -> str:
    """Return the hash of the reader that ships for the game, or of one that is trained if `[reader]` asks for another."""
    from ouroloop.perception.shipped import shipped_reader

    shipped = shipped_reader(run.task)
    if shipped is not None and run.recipe.reader == ReaderConfig():
        return run.store.put_dir(shipped)
    return _trained(run, "reader", run.recipe.reader, run.start_seed("reader"), "perception")


def _policy(run: Run) -> str:
    """Return the hash of a policy trained by SFT, or of an untrained one."""
    if run.recipe.start.policy == "random":
        return _untrained(run)
    return _trained(run, "sft", run.recipe.sft, run.start_seed("sft"), "policy")


def _untrained(run: Run) -> str:
    """Make a policy whose random weights follow from the run's seed; return its hash in the store."""
    from ouroloop.policy.snake_gpt import create, save

    out = run.store.scratch_dir() / "policy"
    save(create(run.task, run.recipe.sft.shape, run.start_seed("random"), run.recipe.sft.encoding), out)
    digest = run.store.put_dir(out)
    shutil.rmtree(out.parent, ignore_errors=True)
    return digest


def _trained(run: Run, kind: str, config: SftConfig | ReaderConfig, seed: int, part: str) -> str:
    """Train a model, or take the one that an identical training left in the cache; return its hash in the store."""
    task = run.recipe.task
    key = content_hash(
        [
            kind,
            config.model_dump(mode="json"),
            base_fingerprint(config),
            seed,
            task.model_dump(),
            run.recipe.threads,
            source_hash(part),
            source_hash("envs"),
            version("torch"),
        ]
    )
    cached = _cache(run)
    out = run.store.scratch_dir() / kind
    if cached and is_sound(cached / key):
        shutil.copytree(cached / key, out, ignore=shutil.ignore_patterns(MANIFEST))
    else:
        job = Job(kind, task, config, seed, out, run.trainers.threads(run.recipe.threads))
        _, health = next(run.trainers.run([job], run.progress.advance))
        if isinstance(health, TrainingError):
            raise health
        if cached:
            cache_model(out, cached / key)
    digest = run.store.put_dir(out)
    shutil.rmtree(out.parent, ignore_errors=True)
    return digest


def _cache(run: Run) -> Path | None:
    """Return the folder of cached models; None, and a note, if it cannot be trusted."""
    try:
        return model_cache()
    except SurroundingsError as error:
        run.progress.note(f"{error}. Until then each run trains its start models anew")
        return None


def base_fingerprint(config: SftConfig | ReaderConfig) -> str:
    """Return the fingerprint of a training's base, which changes if other files take its place; empty without a base."""
    if not isinstance(config, SftConfig) or not config.base:
        return ""
    from ouroloop.policy.bases.origin import find_checkpoint

    return find_checkpoint(config.base)[1].fingerprint


def cache_model(folder: Path, cached: Path) -> None:
    """Copy a finished model into the cache, whole or not at all. It is no error if the cache cannot be written."""
    with suppress(OSError), new_entry(cached, replace=False) as half:
        shutil.copytree(folder, half, dirs_exist_ok=True)


def source_hash(part: str) -> str:
    """Return the hash of a part's source files, because a model made by other code is another model."""
    folder = Path(__file__).parents[2] / part
    return content_hash([[str(p.relative_to(folder)), sha256(p.read_bytes())] for p in sorted(folder.rglob("*.py"))])


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
