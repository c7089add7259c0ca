"""Observe: what the facts say of a controller that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ouroloop.bench.gate.arena import arena, controller
from ouroloop.ledger.steps.observe import play
from ouroloop.runs import seeds
from ouroloop.runs.context import Run
from ouroloop.runs.phases import observe
from ouroloop.runs.phases.observe import observe as begin
from ouroloop.runs.phases.order import failures
from ouroloop.runs.players import lost
from tests.runs.test_players import player


def test_a_controllers_failures_are_counted_by_game_not_by_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snake keeps its length for many moves, so a controller that fails at one length fails often in the same game."""
    with arena(tmp_path / "run", controller(), seed=1, search_games=24) as run:
        players: Any = run.players
        monkeypatch.setattr(players, "open", lambda build: player(9))
        monkeypatch.setattr(observe, "critic", lambda run, round: None)
        monkeypatch.setattr(observe, "ask", lambda ledger, asked: [Answered()])
        begin(run, 1)
        seen, games = run.result(play(1)), seeds.observation(run.recipe.gate, 1)
        gone = lost(player(9).play(run.task, run.players.seeds(games)))
        assert 0 < gone < games.count
        assert seen.facts.deaths["controller_error"] == gone / games.count
        assert seen.played == 2 * games.count


class Answered:
    """An answer of the critic that says nothing."""

    reply = ""


def test_lost_positions_are_those_of_the_rounds_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with arena(tmp_path / "run", controller(), seed=1) as run:
        asked: list[str] = []
        monkeypatch.setattr(Run, "find", lambda self, key: asked.append(key.text))
        assert failures(run, 3) == []
        assert asked == [play(round).text for round in (3, 2, 1)]
