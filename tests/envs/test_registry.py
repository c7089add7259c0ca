"""Games by entry point and import path, and the `[task]` table that their own models check."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from ouroloop.envs import registry
from ouroloop.envs.registry import GROUP, SHIPPED, TaskSettings, find_game, installed_games, make_task
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.recipe import build_recipe, identity, recipe_toml


class Coin:
    """A game that only says with what it was made."""

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        bias: float = 0.5
        tosses: int = 3

    def __init__(self, bias: float, tosses: int) -> None:
        self.name, self.bias, self.tosses = "coin", bias, tosses


@pytest.fixture
def coin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a second game by entry point."""
    monkeypatch.setattr(registry, "announced", lambda group: {"coin": f"{__name__}:Coin"} if group == GROUP else {})


def test_what_the_package_ships_is_what_it_announces() -> None:
    announced = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert announced == SHIPPED


def test_an_entry_point_is_a_game(coin: None) -> None:
    assert set(installed_games()) == {"coin", "snake"}
    recipe = build_recipe({"task": {"name": "coin"}}, ("task.bias=0.75",))
    assert recipe.task.own == Coin.Settings(bias=0.75, tosses=3)
    made = make_task(recipe.task)
    assert isinstance(made, Coin)
    assert (made.bias, made.tosses) == (0.75, 3)


def test_an_import_path_is_a_game() -> None:
    assert find_game(f"{__name__}:Coin") is Coin


def test_a_recipe_keeps_every_setting_of_its_game_and_reads_it_back(coin: None) -> None:
    recipe = build_recipe({"task": {"name": "coin", "tosses": 7}})
    text = recipe_toml(recipe)
    assert tomllib.loads(text)["task"] == {"name": "coin", "bias": 0.5, "tosses": 7}
    assert build_recipe(tomllib.loads(text)) == recipe
    assert recipe.model_dump(mode="json")["task"] == recipe.model_dump()["task"] == {"name": "coin", "bias": 0.5, "tosses": 7}
    assert identity(recipe) != identity(build_recipe({"task": {"name": "coin"}}))


def test_snake_is_the_game_that_is_not_named() -> None:
    task = make_task(TaskSettings())
    assert isinstance(task, SnakeTask)
    assert task.size == 6


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"name": "chess"}, r"recipe: no game 'chess'.*coin, snake"),
        ({"name": "coin", "tosess": 1}, r"recipe: unknown key task.tosess; did you mean task.tosses\?"),
        ({"name": "coin", "zzz": 8}, "unknown key task.zzz; .*bias, tosses"),
        ({"name": "coin", "tosses": "many"}, "task.tosses: expected a number, found the text 'many'"),
        ({"name": "no.such.module:Game"}, "cannot be loaded .ModuleNotFoundError"),
        ({"name": f"{__name__}:pytest"}, "has no `Settings`"),
        ({"sise": 8}, r"did you mean task.size\?"),
    ],
)
def test_what_is_no_game_or_no_setting_of_it_is_refused(coin: None, table: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        build_recipe({"task": table})
