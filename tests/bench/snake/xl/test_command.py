"""`ouroloop bench snake-xl` from the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from ouroloop.cli.main import call, cli
from ouroloop.cli.snake_xl import snake_xl

QUICK = ["--sizes", "6", "--walls", "0", "--seeds", "2"]


def test_play_verify_and_leaderboard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results, out = tmp_path / "results", tmp_path / "board"
    assert call(["bench", "snake-xl", "astar", "teacher:random", "--out", str(results), *QUICK, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["results"]
    assert [Path(one["file"]).name for one in told] == ["astar.json", "random.json"]
    assert told[0]["boards"][0]["figures"]["games"] == 2
    assert "moves" not in told[0]["boards"][0]
    assert call(["bench", "snake-xl", "--verify", str(results / "astar.json"), str(results / "random.json")]) == 0
    assert "not complete" in capsys.readouterr().out
    assert call(["bench", "snake-xl", "--leaderboard", str(results), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 2
    assert {path.name for path in out.iterdir()} == {"index.html", "leaderboard.json", "leaderboard.md", "badge.svg"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["astar"], "--out is missing"),
        (["--out", "x"], "who should play"),
        (["astar", "best", "--name", "one", "--out", "x"], "--name 'one' is one name"),
        (["astar", "teacher:astar", "--out", "x"], "have one name"),
        (["astar", "--sizes", "7", "--out", "x"], "--sizes 7: the benchmark has 6, 8, 10, 16, 20"),
        (["astar", "--walls", "none", "--out", "x"], "--walls none: the benchmark has 0, 0.05, 0.1"),
        (["--verify"], "nothing to check"),
        (["--verify", "--leaderboard", "x"], "two things"),
        (["astar", "--leaderboard", "x", "--out", "y"], "no PLAYER"),
        (["--leaderboard", "nowhere", "--out", "y"], "no result files"),
        (["stdio:x", "--controller", "c.py", "--out", "y"], "--controller goes with"),
        (["guru", "--out", "y"], "player 'guru' is not known"),
        (["stdio:/nowhere/at/all", "--name", "x", "--out", "y", *QUICK], "cannot be started"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["bench", "snake-xl", *arguments]) == 2
    found = capsys.readouterr().err
    assert said in found
    assert len(found.strip().splitlines()) == 1


def test_the_help_fits_and_its_examples_parse() -> None:
    shown = CliRunner().invoke(cli, ["bench", "snake-xl", "--help"], terminal_width=80, prog_name="ouroloop").output
    assert "ouroloop bench snake-xl [OPTIONS]" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    examples = [line.strip() for line in shown.splitlines() if line.startswith("    ouroloop ")]
    assert len(examples) == 4
    for example in examples:
        snake_xl.make_context("snake-xl", shlex.split(example)[3:])
    assert "bench snake-xl --help" in " ".join(
        CliRunner().invoke(cli, ["bench", "--help"], terminal_width=80, prog_name="ouroloop").output.split()
    )
