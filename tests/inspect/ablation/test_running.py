"""A real ablation of a tiny recipe: it goes on where it was stopped, keeps its seeds, and its folder keeps its design."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.ablation import cells, running
from ouroloop.inspect.ablation.axes import asked_of, read_axes
from ouroloop.inspect.ablation.design import DESIGN, make_design, read_arms, read_design
from ouroloop.inspect.ablation.document import TIMED, Ablation
from ouroloop.inspect.ablation.running import ablate
from ouroloop.ledger.lock import is_running
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.lifecycle import create
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
ALONE = ("--jobs", "1", "--probe", "0")
"""In this process, without probes, which have processes of their own."""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_a_stopped_ablation_goes_on_with_its_seeds(recipe, tmp_path, monkeypatch, capsys):
    folder, worked, work = tmp_path / "my ablation", [], cells.work

    def stopped(where: Path, progress: Quiet) -> str:
        worked.append(where.name)
        if len(worked) == 3:
            raise KeyboardInterrupt
        return work(where, progress)

    monkeypatch.setattr(cells, "work", stopped)
    command = ["ablate", str(recipe), "--vary", *VARY, "--seeds", "2", "--out", str(folder), *ALONE]
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
        ablate([recipe], vary, Quiet(), folder=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_run_that_lies_in_the_way_is_left_alone(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "work", lambda where, progress: pytest.fail("no run may begin"))
    monkeypatch.setattr(running, "check_arms", lambda arms, vary: None)
    other = tmp_path / "a" / "1-16-seed1"
    create(read_arms(recipe, ("seed=1",), {"task.size": ("5", "6")})["6"], other, Quiet(notes=False))
    (tmp_path / "a" / DESIGN).write_text(_design(recipe))
    with pytest.raises(UsageError, match="other settings"):
        ablate([recipe], VARY, Quiet(), folder=tmp_path / "a", first_seed=1)


def _design(recipe: Path) -> str:
    asked = asked_of(read_axes(recipe)[1], VARY)
    return make_design(asked, read_arms(recipe, (), asked.vary), 1).model_dump_json()


def lasting(found: Ablation) -> list[dict[str, Any]]:
    """Return the rows of the runs without what a clock says."""
    return [{key: value for key, value in run.items() if key not in TIMED} for run in found["runs"]]


def test_one_at_a_time_is_said_on_the_command_line(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cells, "work", lambda where, progress: (_ for _ in ()).throw(KeyboardInterrupt))
    vary = ["--vary", *VARY, "--vary", "task.size=5,6", "--vary", "gate.games=8,16,24", "--one-at-a-time"]
    assert call(["ablate", str(recipe), *vary, "--out", str(tmp_path / "a"), *ALONE]) == 130
    assert "5 arms x 5 seeds = 25 runs" in capsys.readouterr().err
    assert read_design(tmp_path / "a").plan == "one-at-a-time"


def test_files_that_cannot_be_written_are_refused_before_the_first_game(recipe, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for option in ("--csv", "--arrow"):
        asked = ["ablate", str(recipe), "--vary", *VARY, "--out", str(tmp_path / "a"), option, str(tmp_path / "file" / "x")]
        assert call(asked) == 2
        assert f"{option} {tmp_path}/file/x cannot be written" in capsys.readouterr().err
        assert call([*asked[:-1], str(tmp_path)]) == 2
        assert f"{option} {tmp_path} is a directory" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_side_by_side_stopped_and_resumed_it_gives_the_table_of_one_by_one(recipe, tmp_path, capsys):
    """The command is stopped while two runs work; with the same command it reaches what an undisturbed one reaches."""
    whole, folder = tmp_path / "whole", tmp_path / "side by side"
    once, _ = ablate([recipe], VARY, Quiet(notes=False), seeds=1, first_seed=7, folder=whole, jobs=1, probe_games=2)
    command = ["ablate", str(recipe), "--vary", *VARY, "--seeds", "1", "--seed", "7", "--out", str(folder)]
    command += ["--jobs", "2", "--probe", "2", "--csv", str(tmp_path / "x.csv"), "--arrow", str(tmp_path / "x.arrow"), "--json"]
    begun = subprocess.Popen([sys.executable, "-m", "ouroloop.cli", *command], stderr=subprocess.PIPE, text=True)
    while begun.poll() is None and sum((run / "ledger.sqlite").exists() for run in folder.glob("*-seed*")) < 2:
        time.sleep(0.05)
    begun.send_signal(signal.SIGTERM)
    _, said = begun.communicate(timeout=120)
    assert begun.returncode == 130, said
    assert said.count("was stopped in") == 2, said
    assert not any(is_running(run) for run in folder.glob("*-seed*"))
    capsys.readouterr()  # what libraries said while nobody silenced them
    assert call(command) == 0
    again = json.loads(capsys.readouterr().out)
    assert lasting(again) == lasting(once)
    assert again["comparison"] == once["comparison"]
    assert [run["decisions_per_s"] > 0 and run["memory_mb"] > 50 for run in again["runs"]] == [True] * 2
    assert (tmp_path / "x.csv").read_bytes() == (folder / "runs.csv").read_bytes()
    assert (tmp_path / "x.arrow").read_bytes() == (folder / "runs.arrow").read_bytes()
    probes = {file: file.stat().st_mtime_ns for file in folder.glob("*/probe.json")}
    assert call(command) == 0
    assert {file: file.stat().st_mtime_ns for file in folder.glob("*/probe.json")} == probes, "nothing is probed twice"
    assert json.loads(capsys.readouterr().out) == again
