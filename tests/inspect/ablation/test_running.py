"""A real ablation of a tiny recipe: it goes on where it was stopped, keeps its seeds, and its folder keeps its design."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.ablation import running
from ouroloop.inspect.ablation.design import DESIGN, read_design
from ouroloop.inspect.ablation.running import ablate
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.progress import Quiet

TINY = """
name = "tiny"
threads = 1
sandbox = "wasm"
task = {size = 5}
start = {policy = "random"}
roles = {reward_designer = {count = 0}, code_patcher = {count = 0}}
gate = {games = 8, positions = 16, watch_games = 8, search_games = 8, attribution_games = 8}
budget = {rounds = 1}
sft.shape = {hidden = 16, layers = 1, heads = 1, intermediate = 16}
"""
VARY = ("sft.shape.hidden=16,32",)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_a_stopped_ablation_goes_on_with_its_seeds(recipe, tmp_path, monkeypatch, capsys):
    folder, worked, work = tmp_path / "my ablation", [], running.work

    def stopped(where: Path, progress: Quiet) -> str:
        worked.append(where.name)
        if len(worked) == 3:
            raise KeyboardInterrupt
        return work(where, progress)

    monkeypatch.setattr(running, "work", stopped)
    command = ["ablate", str(recipe), "--vary", *VARY, "--seeds", "2", "--out", str(folder)]
    assert call(command) == 130
    assert "same command" in capsys.readouterr().err
    begun = read_design(folder)
    assert begun.seeds[0] > 1 << 32, "drawn, since the recipe has none"
    assert call([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert worked[2:] == ["1-16-seed2", "1-16-seed2", "2-32-seed2"], "finished runs are not worked on again"
    assert "run 4 of 4: 32, seed 2 of 2" in err
    assert [run["seed"] for run in document["runs"]] == [begun.seeds[0], begun.seeds[0], begun.seeds[1], begun.seeds[1]]
    assert {row["measure"] for row in document["comparison"]} == {"utility", "score", "win_rate", "path_optimality"}
    assert json.loads((folder / "ablation.json").read_text()) == document
    assert (folder / "ablation.png").is_file()
    before = (folder / DESIGN).read_bytes()
    for other in (["--seed", "5"], ["--measure", "score"], ["--vary", "task.size=5,6"], ["--set", "budget.rounds=2"]):
        assert call([*command, *other]) == 2
        assert "another ablation" in capsys.readouterr().err
    assert (folder / DESIGN).read_bytes() == before
    assert call(command) == 0
    out = capsys.readouterr().out
    assert f"next: ouroloop show '{folder}/1-16-seed1'" in out
    assert len(worked) == 5


@pytest.mark.parametrize("vary", [("perception",), ("seed=1,2",), ("sft.steps=1,2",), ("task.size=5,1000",)])
def test_what_cannot_be_compared_leaves_nothing_behind(vary, recipe, tmp_path):
    with pytest.raises(UsageError):
        ablate(recipe, vary, Quiet(), folder=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_run_that_lies_in_the_way_is_left_alone(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "work", lambda where, progress: pytest.fail("no run may begin"))
    monkeypatch.setattr(running, "check_arms", lambda arms, vary: None)
    other = tmp_path / "a" / "1-16-seed1"
    running.create(running.read_arms(recipe, ("seed=1",), {"task.size": ("5", "6")})["6"], other, Quiet(notes=False))
    (tmp_path / "a" / DESIGN).write_text(_design(recipe))
    with pytest.raises(UsageError, match="other settings"):
        ablate(recipe, VARY, Quiet(), folder=tmp_path / "a", first_seed=1)


def _design(recipe: Path) -> str:
    varied = running.parse_vary(VARY)
    return running.make_design(varied, running.read_arms(recipe, (), varied), 5, 1, "utility").model_dump_json()
