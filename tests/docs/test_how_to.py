"""The how-to pages: files are written, scripts and commands run, examples print what the page says, recipes can be read."""

from __future__ import annotations

import doctest
import tomllib
from pathlib import Path

import pytest

from ouroloop.runs.recipe import Recipe, build_recipe
from tests.docs.pages import DOCS, Block, blocks
from tests.docs.walking import FLAGS, walk

PAGES = sorted((DOCS / "how-to").glob("*.md"))
IDS = [page.stem for page in PAGES]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_page_can_be_followed(page: Path, tmp_path: Path) -> None:
    ran = walk(page, tmp_path)
    assert ran or examples(page)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_the_examples_print_what_the_page_says(page: Path) -> None:
    test = doctest.DocTestParser().get_doctest("".join(examples(page)), {}, page.name, str(page), 0)
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert outcome.failed == 0, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_block_is_of_a_kind_that_is_tried(page: Path) -> None:
    for block in blocks(page):
        assert block.how == "file" or block.language in ("console", "toml") or is_example(block), block.text


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_tables_of_a_recipe_have_keys_that_exist(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if block.language == "toml":
            tables = tomllib.loads(block.text)
            if "project" in tables:  # the entry point of a package
                (group,) = tables["project"]["entry-points"]
                assert group in ("ouroloop.roles", "ouroloop.tasks", "ouroloop.eyes")
                continue
            if "task" in tables:  # a game of the page's own, which is Snake with more
                tables["task"]["name"] = "snake"
            assert isinstance(build_recipe(tables), Recipe)


def examples(page: Path) -> list[str]:
    """Return the blocks that show a session of Python."""
    return [block.text for block in blocks(page) if is_example(block)]


def is_example(block: Block) -> bool:
    return block.language == "python" and block.text.startswith(">>> ")
