"""The eyes of a run: a board reader for the controller, and for a policy that gets latents an encoder behind a camera.

Reader and encoder are given by the recipe, or shipped with the package, or trained as the run begins. Whatever is not trained
is opened as the run directory is made, and written into it anew: a stranger's folder may hold anything besides. Both look
through cameras with the same settings and the same seed, so policy and controller see one picture.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ouroloop.ledger.steps import start as steps
from ouroloop.perception.config import ReaderConfig
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.beginning.models import Wanted, trained
from ouroloop.runs.beginning.perceiving import LATENTS, blind, encoder_kind

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.store import Store
    from ouroloop.perception.eye import PictureEye
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.context import Run
    from ouroloop.runs.executors.eyes import EyeConfig
    from ouroloop.runs.recipe import Recipe

MADE: Final = ("sft", "random")
"""The start policies that a run makes itself; any other one is given."""
TRAIN: Final = "train"
"""What a recipe says in place of a directory, for a part to be trained in any case."""


def names(given: str) -> bool:
    """Tell whether a recipe's `eyes.reader` or `eyes.encoder` names a directory."""
    return given not in ("", TRAIN)


def config_of(recipe: Recipe, kind: str) -> EyeConfig:
    """Return the settings of the training of a reader or an encoder."""
    configs: dict[str, EyeConfig] = {"reader": recipe.reader, "clip": recipe.clip, "gemma": recipe.gemma, "vae": recipe.vae}
    return configs[kind]


def place_of_reader(recipe: Recipe, task: Task) -> Path | None:
    """Return the directory of a recipe's board reader; None if it is to be trained.

    Raises:
        UsageError: there is none of this name, or it gives no latents to a policy that is to have them.
    """
    from ouroloop.perception.readers import find_reader, reader_kind
    from ouroloop.perception.shipped import shipped_reader

    given = recipe.eyes.reader
    if names(given):
        found = find_reader(given)
        if encoder_kind(recipe) == "reader" and (kind := reader_kind(found)) != "reader":
            fits = next(name for name, own in LATENTS.items() if own == kind)
            raise UsageError(
                f'perception = "{recipe.perception}" gives the latents of eyes.reader, and {found} holds a {kind}: set '
                f'perception = "{fits}" for the latents of a {kind}, or name what `ouroloop train reader` wrote'
            )
        return found
    return None if given == TRAIN or recipe.reader != ReaderConfig() else shipped_reader(task)


def place_of_encoder(recipe: Recipe, task: Task) -> str | Path | None:
    """Return the directory or the name of a recipe's encoder; None if it is to be trained, or is the board reader.

    A shipped one is taken if its own settings are those of the recipe's, and it sees boards of this size.
    """
    from ouroloop.perception.shipped import shelf

    kind, given = encoder_kind(recipe), recipe.eyes.encoder
    if kind in (None, "reader"):
        return None
    if names(given):
        return given
    config = config_of(recipe, str(kind))
    found = shelf() / f"{task.name}-{kind}"
    if given == TRAIN or config != type(config)() or not task.name.isidentifier() or not found.is_dir():
        return None
    try:
        open_eye(recipe, task, found)
    except UsageError:  # it was made for boards of another size
        return None
    return found


def open_eye(recipe: Recipe, task: Task, encoder: str | Path, seed: int = 0) -> PictureEye:
    """Return the eye of a recipe with an encoder, given by directory or name, after it has looked at a position.

    Raises:
        UsageError: there is no such encoder, or it does not see such pictures.
    """
    import numpy as np

    from ouroloop.perception.eye import eye_of

    eye = eye_of(encoder, str(encoder_kind(recipe)), task, recipe.camera, seed)
    eye.see(task.engine(np.zeros(1, np.uint64)).observations())
    return eye


def keep_eyes(recipe: Recipe, task: Task, store: Store, ledger: Ledger) -> None:
    """Keep the reader, the encoder and the body that a recipe names, or that are shipped, in a run in the making."""
    if blind(recipe):
        return
    from ouroloop.perception.readers import keep_reader

    if (reader := place_of_reader(recipe, task)) is not None:
        steps.READER.record(ledger, {}, steps.Eyes(_written(store, partial(keep_reader, reader, task))))
    if recipe.start.policy not in MADE:  # it has its own eye, if it sees
        return
    if (encoder := place_of_encoder(recipe, task)) is not None:
        kept = _written(store, open_eye(recipe, task, encoder).encoder.save)
        steps.ENCODER.record(ledger, {}, steps.Encoder(str(encoder_kind(recipe)), kept))
    if encoder_kind(recipe) is not None and recipe.start.policy == "sft" and recipe.fusion.body:
        from ouroloop.policy.shipped import find_policy
        from ouroloop.policy.snake_gpt import load, save

        body = load(find_policy(recipe.fusion.body), task=task)
        steps.BODY.record(ledger, {}, steps.FirstPolicy(_written(store, partial(save, body))))


def _written(store: Store, write: Callable[[Path], None]) -> str:
    """Have a part written to a folder, keep that in the store, and return its hash."""
    out = store.scratch_dir() / "part"
    write(out)
    digest = store.put_dir(out)
    shutil.rmtree(out.parent, ignore_errors=True)
    return digest


def open_eyes(run: Run) -> None:
    """Train or load the board reader and put it between the boards and the player. This is done whenever a run is opened."""
    if blind(run.recipe):
        return
    from ouroloop.perception.camera import Camera
    from ouroloop.perception.perceive import VisionPerception
    from ouroloop.perception.readers import open_reader

    reader = open_reader(run.store.directory(reader_of(run)), run.task)
    run.players.perceive = VisionPerception(reader, Camera(run.task, run.recipe.camera, run.start_seed("camera")))


def reader_of(run: Run) -> str:
    """Return the hash of the run's board reader, which is trained now if it is missing, unless the recipe names one.

    Raises:
        LedgerError: the recipe names one, and the run does not have it: nothing outside a run is read once it has begun.
    """
    if names(run.recipe.eyes.reader):
        return run.result(steps.READER).reader
    return run.step(steps.READER, {}, lambda: steps.Eyes(_trained(run, "reader"))).reader


def eye_of_run(run: Run) -> str | None:
    """Return the hash of the eye that the run's policies look through, made now if it is missing; None if they read text."""
    kind = encoder_kind(run.recipe)
    return None if kind is None else run.step(steps.EYE, {}, lambda: _eye(run, kind)).eye


def _eye(run: Run, kind: str) -> steps.Eye:
    """Make the eye: train its encoder unless it is there, and put it behind the camera."""
    if kind == "reader":
        encoder = reader_of(run)
    elif names(run.recipe.eyes.encoder):
        encoder = run.result(steps.ENCODER).encoder
    else:
        encoder = run.step(steps.ENCODER, {}, lambda: steps.Encoder(kind, _trained(run, kind))).encoder
    eye = open_eye(run.recipe, run.task, run.store.directory(encoder), run.start_seed("camera"))
    return steps.Eye(_written(run.store, eye.save))


def _trained(run: Run, kind: str) -> str:
    return trained(run, Wanted(kind, config_of(run.recipe, kind), run.start_seed(kind), ("perception",)))
