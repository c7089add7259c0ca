"""The seed of a run: drawn where none is given, kept with the run, and mixed with its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.inspect.ablation.axes import read_axes
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.start import INCUMBENT, Begun
from ouroloop.protocols.records import Build
from ouroloop.protocols.seeds import game_seeds
from ouroloop.runs.lifecycle import create
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import Recipe, build_recipe, read_recipe
from ouroloop.runs.seeds import drawn, recipe_seed, seed_from, stream_seed
from tests.runs.small_run import micro

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))
START = Build("p", "r", "c")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_no_shipped_recipe_fixes_the_seed(path: Path) -> None:
    assert build_recipe(read_axes(path)[0]).seed is None


def unseeded() -> Recipe:
    return micro().model_copy(update={"seed": None})


def test_a_run_without_a_seed_draws_one_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = set()
    for name in "ab":
        create(unseeded(), tmp_path / name, Quiet())
        seed = recipe_seed(read_recipe(tmp_path / name))
        assert f"seed {seed}, drawn now; --set seed={seed} repeats the run" in capsys.readouterr().err
        seeds.add(seed)
    assert len(seeds) == 2
    assert max(seeds) > 1 << 40  # fails once in 10^13 times
    assert all(seed < 1 << 63 for seed in seeds)


def test_whoever_fixes_the_seed_is_told_what_it_gives_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create(micro(), tmp_path / "r", Quiet())
    assert "whoever knows it can foretell the games" in capsys.readouterr().err
    assert drawn(micro()) == micro()


@pytest.mark.parametrize("other", [Build("q", "r", "c"), Build("p", "q", "c"), Build("p", "r", "q"), Build("r", "p", "c")])
def test_another_start_meets_other_games(other: Build) -> None:
    seeds = seed_from(7, START), seed_from(7, other), seed_from(8, START), 7
    games = [set(game_seeds(seed, "gate", 0, 256)) for seed in seeds]
    assert len(set.union(*games)) == 4 * 256
    assert seed_from(7, START) == seeds[0] < 1 << 64


def test_the_games_follow_from_the_recipe_and_the_recorded_start(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    INCUMBENT.record(ledger, {}, Begun(START, "commit"))
    assert stream_seed(micro(), ledger) == seed_from(3, START)
