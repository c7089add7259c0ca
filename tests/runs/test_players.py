"""Players whose controllers fail: exactly the games in which they do are lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.store import Store
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Build, Observations
from ouroloop.runs.players import Lenient, Player, Players, lost, outcomes_of_accepted

TASK = SnakeTask(6)
SEEDS = list(range(100, 124))


class Greedy:
    """Rates the greedy teacher's move highest."""

    def logits(self, observations: Observations) -> np.ndarray:
        from ouroloop.envs.snake.engine.games import SnakeEngine

        return np.eye(4, dtype=np.float32)[TASK.teach("greedy", SnakeEngine.of(observations, TASK.settings))]


class Failing:
    """Plays the highest logit, and fails at the first batch that holds a snake of some length: by its answer or as a worker."""

    opened = 0

    def __init__(self, length: int | None, answered: bool) -> None:
        self.length, self.answered, self.alive = length, answered, True
        Failing.opened += 1

    def act(self, observations: Observations, logits: np.ndarray) -> np.ndarray:
        assert self.alive, "a dead session was asked"
        bad = np.flatnonzero(observations.lengths["snake"] == self.length)
        odd = [row for row in bad if observations.columns["food"][row] % 5 == 0]
        if odd:
            self.alive = False
            raise CandidateFault("sandbox", "act raised", int(odd[0]) if self.answered else None)
        return logits.argmax(axis=1).astype(np.int8)

    def close(self) -> None:
        self.alive = False


def player(length: int | None, answered: bool = True) -> Player:
    return Player(Greedy(), Failing(length, answered), None, lambda: Failing(length, answered))


def test_only_the_games_in_which_it_fails_are_lost_however_many_play_at_once() -> None:
    whole = player(None).play(TASK, SEEDS)
    found = player(9).play(TASK, SEEDS)
    gone = found.cause < 0
    assert 0 < lost(found) == gone.sum() < len(SEEDS)
    assert not found.utility[gone].any()
    assert np.array_equal(found.utility[~gone], whole.utility[~gone])
    for count in (1, 5, 8):
        few = [player(9).play(TASK, SEEDS[start : start + count]).utility for start in range(0, len(SEEDS), count)]
        assert np.array_equal(np.concatenate(few), found.utility)


def test_a_workers_failure_is_a_candidates_fault_and_costs_an_accepted_player_those_games_alone() -> None:
    expected = player(9).play(TASK, SEEDS).utility
    with pytest.raises(CandidateFault) as caught:
        player(9, answered=False).play(TASK, SEEDS)
    assert caught.value.row is None
    assert np.array_equal(outcomes_of_accepted(player(9, answered=False), TASK, SEEDS).utility, expected)


def test_one_that_cannot_be_opened_loses_all() -> None:
    found = outcomes_of_accepted(None, TASK, SEEDS)
    assert lost(found) == len(SEEDS)
    assert not found.utility.any()


def test_a_lenient_session_goes_on_and_counts() -> None:
    positions = TASK.positions(3, 64).observations()
    lengths = positions.lengths["snake"]
    length = int(lengths[np.flatnonzero(positions.columns["food"] % 5 == 0)[0]])
    session = Lenient(player(length))
    actions = session.act(positions, Greedy().logits(positions))
    failed = (lengths == length) & (positions.columns["food"] % 5 == 0)
    assert session.failures == failed.sum() > 0
    assert not actions[failed].any()
    assert np.array_equal(actions[~failed], Greedy().logits(positions).argmax(axis=1)[~failed])


class Sluggish:
    """A sandbox in which the first workers, a number of them, are too late."""

    name = "sluggish"

    def __init__(self, late: int) -> None:
        self.late, self.asked = late, 0

    def open(self, source: str) -> Failing:
        self.asked += 1
        if self.asked <= self.late:
            raise CandidateFault("sandbox", "loading the controller took longer than its 0.40 s")
        return Failing(None, True)

    def close(self) -> None:
        """Nothing is left open."""


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_worker_that_comes_up_late_is_tried_once_more(tmp_path: Path, late: int) -> None:
    store, sandbox = Store(tmp_path), Sluggish(late)
    build = Build("policy", store.put_text("{}"), store.put_text(TASK.start_controller))
    players = Players(TASK, store, sandbox, lambda: 1)
    players._policies["policy"] = Greedy()
    if late == 2:
        with pytest.raises(CandidateFault, match="took longer"):
            players.open(build)
        assert players.open_or_none(build) is not None, "the third worker came up in time"
        return
    assert players.open(build).play(TASK, SEEDS[:2]).score.min() > 0
    assert sandbox.asked == 1 + late
