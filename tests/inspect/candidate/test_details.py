"""One candidate with all that is recorded: what `show --candidate` prints, and its JSON."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.candidate.details import details
from ouroloop.inspect.candidate.health import MEANINGS, TERM, explained
from ouroloop.inspect.document import CandidateDetails
from ouroloop.inspect.run import Report
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import Exchange, chat
from ouroloop.policy.grpo.fit import FIGURES


@pytest.fixture(scope="module")
def everything(finished: Path) -> list[CandidateDetails]:
    with closing(Report(finished)) as report:
        ids = [c["id"] for entry in report.document()["rounds"] for c in entry["candidates"]]
        return [details(report, id) for id in ids]


def test_all_that_is_recorded_is_there(everything: list[CandidateDetails], finished: Path) -> None:
    for found in everything:
        assert found["id"].startswith(f"r{found['round']}-")
        assert found["findings"]
        assert all(finding["evidence"] for finding in found["findings"])
        assert found["lost_games"]
        assert (found["pairs"] is None) == (found["effect"] is None)
        if found["pairs"] and found["effect"]:
            assert sum(found["pairs"][side] for side in ("better", "equal", "worse")) == found["effect"]["games"]
        accepted = found["verdict"] == "accepted"
        assert found["undo"] == (f"ouroloop rollback {finished} {found['id']}" if accepted else None)
    trained = [found for found in everything if found["training"]]
    assert {found["kind"] for found in trained} == {"reward"}
    assert all(stage["health"]["entropy"] > 0 for found in trained for stage in found["training"])


def test_every_figure_of_a_training_has_a_meaning(everything: list[CandidateDetails]) -> None:
    seen = {name for found in everything for stage in found["training"] for name in stage["health"]} | set(FIGURES)
    assert {name for name in seen if not name.startswith(TERM)} <= set(MEANINGS)
    assert [name for name, *_ in explained({"x": 1.0, "kl": 2.0, "gain": 3.0})] == ["gain", "kl", "x"]


def test_the_exchange_with_the_model_and_the_way_back_are_printed(
    everything: list[CandidateDetails], finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a copy"
    shutil.copytree(finished, folder)
    patch = next(found for found in everything if found["kind"] == "patch")
    ledger = Ledger(folder / "ledger.sqlite")
    said = {"messages": [{"role": "user", "content": "make it [better]"}], "seed": 1}
    chat(f"{patch['round']}/propose/patch", 0, 0).record(ledger, said, Exchange("here \x1b[2J it is", 12, 5))
    used = {"tokens_in": 7, "tokens_out": 3}
    failed = {"code": -32000, "message": "no route [at all]", "data": {"used": used}}
    ledger.record(chat(f"{patch['round']}/propose/patch", 0, 1).text, "chat.complete", said, None, failed)
    ledger.close()
    accepted = next((found for found in everything if found["verdict"] == "accepted"), None)
    assert call(["show", str(folder), "--candidate", patch["id"]]) == 0
    shown = capsys.readouterr().out
    for part in (
        "exchange 1 with the model (12 tokens sent, 5 received)",
        "  make it [better]",
        "  here \\x1b[2J it is",
        "exchange 2 with the model (7 tokens sent, 3 received)",
        "no reply: no route [at all]",
        "what the critic found before it was proposed",
        patch["findings"][0]["evidence"],
        "game 1 of",
    ):
        assert part in shown
    assert call(["show", str(folder), "--candidate", patch["id"], "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["exchanges"]) == 2
    if accepted:
        assert call(["show", str(folder), "--candidate", accepted["id"]]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == f"undo it: ouroloop rollback '{folder}' {accepted['id']}"
