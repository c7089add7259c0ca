"""The library: rewards and patches that earlier runs accepted and kept, which a new run offers to its roles first.

It is read once, as a run is made, and kept on record. Reading another run's directory runs nothing of it, and what it holds
passes the screen and the gate like any proposal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ouroloop.ledger.faults import FORMS
from ouroloop.ledger.parts import LEDGER
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps import gate, propose
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.screen import screen
from ouroloop.ledger.store import Store
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.messages import Known
from ouroloop.protocols.records import RewardSpec
from ouroloop.protocols.text import plain_line
from ouroloop.runs.context import nine_decimals, rolled_back
from ouroloop.runs.recipe import read_recipe

if TYPE_CHECKING:
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.recipe import Recipe

MOST_RUNS: Final = 200
"""The most runs that are read."""
MOST_ENTRIES: Final = 16
"""The most rewards, and the most patches, that are offered."""


def library(where: Path, game: str, note: Callable[[str], None]) -> tuple[Known, ...]:
    """Return what the runs of a folder accepted, the largest gain first; content that several runs have counts once.

    Args:
        where: a run directory, or a folder of them.
        game: the name of the game whose runs count, on any board.
        note: called with a line for each run that cannot be read, and is passed over.

    Raises:
        UsageError: there is no run.
    """
    runs = run_directories(where)
    if len(runs) > MOST_RUNS:
        note(f"start.library reads the last {MOST_RUNS} of {len(runs)} runs in {where}")
    found = [entry for folder in runs[-MOST_RUNS:] for entry in _read(folder, game, note)]
    best: dict[str, Known] = {}
    for entry in sorted(found, key=lambda one: (-one.effect, one.run)):
        best.setdefault(content_hash([entry.source, entry.reward and entry.reward.model_dump(mode="json")]), entry)
    rewards = [entry for entry in best.values() if entry.source is None][:MOST_ENTRIES]
    patches = [entry for entry in best.values() if entry.source is not None][:MOST_ENTRIES]
    return tuple(sorted(rewards + patches, key=lambda one: -one.effect))


def run_directories(where: Path) -> list[Path]:
    """Return the run directory that this is, or those in it. Raises UsageError if there is none."""
    try:
        if (where / LEDGER).is_file():
            return [where]
        runs = sorted(folder for folder in where.iterdir() if os.path.lexists(folder / LEDGER))
    except OSError as error:
        raise UsageError(f"start.library {where} cannot be read: {error.strerror or error}") from None
    if not runs:
        raise UsageError(f"start.library {where} holds no run: give a run directory, or a folder of them")
    return runs


def _read(folder: Path, game: str, note: Callable[[str], None]) -> list[Known]:
    try:
        with closing(Ledger(folder / LEDGER, "read")) as ledger:
            recipe = read_recipe(folder, unopened=True)
            return list(_accepted(folder, recipe, ledger)) if recipe.task.name == game else []
    except OuroloopError as error:
        note(f"start.library passes over {folder.name}: {plain_line(str(error))}")
    except FORMS as error:  # odd but well-formed records of a directory from outside
        note(f"start.library passes over {folder.name}, which is damaged: {type(error).__name__}")
    return []


def _accepted(folder: Path, recipe: Recipe, ledger: Ledger) -> Iterator[Known]:
    """Yield what a run accepted and has not rolled back."""
    table = recipe.task.model_dump(mode="json", exclude_none=True)
    task = plain_line(" ".join([table.pop("name"), *(f"{key} {value}" for key, value in table.items())]), 300)
    store, back = Store(folder / "artifacts"), rolled_back(ledger)
    for round in range(FIRST_ROUND, FIRST_ROUND + propose.rounds(ledger)):
        for candidate in propose.proposed(ledger, round).candidates:
            verdict = gate.verdict(round, candidate.id).find(ledger)
            if verdict is None or verdict.outcome != "accepted" or verdict.effect is None or candidate.id in back:
                continue
            spec, source = _parts(store, ledger, round, candidate)
            effect = nine_decimals(verdict.effect.utility)
            run = plain_line(folder.name, 200)
            yield Known(run=run, candidate=candidate.id, task=task, effect=effect, reward=spec, source=source)


def _parts(store: Store, ledger: Ledger, round: int, candidate: Candidate) -> tuple[RewardSpec | None, str | None]:
    passed = screen(round, candidate).read(ledger)
    reward = RewardSpec.model_validate_json(store.text(passed.reward)) if passed.reward else None
    return reward, store.text(passed.controller) if passed.controller else None
