"""The history of a run: no figure contradicts another after a rollback, and no terminal is too narrow for it."""

from __future__ import annotations

from typing import Any

import pytest

from ouroloop.inspect.document import tally
from ouroloop.inspect.history import Rewards, history
from ouroloop.inspect.shown.credit import round_credit
from ouroloop.inspect.shown.history_table import history_table
from ouroloop.inspect.shown.summary import budget_line, score_line, won_line
from ouroloop.terminal import show


def played(mean: float) -> dict[str, Any]:
    return {
        **{"policy": "p", "reward": "r", "controller": "c", "path_optimality": 1.0, "utility": 0.5},
        "score": {"mean": mean, "low": mean - 1, "high": mean + 1},
        **{"win_rate": 0.25, "win_rate_low": 0.125, "win_rate_high": 0.375},
    }


def test_a_change_of_the_loss_is_told() -> None:
    spec: dict[str, Any] = {"terms": [], "gamma_r": 0.2, "anneal": {}}
    rewards = Rewards(spec)
    assert rewards.become({**spec, "loss": {"beta": 0.1, "entropy": 0.003}}) == "loss beta 0.1, loss entropy 0.003"
    assert rewards.become({**spec, "loss": {"beta": 0.05}}) == "loss beta 0.05, loss entropy as in the recipe"
    assert rewards.become({**spec, "loss": {"beta": 0.05}}) == "same terms, other schedule"


def a_round(index: int, mean: float, stands: bool, verdict: str) -> dict[str, Any]:
    shares = {part: [-0.0001, 0.2] for part in ("reward", "code", "interaction", "total")}
    return {
        "index": index,
        "candidates": [
            {
                "id": f"r{index}-patch1",
                "verdict": verdict,
                "acceptance": "better",
                "diff": "--- a\n+++ b\n-x\n+y\n",
                "reward": None,
            },
            {"id": f"r{index}-patch2", "verdict": "rejected", "acceptance": None, "diff": "-x\n", "reward": None},
        ],
        "incumbent": played(mean),
        "stands": stands,
        "undone": [],
        "attribution": {
            **{"reward": -0.0001, "code": 0.1, "interaction": 0.0, "total": 0.1},
            **{"intervals": shares, "owner": "code", "level": 0.05, "games": 96},
        },
        "attribution_total": None,
    }


@pytest.fixture
def document() -> Any:
    back = {"after": 2, "candidate": "r2-patch1", "reason": "loses", "chain": {}, "retained": [], "stands": True}
    gate = {"rule": "series", "controls": "any", "alpha": 0.05, "races": 1, "candidates": 4, "left": 0.01, "next": 0.001}
    return {
        "start": {**played(5.0), "reward_spec": {"terms": [], "gamma_r": 0.2, "anneal": {}}},
        "incumbent": played(14.0),
        "rounds": [a_round(1, 12.0, True, "accepted"), a_round(2, 20.0, False, "rolled_back")],
        "by_hand": [{**back, "incumbent": played(14.0)}],
        "gate": {**gate, "accepted": 2, "rolled_back": 1},
    }


def test_a_rollback_by_hand_is_a_state_and_no_best_score_is_below_the_score_now(document: Any) -> None:
    states = history(document)
    assert [(s.kind, s.round, s.best) for s in states] == [
        ("start", None, 5.0),
        ("round", 1, 12.0),
        ("round", 2, 12.0),
        ("rollback", None, 14.0),
    ]
    assert states[-1].note == "rolled back r2-patch1 by hand: loses"
    assert score_line(document) == (
        "score now: 14.0 [13.0, 15.0]; best score is the highest of 3 noisy means, and too high on average"
    )


def test_the_win_rate_has_its_interval(document: Any) -> None:
    assert str(won_line(document)).startswith("games won now: 25.0% [12.5%, 37.5%]")


def test_accepted_means_the_same_everywhere_and_one_race_is_one_race(document: Any) -> None:
    found = tally([c for entry in document["rounds"] for c in entry["candidates"]])
    assert (found.candidates, found.accepted, found.rejected, found.rolled_back) == (4, 2, 2, 1)
    assert str(found) in budget_line(document)
    assert "4 candidates tested in 1 race, 2 accepted, 1 of them rolled back since;" in budget_line(document)


def test_no_figure_is_minus_zero(document: Any) -> None:
    said = str(round_credit(document["rounds"][0]))
    assert "reward +0.000 [+0.000, +0.200]" in said
    assert "-0.000" not in said


@pytest.mark.parametrize("width", [40, 60, 70, 80, 100, 109, 110, 160])
def test_nothing_of_the_table_is_lost(
    width: int, document: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table = history_table(document, width)
    meant = [
        "".join([str(column.header), *map(str, column.cells)]).replace(" ", "").replace("\n", "") for column in table.columns
    ]
    show(table)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    rows = [line.strip("│┃").replace("┃", "│").split("│") for line in lines if line[:1] in "│┃"]
    assert ["".join(cells).replace(" ", "") for cells in zip(*rows, strict=True)] == meant


def test_a_title_that_is_piped_ends_without_spaces(document: Any, capsys: pytest.CaptureFixture[str]) -> None:
    show(history_table(document, 160))
    assert all(line == line.rstrip() for line in capsys.readouterr().out.splitlines())
