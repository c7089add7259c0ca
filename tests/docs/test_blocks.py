"""Blocks of code on every page: commands have options that exist, recipes can be read, Python compiles, files are there.

The tutorial, the how-to pages and `docs/python.md` are run as a whole. Other pages show commands that train for hours.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ouroloop.cli.main import cli
from ouroloop.cli.pages.commands import inside
from ouroloop.runs.recipe import Recipe, build_recipe
from tests.docs.pages import DOCS, blocks

ROOT = DOCS.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    *DOCS.glob("*.md"),
    *ROOT.glob("examples/*.md"),
    *ROOT.glob("benchmarks/*.md"),
]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


def found(*languages: str) -> list[str]:
    """Return the blocks of these languages on all pages."""
    return [block.text for page in PAGES for block in blocks(page) if block.language in languages]


def commands() -> Iterator[list[str]]:
    """Yield the arguments of each command of the package: in blocks of a shell, and in the README's table."""
    for text in found("sh", "bash"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0].endswith("ouroloop"):
                yield words[1:]
    for said in re.findall(r"`\.venv/bin/ouroloop ([^`]*)`", (ROOT / "README.md").read_text(encoding="utf-8")):
        yield shlex.split(said)


def test_every_command_has_options_that_exist() -> None:
    seen = list(commands())
    assert len(seen) > 40
    for words in seen:
        command: click.Command = cli
        rest = list(words)
        while further := inside(command):
            if isinstance(command, click.Group):
                assert rest, words
                assert rest[0] in further, words
            elif rest[0] not in further:
                break
            command = further[rest.pop(0)]
        context = click.Context(command, info_name=words[0])
        command.make_parser(context).parse_args(rest)  # raises what click says of an unknown option


def test_every_recipe_that_a_command_names_is_there() -> None:
    named = {word for words in commands() for word in words if word.startswith("recipes/")}
    assert len(named) > 5
    assert [word for word in named if not list(ROOT.glob(word))] == []


def test_every_recipe_in_a_block_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for text in found("toml"):
        tables = tomllib.loads(text)
        if "project" not in tables and tables.get("task", {}).get("name") != "balance":  # that game is the tests' own
            tables.pop("ablation", None)  # which a run refuses, and `ablate` reads
            assert isinstance(build_recipe(tables), Recipe), text


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_compiles_and_json_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and ">>> " not in block.text and page.name != "api.md":  # which shows signatures
            compile(block.text, str(page), "exec")
        elif block.language == "json":
            json.loads(block.text)
