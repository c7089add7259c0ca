"""The installed games, and how a recipe's `[task]` table becomes one.

A game is found by entry point (group `ouroloop.tasks`) or by import path (`package.module:Class`). It is a class, or any
callable, with an attribute `Settings`: the pydantic model of its settings. Called with those settings, it returns a `Task`.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, SerializationInfo, ValidationError, model_serializer, model_validator

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.numbers import not_a_number

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task

GROUP: Final = "ouroloop.tasks"
SHIPPED: Final = {"snake": "ouroloop.envs.snake.task:SnakeTask"}
"""Games of this package; they are known in a checkout that was never installed, too."""


class Game(Protocol):
    """What an entry point of a game names."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802 - a class
        """The model of its settings. Each has a default, and unknown keys are refused."""
        ...

    def __call__(self, **settings: Any) -> Task:
        """Return the game; raises UsageError for settings that cannot be played."""
        ...


class TaskSettings(BaseModel):
    """A recipe's `[task]` table: the game's name, and beside it that game's own settings, each with a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = "snake"
    own: BaseModel = Field(default_factory=BaseModel, exclude=True)
    """The game's own settings. They have no key of their own in the table, since they are written beside the name."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, table: Any) -> Any:
        """Let the game's own model check its settings and add its defaults; its UsageError becomes the validation's cause."""
        if not isinstance(table, Mapping):
            return table
        name = str(table.get("name", cls.model_fields["name"].default))
        return {"name": name, "own": game_settings(name, {k: v for k, v in table.items() if k != "name"})}

    @model_serializer
    def _flat(self, how: SerializationInfo) -> dict[str, object]:
        """Write the game's settings beside the name, as a recipe has them."""
        mode = "json" if how.mode_is_json() else "python"
        return {"name": self.name, **self.own.model_dump(mode=mode, exclude_none=how.exclude_none)}


def installed_games() -> dict[str, str]:
    """Return the games that can be played: name -> where it is found."""
    return SHIPPED | {point.name: point.value for point in entry_points(group=GROUP)}


def find_game(where: str) -> Game:
    """Return a game by entry point or import path.

    Raises:
        UsageError: there is no such game, it cannot be imported, or it is not a game.
    """
    known = installed_games()
    module, sep, name = known.get(where, where).rpartition(":")
    if not sep:
        raise UsageError(f"no game {where!r}: give an installed one ({', '.join(sorted(known))}) or module:Class")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # the boundary: a game's module runs its author's code
        raise UsageError(f"game {where!r} cannot be loaded ({type(error).__name__}: {error})") from error
    if not (callable(found) and isinstance(getattr(found, "Settings", None), type)):
        raise UsageError(f"game {where!r} has no `Settings`, the pydantic model of its settings; see docs/games.md")
    return cast("Game", found)


def game_settings(where: str, values: Mapping[str, object]) -> BaseModel:
    """Return a game's settings, checked, with defaults filled in.

    Raises:
        UsageError: there is no such game, a setting is unknown (the message names the nearest known one) or has a bad value.
    """
    model = find_game(where).Settings
    for key in values:
        if key not in model.model_fields:
            near = difflib.get_close_matches(key, model.model_fields, 1, 0.4)
            known = ", ".join(sorted(model.model_fields))
            hint = f"did you mean task.{near[0]}?" if near else f"known keys of game {where}: {known}"
            raise UsageError(f"unknown key task.{key}; {hint}")
        if said := not_a_number(values[key], model.model_fields[key].annotation):
            raise UsageError(f"task.{key}: expected a number, found {said}")
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(f"task.{one_line(error)}") from None


def installed_task(name: str, settings: Mapping[str, Any]) -> Task:
    """Return an installed game for a caller who is not trusted: an import path is refused.

    Raises:
        UsageError: no such game is installed, or it has no such settings.
    """
    known = installed_games()
    if name not in known:
        raise UsageError(f"the game {name!r} is not installed (installed: {', '.join(sorted(known))}): install it, or give it")
    return find_game(name)(**dict(game_settings(name, settings)))


def make_task(settings: TaskSettings) -> Task:
    """Return the game of a recipe's `[task]` table; raises UsageError for settings that cannot be played."""
    return find_game(settings.name)(**dict(settings.own))
