"""The tutorial, walked by a test: every file is written, every command is run, and prints what the page shows.

What prepares the machine is marked `by hand` on the page: CI takes these steps itself, on a clean checkout, before any test.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, steps
from tests.docs.walking import walk

ROOT = DOCS.parent
TUTORIAL = DOCS / "tutorial.md"
SHELL = {"cd", "mkdir", "source"}
"""Commands of the shell itself, in blocks that prepare the machine."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    ran = walk(TUTORIAL, tmp_path)
    commands = {shlex.split(command)[1] for command in ran}
    assert commands >= {"doctor", "demo", "run", "show", "diff", "ui", "rollback", "screen", "ablate"}


def test_what_prepares_the_machine_is_what_ci_does() -> None:
    """On a clean checkout, which has no environment, CI calls the same target of make."""
    ci, make = ((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "Makefile"))
    targets = set(re.findall(r"^([\w./$()]+):", make, re.MULTILINE))
    prepared = [step for block in blocks(TUTORIAL) if block.how == "by hand" for step, _ in steps(block.text)]
    made = [step for step in prepared if step.split()[0] == "make"]
    assert made
    for step in made:
        (target,) = step.split()[1:]
        assert f"\n{step}\n" in ci
        assert target in targets or (target == ".venv/.installed" and "$(STAMP)" in targets)
    assert {step.split()[0] for step in prepared} <= SHELL | {"make"}


def test_no_command_of_the_tutorial_goes_unrun() -> None:
    """A fence of another language than these would hide a command from the test."""
    found = [block for block in blocks(TUTORIAL) if block.language in ("bash", "sh", "")]
    assert found == []
    assert all(block.how == "file" for block in blocks(TUTORIAL) if block.language in ("toml", "python"))
