"""The games of a race that a candidate lost: they are named without playing them, and `watch` plays them again."""

from __future__ import annotations

import json
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.candidate.details import details
from ouroloop.inspect.candidate.games import SHOWN, pairs_of, worst
from ouroloop.inspect.run import Report


@pytest.fixture
def losing(finished: Path, tmp_path: Path) -> Path:
    """A run in which each candidate that raced has lost its first pair; whether one really did depends on the processor."""
    copy = tmp_path / "losing"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        for seq, text in db.execute("SELECT seq, result FROM steps WHERE key GLOB '*/gate/*/games/0000000'").fetchall():
            block = json.loads(text)
            block["incumbent"][0] = 0.5
            for turn in block["candidates"].values():
                turn["utility"][:1] = [0.25] if turn["utility"] else []
            db.execute("UPDATE steps SET result = ? WHERE seq = ?", (json.dumps(block), seq))
        db.commit()
    return copy


def test_the_games_that_a_candidate_lost_are_named_and_can_be_watched(losing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Report(losing)) as report:
        everything = [details(report, c["id"]) for entry in report.document()["rounds"] for c in entry["candidates"]]
        raced = [found for found in everything if found["pairs"]]
        assert raced
        for found in raced:
            pairs = list(pairs_of(report, found["round"], found["id"]))
            assert found["effect"] is not None
            assert len(pairs) == found["effect"]["games"]
            assert found["lost_pairs"] == worst(pairs)
            assert len(found["lost_pairs"]) == min(SHOWN, sum(p["candidate"] < p["incumbent"] for p in pairs))
        rewarded = next(found for found in raced if found["lost_pairs"])
    assert all(found["replay"] is None for found in everything if not found["lost_pairs"])
    assert call(["show", str(losing), "--candidate", rewarded["id"]]) == 0
    shown = capsys.readouterr().out
    assert f"game {rewarded['lost_pairs'][0]['seed']}: " in shown
    command = str(rewarded["replay"])
    assert f"see how (this runs the candidate in a sandbox): {command}" in shown
    assert call([*shlex.split(command)[1:], "--sandbox", "wasm", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["games"]) == len(rewarded["lost_pairs"])
