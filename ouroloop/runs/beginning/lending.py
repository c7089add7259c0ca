"""An eye for a training on the command line: made of what the user names, or of what the recipe's perception asks for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.protocols.errors import UsageError
from ouroloop.runs.beginning.eyes import open_eye, place_of_encoder, place_of_reader
from ouroloop.runs.beginning.perceiving import LATENTS, encoder_kind

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import Recipe


@contextmanager
def made_eye(recipe: Recipe, task: Task, given: Path | None, *, learns: bool) -> Iterator[Path | None]:
    """Give the folder of an eye for a training; None if its policy reads text.

    Args:
        recipe: its camera takes the pictures, unless an eye with its own camera is given.
        task: the game.
        given: the folder of an eye, a reader or an encoder; None for what the recipe's perception asks for.
        learns: whether the training is one that gives a policy an eye.

    Raises:
        UsageError: there is no such eye, or the training's policy sees already.
    """
    kind = encoder_kind(recipe)
    if not learns or (given is None and kind is None):
        if given is not None:
            raise UsageError("--start names a policy that sees already: leave --eye out")
        yield None
        return
    if given is not None and (given / "eye.json").is_file():
        yield given
        return
    encoder = _encoder(recipe, task) if given is None else given
    found = _named(recipe, given) if given is not None else recipe
    with tempfile.TemporaryDirectory(prefix="ouroloop-eye-") as scratch:
        out = Path(scratch) / "eye"
        open_eye(found, task, encoder).save(out)
        yield out


def _encoder(recipe: Recipe, task: Task) -> str | Path:
    """Return the directory of the encoder that a recipe names, or that is shipped for its perception."""
    reader = encoder_kind(recipe) == "reader"
    found = place_of_reader(recipe, task) if reader else place_of_encoder(recipe, task)
    if found is None:
        kind = encoder_kind(recipe)
        raise UsageError(
            f'perception = "{recipe.perception}" needs a {kind}, and none is named or shipped: make one with `ouroloop train '
            f"{kind}`, and name it by --eye"
        )
    return found


def _named(recipe: Recipe, given: Path) -> Recipe:
    """Return a recipe that perceives through an encoder of the kind that a folder holds."""
    from ouroloop.perception.encoders import kind_of

    kind = kind_of(given)
    if kind is None and recipe.perception in ("clip", "gemma3"):  # any model of that kind, by directory or name
        return recipe
    if kind is None:
        raise UsageError(f"--eye {given} is no eye, reader or encoder: `ouroloop train reader` makes one, or clip, gemma, vae")
    perception = next((name for name, own in LATENTS.items() if own == kind), "vision-latent")
    eyes = recipe.eyes.model_copy(update={"latents": kind if perception == "vision-latent" else "reader"})
    return recipe.model_copy(update={"perception": perception, "eyes": eyes})
