"""The facts of traced games: what the oracle says of lost ones goes with them, and a game without an oracle has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.play import play_traced
from ouroloop.protocols.messages import Diagnosis
from ouroloop.runs.proposers.facts import facts_of
from tests.games.balance.task import BalanceTask


class Flat:
    """Rates all moves alike."""

    def __init__(self, actions: int) -> None:
        self.actions = actions

    def logits(self, observations: Any) -> Any:
        return np.zeros((len(observations), self.actions), np.float32)


@pytest.mark.parametrize("task", [SnakeTask(size=6), BalanceTask()])
def test_every_move_in_the_positions_of_a_lost_game_has_its_regret_if_there_is_an_oracle(task: Any) -> None:
    trace = play_traced(task, Flat(len(task.actions)), np.arange(6, dtype=np.uint64))
    facts = facts_of(task, trace)
    assert facts.transcripts
    assert Diagnosis.model_validate_json(facts.model_dump_json()) == facts
    if task.oracle is None:
        assert facts.regrets == ()
        return
    assert [len(rows) for rows in facts.regrets] == [len(positions) for positions in trace.shown]
    assert facts.regrets[0][-1] == tuple(round(float(one), 3) for one in trace.shown_regret[0][-1])
    assert {len(row) for rows in facts.regrets for row in rows} == {len(task.actions)}
