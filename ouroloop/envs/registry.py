"""The installed games, and how a recipe's `[task]` table becomes one.

A game is found by entry point (group `ouroloop.tasks`) or by import path (`package.module:Class`). It is a class, or any
callable, with an attribute `Settings`: the pydantic model of its settings. Called with those settings, it returns a `Task`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from ouroloop.plugins import announced, load, place_of
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.numbers import not_a_number
from ouroloop.protocols.text import did_you_mean
from ouroloop.sheltered import Fault, sheltered

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task

GROUP: Final = "ouroloop.tasks"
UNOPENED: Final = object()
"""The context in which a recipe is only read: it may come from a stranger, so nothing that it names is imported."""
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


class Unopened(BaseModel):
    """The settings of a game that is not imported, as they were written."""

    model_config = ConfigDict(frozen=True, extra="allow")


class TaskSettings(BaseModel):
    """A recipe's `[task]` table: the game's name, and beside it that game's own settings, each with a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = "snake"
    own: BaseModel = Field(default_factory=BaseModel, exclude=True)
    """The game's own settings. They have no key of their own in the table, since they are written beside the name."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, table: Any, info: ValidationInfo) -> Any:
        """Let the game's own model check its settings and add its defaults; its UsageError becomes the validation's cause.

        With `UNOPENED` as the validation's context, the game is not imported, and its settings stay as they are.
        """
        if not isinstance(table, Mapping):
            return table
        name = str(table.get("name", cls.model_fields["name"].default))
        if info.context is UNOPENED:
            return {"name": name, "own": Unopened.model_validate({k: v for k, v in table.items() if k != "name"})}
        return {"name": name, "own": game_settings(name, {k: v for k, v in table.items() if k != "name"})}

    @model_serializer
    def _flat(self, how: SerializationInfo) -> dict[str, object]:
        """Write the game's settings beside the name, as a recipe has them."""
        mode = "json" if how.mode_is_json() else "python"
        return {"name": self.name, **self.own.model_dump(mode=mode, exclude_none=how.exclude_none)}


def installed_games() -> dict[str, str]:
    """Return the games that can be played: name -> where it is found."""
    return announced(GROUP) | SHIPPED


@dataclass(frozen=True, slots=True)
class InstalledGame:
    """An installed game: its name, its place, its default settings, and why it cannot be played; None if it can."""

    name: str
    where: str
    settings: Mapping[str, object]
    fault: str | None


def survey() -> list[InstalledGame]:
    """Return all installed games, those that cannot be loaded among them, sorted by name."""
    found = []
    for name, where in sorted(installed_games().items()):
        settings: Mapping[str, object] = {}
        fault = None
        try:
            game = find_game(name)
            settings = sheltered(partial(_defaults, game))
        except (UsageError, Fault) as error:
            fault = str(error)
        found.append(InstalledGame(name, where, settings, fault))
    return found


def _defaults(game: Game) -> Mapping[str, object]:
    return game.Settings.model_validate({}).model_dump(mode="json")


def find_game(where: str) -> Game:
    """Return a game by entry point or import path.

    Raises:
        UsageError: there is no such game, it cannot be imported, or it is not a game.
    """
    known = SHIPPED if where in SHIPPED else installed_games()
    place = place_of(where, known, "game", "module:Class")
    try:
        found = load(place)
        fits = sheltered(lambda: callable(found) and isinstance(getattr(found, "Settings", None), type))
    except Fault as fault:
        raise UsageError(f"game {where!r} cannot be loaded ({fault})") from None
    if not fits:
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
            known = ", ".join(sorted(model.model_fields))
            hint = did_you_mean(f"task.{key}", [f"task.{name}" for name in model.model_fields], 0.6)
            raise UsageError(f"unknown key task.{key}; {hint}known keys of game {where}: {known}")
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


def in_sizes(settings: TaskSettings, sizes: Sequence[int]) -> list[Task]:
    """Return a game on boards of several sizes, all else by default.

    Without sizes, or if the game has no setting `size`, it is the game as its settings say, alone.

    Raises:
        UsageError: the game cannot be played in one of the sizes.
    """
    if not sizes or "size" not in type(settings.own).model_fields:
        return [make_task(settings)]
    return [make_task(TaskSettings.model_validate({"name": settings.name, "size": size})) for size in sizes]
