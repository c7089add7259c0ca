"""Whose code a run imports, and whether this user has agreed to it.

A recipe may name roles and a game by import path or file, models that get a key from the environment, and a Docker image in
which candidates run. Whoever starts a run chose them. A run directory that came from somewhere else names what its author
chose, so resuming it or rolling back asks first. Recipes that were agreed to are remembered outside the run directories.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.agents.finding import installed_roles
from ouroloop.agents.local.catalog import is_local
from ouroloop.agents.roles import ROLES
from ouroloop.cached import own_folder
from ouroloop.envs.registry import installed_games
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.runs.recipe import decisive

if TYPE_CHECKING:
    from ouroloop.agents.settings import RoleSettings
    from ouroloop.runs.recipe import Recipe


def reaches(recipe: Recipe) -> list[str]:
    """Return what a recipe would import or ask that is neither part of this program nor an installed plug-in, one text each."""
    found = [] if recipe.task.name in installed_games() else [f"task imports {_located(recipe.task.name)}"]
    if recipe.sandbox_image and recipe.sandbox != "wasm":
        found.append(f"sandbox runs the Docker image {recipe.sandbox_image}, pulling it if it is not here")
    for slot in ROLES:
        found += (f"{slot.name} {what}" for settings in recipe.roles.of(slot) for what in _of_role(settings))
    return [plain_line(text) for text in found]


def _of_role(settings: RoleSettings) -> Iterator[str]:
    if settings.use is not None and settings.use not in installed_roles():
        yield f"imports {_located(settings.use)}"
    given = {**settings.model_dump(include={"model", "base_url", "api_key_env"}), **settings.config}
    if settings.model is not None or {"model", "base_url", "api_key_env"} & settings.config.keys():
        where = f" at {given['base_url']}" if given["base_url"] else ""
        key = "" if is_local(str(given["model"])) else f" with the key in ${given['api_key_env']}"
        yield f"asks {given['model']}{where}{key}"


def _located(where: str) -> str:
    """Return an import path as it is, and a file with its whole path."""
    module, _, name = where.rpartition(":")
    return f"{Path(module).resolve()}:{name}" if module.endswith(".py") else where


def remember(recipe: Recipe) -> None:
    """Remember that this user agreed to what a recipe reaches. If that cannot be written, the next resume asks."""
    if reached := reaches(recipe):
        with suppress(OSError, SurroundingsError):
            (_agreed() / _name(recipe, reached)).touch()


def agree(folder: Path, recipe: Recipe, *, trust: bool) -> list[str]:
    """Return what a run's recipe reaches, if this user has agreed to it.

    Args:
        folder: the run directory, which an error names.
        recipe: its recipe, read without importing anything.
        trust: agree to it now.

    Raises:
        UsageError: it was not agreed to.
        SurroundingsError: others can write the folder that says what was agreed to, or it cannot be made.
    """
    reached = reaches(recipe)
    if trust:
        remember(recipe)
    elif reached and not (_agreed() / _name(recipe, reached)).is_file():
        raise UsageError(
            f"the recipe of {folder} names what you have not run before ({'; '.join(reached)}): look at it, and if you trust "
            "it, repeat the command with --trust"
        )
    return reached


def _agreed() -> Path:
    """Return the folder of what was agreed to, which this user alone can write."""
    home = os.environ.get("XDG_STATE_HOME")
    try:
        state = Path(home or Path.home() / ".local" / "state").absolute()
    except RuntimeError as error:
        raise SurroundingsError("this user has no home; set XDG_STATE_HOME to a folder of your own") from error
    return own_folder(state / "ouroloop" / "agreed", "XDG_STATE_HOME")


def _name(recipe: Recipe, reached: list[str]) -> str:
    """Return the hash of the recipe, its budget apart, and of what it reaches from here."""
    return content_hash([decisive(recipe), reached])
