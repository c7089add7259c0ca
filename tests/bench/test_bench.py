"""`bench` and `train data` from the command line: their forms, their files, and peers that are missing or broken."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ouroloop.bench import timing
from ouroloop.bench.catalogue import BENCHES
from ouroloop.bench.sandbox import aftermath, hostile, starts
from ouroloop.bench.snake import document, engine, plan, teachers, ways
from ouroloop.cli.main import call


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure little: what is tested here is the form."""
    monkeypatch.setattr(engine, "BATCHES", (1, 256))
    monkeypatch.setattr(document, "BATCHES", (1, 256))
    monkeypatch.setattr(engine, "GROWTH_SIZES", (6, 8))
    monkeypatch.setattr(engine, "GROWTH_BATCHES", (1, 16))
    monkeypatch.setattr(ways, "RECORDED", 8)
    monkeypatch.setattr(plan, "SIZES", (6,))
    monkeypatch.setattr(plan, "GROWTH_SIZES", (6, 8))
    monkeypatch.setattr(teachers, "ROWS", (("astar", 6, 3, 0.0), ("best", 6, 1, 0.0), ("best", 6, 3, 0.2)))
    monkeypatch.setattr(teachers, "GAMES", 20)
    monkeypatch.setattr(starts, "STARTS", 2)
    monkeypatch.setattr(hostile, "HOSTILE", {"memory": hostile.HOSTILE["memory"]})
    monkeypatch.setattr(hostile, "FAULTS", {"text": hostile.FAULTS["text"], "import": hostile.FAULTS["import"]})
    monkeypatch.setattr(aftermath, "IN_A_ROW", 2)
    monkeypatch.setattr(aftermath, "HEALTHY", 1)


def measured(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    quick = [*(("--rounds", "1", "--seconds", "0.02") if BENCHES[name].timed else ()), "--peers", str(tmp_path / "none")]
    assert call(["bench", name, "--json", "--out", str(tmp_path / "out"), *quick]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "out" / f"{name}.json").read_text()) == printed
    assert (tmp_path / "out" / f"{name}.txt").read_text().strip()
    assert (tmp_path / "out" / f"{name}.png").exists() == ("growth" in printed)
    return printed


def test_the_engines_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured("engine", tmp_path, capsys)
    assert set(found) >= {"unit", "size", "fused", "batch_call", "single", "peers", "ratios", "growth", "machine"}
    assert found["peers"] == found["ratios"] == {}
    assert found["fused"]["256"] > found["batch_call"]["legal"]["256"] > found["single"]["bare"] > 0
    assert (
        found["batch_call_ends"]["legal 256"]
        < found["batch_call_ends"]["forward 256"]
        < found["batch_call_ends"]["uniform 256"]
    )


def test_the_planners_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured("plan", tmp_path, capsys)
    for teacher in ("astar", "best"):
        assert found[teacher]["6"]["ours"]["path"] > 0
        assert found[teacher]["6"]["positions"] > 100
    assert found["best"]["6"]["mean_length"] > found["astar"]["6"]["mean_length"]


@pytest.mark.slow
def test_the_sandboxes_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured("sandbox", tmp_path, capsys)
    boxes = [name for name in ("docker", "wasm") if name in found]
    assert "wasm" in boxes
    for name in boxes:
        part = found[name]
        assert part["speed_over_native"]["flood fill"] > 0
        assert part["round_trip_ms"] > 0
        assert part["hostile"]["memory"]["found_s"] <= part["hostile"]["memory"]["gone_s"]
    assert found["verdicts"] == {"cases": 3, "equal": 3, "differ": {}}
    assert set(found["screen"]["ms"]) >= {"text", "bytes", "ast", "bandit"}


def test_the_teachers_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = measured("teachers", tmp_path, capsys)["rows"]
    assert [row["teacher"] for row in rows] == ["astar", "best", "best"]
    assert rows[1]["win_rate"] == 1
    assert rows[1]["score"]["mean"] == 35
    assert rows[0]["steps_to_win"] is None


def test_peers_are_asked_in_their_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "DRIVERS", tmp_path)
    (tmp_path / "driver.py").write_text("")
    python = tmp_path / "peers" / "one" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho a banner\necho "{\\"asked\\": \\"$3\\"}"\n')
    python.chmod(0o755)
    assert timing.ask_peer(tmp_path / "peers", "one", "driver.py", ["x"]) == {"asked": "x"}
    assert timing.ask_peer(tmp_path / "peers", "two", "driver.py", []) is None
    python.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    with pytest.raises(Exception, match=r"peer one failed \(broken\)"):
        timing.ask_peer(tmp_path / "peers", "one", "driver.py", [])


def test_train_data_writes_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "my data.arrow"
    command = ["train", "data", "--teacher", "astar", "--games", "30", "--size", "6", "--out", str(out)]
    assert call([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["games"]["played"] == 30
    assert call(command) == 2
    assert "exists already" in capsys.readouterr().err
    out.unlink()
    assert call(command) == 0
    said = capsys.readouterr().out
    assert "mean length of a game" in said
    look = shlex.split(said.rpartition("next: ")[2])
    assert " rows x " in subprocess.run([sys.executable, *look[1:]], capture_output=True, text=True, check=True).stdout
    (tmp_path / "map.txt").write_text("......\n.#..#.\n......\n......\n.#..#.\n......\n")
    assert call([*command[:-1], str(tmp_path / "m.arrow"), "--map", str(tmp_path / "map.txt"), "--food", "clustered"]) == 0
    for wrong in (
        ["--size", "3"],
        ["--teacher", "guru"],
        ["--games", "0"],
        ["--map", str(tmp_path / "none")],
        ["--walls", "nan"],
    ):
        assert call([*command[:-1], str(tmp_path / "w.arrow"), *wrong]) == 2
        assert not (tmp_path / "w.arrow").exists()
