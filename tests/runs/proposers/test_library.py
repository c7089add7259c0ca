"""The library of a run: what earlier runs accepted is offered first, once, and on games of its own."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.ablation import cells, running
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.start import LIBRARY
from ouroloop.protocols.errors import UsageError
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from ouroloop.runs.proposers.library import library
from ouroloop.runs.recipe import read_recipe, recipe_toml
from ouroloop.runs.seeds import stream_seed
from tests.runs.scripted_roles import SAFE
from tests.runs.small_run import ROLES, document, micro, run_micro

PATCHES = ("roles.reward_designer.count=0", "start.policy=random", "budget.rounds=1", "roles.code_patcher.count=3")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that accepted a patch."""
    home = tmp_path_factory.mktemp("library")
    run_micro(home / "first-001", *PATCHES, f"roles.code_patcher.use={ROLES}:WishingPatcher")
    accepted = [one for one in document(home / "first-001")["rounds"][0]["candidates"] if one["verdict"] == "accepted"]
    assert len(accepted) == 1
    return home


def test_what_an_earlier_run_accepted_is_proposed_first(earlier: Path, tmp_path: Path) -> None:
    known = library(earlier, "snake", print)
    assert [(entry.run, entry.task.split()[0], entry.reward) for entry in known] == [("first-001", "snake", None)]
    assert known == library(earlier / "first-001", "snake", print)
    assert library(earlier, "another game", print) == ()
    folder = tmp_path / "second"
    run_micro(folder, *PATCHES, f"start.library={earlier}")
    (entry,) = document(folder)["rounds"]
    first = entry["candidates"][0]
    assert entry["mode"] == "meta_learn"
    assert "accepted in first-001" in first["rationale"]
    assert first["layer"] in ("oracle", "gate")
    assert sum("accepted in first-001" in one["rationale"] for one in entry["candidates"]) == 1


def test_a_run_with_a_library_plays_other_games(earlier: Path, tmp_path: Path) -> None:
    """The same seed and start would repeat the very games on which the library's entries were chosen."""
    seeds = []
    for name, more in (("plain", ()), ("offered", (f"start.library={earlier}",))):
        folder = tmp_path / name
        run_micro(folder, *PATCHES[:3], "roles.code_patcher.count=1", *more)
        with closing(Ledger(folder / "ledger.sqlite", "read")) as ledger:
            seeds.append(stream_seed(read_recipe(folder), ledger))
    assert seeds[0] != seeds[1]


def test_what_was_rolled_back_is_not_offered_and_a_damaged_run_is_passed_over(earlier: Path, tmp_path: Path) -> None:
    home = tmp_path / "runs"
    shutil.copytree(earlier, home)
    (home / "broken").mkdir()
    (home / "broken" / "ledger.sqlite").write_bytes(b"no database")
    said: list[str] = []
    assert len(library(home, "snake", said.append)) == 1
    assert len(said) == 1
    assert "passes over broken" in said[0]
    accepted = next(one for one in document(home / "first-001")["rounds"][0]["candidates"] if one["verdict"] == "accepted")
    assert call(["rollback", str(home / "first-001"), accepted["id"], "--trust"]) == 0
    assert library(home, "snake", said.append) == ()


@pytest.mark.parametrize("make", [False, True])
def test_a_library_without_a_run_is_refused_before_anything_begins(tmp_path: Path, make: bool) -> None:
    where = tmp_path / "nothing"
    if make:
        where.mkdir()
    with pytest.raises(UsageError, match=r"start\.library"):
        lifecycle.create(micro(f"start.library={where}"), tmp_path / "r", Quiet(notes=False))
    assert not (tmp_path / "r").exists()


def test_the_library_is_kept_with_the_run(earlier: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    lifecycle.create(micro(*PATCHES, f"start.library={earlier}"), folder, Quiet(notes=False))
    with closing(Ledger(folder / "ledger.sqlite", "read")) as ledger:
        (entry,) = LIBRARY.read(ledger).entries
    assert entry.source in (SAFE, SAFE.replace("1.0", "2.0"))


def test_the_runs_of_an_ablation_get_the_same_library(earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others accept while it goes on would otherwise reach its later arms alone."""
    home, recipe, work = tmp_path / "home", tmp_path / "recipe.toml", cells.work
    shutil.copytree(earlier, home)

    def worked(folder: Path, progress: Quiet) -> str:
        shutil.rmtree(home, ignore_errors=True)
        return work(folder, progress)

    monkeypatch.setattr(cells, "work", worked)
    settings = (*PATCHES, "roles.code_patcher.count=0", f"start.library={home}")
    recipe.write_text(recipe_toml(micro(*settings)), encoding="utf-8")
    vary, folder = ("sft.shape.hidden=16,32",), tmp_path / "ablation"
    running.ablate([recipe], vary, Quiet(notes=False), seeds=1, folder=folder, probe_games=0)
    kept = []
    for run in sorted(folder.glob("*-seed1")):
        with closing(Ledger(run / "ledger.sqlite", "read")) as ledger:
            kept.append(LIBRARY.read(ledger))
    assert len(kept) == 2
    assert kept[0] == kept[1]
    assert len(kept[0].entries) == 1
