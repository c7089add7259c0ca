"""The generated pages of docs/: they say what the code says, and every key of a recipe has a meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.inspect.pages import recipe, rewards
from ouroloop.inspect.pages.meanings import KEYS, SAME, TABLES
from ouroloop.rewards.language import parse
from ouroloop.runs.phases.observe import KINDS, MODES
from ouroloop.runs.recipe import Recipe, build_recipe

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("name", "made"), [("recipe", recipe.reference), ("rewards", rewards.page)])
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
        '`"json"` or `"vision"`',
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
