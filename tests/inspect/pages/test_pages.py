"""The generated pages of docs/: they say what the code says, and every key of a recipe has a meaning."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import ouroloop.envs.snake.toolkit as toolkit
from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.envs.snake.drawing.render import GLYPHS
from ouroloop.inspect.pages import controllers, recipe, rewards
from ouroloop.inspect.pages.meanings import KEYS, SAME, TABLES
from ouroloop.rewards.language import parse
from ouroloop.runs.phases.observe import KINDS, MODES
from ouroloop.runs.recipe import Recipe, build_recipe
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import play

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [("recipe", recipe.reference), ("rewards", rewards.page), ("controllers", controllers.page)]


@pytest.mark.parametrize(("name", "made"), PAGES)
def test_a_page_is_what_the_generator_writes(name: str, made: object) -> None:
    assert callable(made)
    again = f"run `python -m ouroloop.inspect.pages.{name} > docs/{name}.md`"
    assert (DOCS / f"{name}.md").read_text() == made(), again


def test_every_key_of_a_recipe_has_a_meaning_and_no_meaning_is_left_over() -> None:
    assert set(recipe.keys()) == set(KEYS)
    named = {table for table, _ in recipe.tables(Recipe)}
    assert set(TABLES) | set(SAME) == named - {"roles"}  # [roles] has tables alone
    page = recipe.reference()
    for part in (
        "| `steps` | whole number | `600` | >= 1 |",
        '`"json"` or `"ascii"` or `"vision-reader"`',
        "| `alpha` | number | `0.05` | > 0, < 1 |",
    ):
        assert part in page


def test_the_example_of_a_recipe_and_that_of_a_reward_can_be_used() -> None:
    import tomllib

    example = recipe.HEAD.split("```toml\n")[1].split("```")[0]
    assert build_recipe(tomllib.loads(example)).name == "mine"
    page = rewards.page()
    assert len(parse(page.split("```json\n")[1].split("```")[0]).terms) == 2


def test_every_mode_and_finding_is_explained() -> None:
    assert set(rewards.WHEN) == set(KINDS)
    assert set(rewards.FINDINGS) == set(MODES)


def test_every_key_of_an_observation_and_every_function_of_the_toolkit_is_explained() -> None:
    task = make_task(TaskSettings())
    row = task.engine(np.array([1], np.uint64)).observations().row(0)
    assert list(controllers.KEYS) == list(row)
    assert {tool.kind for tool in task.toolkit} == set(controllers.KINDS)
    assert set(controllers.UNITS) == {tool.name for tool in task.toolkit if tool.kind == "measure"}
    page = controllers.page()
    assert all(f"| `{tool.name}` | {tool.doc} |" in page for tool in task.toolkit)
    assert "".join(controllers.CODES) == "".join(GLYPHS[code] for code in range(len(controllers.CODES)))


def test_the_position_on_the_page_is_one_and_the_values_are_its_own() -> None:
    page = controllers.page()
    shown = ast.literal_eval("{" + page.split("```\n{")[1].split("```")[0])
    assert toolkit.legal_moves(shown) == [0, 2]
    assert f"`{toolkit.legal_moves(shown)}`" in page
    distances = [toolkit.food_distance(shown, move) for move in range(4)]
    assert f"`{distances}`".replace(str(toolkit.FAR), "FAR") in page


def test_the_controller_on_the_page_passes_the_screen_and_eats(monkeypatch: pytest.MonkeyPatch) -> None:
    start = make_task(TaskSettings()).start_controller
    assert static_screen(f"```python\n{controllers.EXAMPLE}```\n", start).source == controllers.EXAMPLE
    assert play(controllers.EXAMPLE, monkeypatch, games=4) > 2 * play(start, monkeypatch, games=4)
