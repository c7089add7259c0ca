"""The generated pages of docs/: they say what the code says, and every key of a recipe has a meaning."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ouroloop.envs.snake.toolkit as toolkit
from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.envs.snake.drawing.render import GLYPHS
from ouroloop.inspect.pages import cameras, controllers, diagrams, protocol, recipe, rewards, shipped
from ouroloop.inspect.pages.meanings import KEYS, SAME, TABLES
from ouroloop.protocols.messages import METHODS
from ouroloop.rewards.language import parse
from ouroloop.runs.phases.observe import KINDS, MODES
from ouroloop.runs.recipe import Recipe, build_recipe
from ouroloop.sandbox.screen.static import static_screen
from tests.agents.fixtures import play

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [
    ("recipe > docs/recipe.md", recipe.reference),
    ("rewards > docs/rewards.md", rewards.page),
    ("controllers > docs/controllers.md", controllers.page),
    ("protocol > docs/protocol.md", protocol.page),
    ("shipped > docs/recipes.md", shipped.page),
    ("diagrams loop > docs/pictures/loop.svg", diagrams.loop),
    ("diagrams floors > docs/pictures/floors.svg", diagrams.floors),
]


@pytest.mark.parametrize(("command", "made"), PAGES)
def test_a_page_is_what_the_generator_writes(command: str, made: object) -> None:
    assert callable(made)
    page = DOCS / command.partition(" > docs/")[2]
    assert page.read_text() == made(), f"run `python -m ouroloop.inspect.pages.{command}`"


def test_the_picture_of_cameras_shows_what_they_show() -> None:
    kept = np.asarray(Image.open(DOCS / "pictures" / "cameras.png").convert("RGB")).astype(int)
    made = np.asarray(cameras.picture()).astype(int)
    again = "run `python -m ouroloop.inspect.pages.cameras docs/pictures/cameras.png`"
    assert kept.shape == made.shape, again
    assert np.abs(kept - made).mean() < 12, again  # it is kept in few colours


def test_the_protocol_explains_every_record_that_it_names() -> None:
    page = protocol.page()
    heads = {line.removeprefix("### ").lower() for line in page.splitlines() if line.startswith("### ")}
    linked = set(re.findall(r"\]\(#(\w+)\)", page))
    assert linked <= heads
    assert set(protocol.ASKED) == set(METHODS)
    assert "| `count` | whole number |  | >= 1, <= 64 | the number of proposals. |" in page


def test_every_recipe_that_ships_says_what_it_is_for() -> None:
    page = shipped.page()
    for file in shipped.FOLDER.rglob("*.toml"):
        head = f"## [{file.relative_to(shipped.FOLDER).as_posix()}]"
        assert len(page.partition(head)[2].partition("##")[0]) > 100, file


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
