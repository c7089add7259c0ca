"""A probe tells errors of reading, of the plan and of the move apart: players with known faults are counted as such."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.ablation import instruments
from ouroloop.inspect.ablation.instruments import misread, peak_memory_mb, play, single_decisions
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Observations
from ouroloop.runs.players import Perceive, Player
from tests.games.balance.task import BalanceTask

SEEDS = np.arange(6, dtype=np.uint64)


class Flat:
    """A policy that rates all actions alike."""

    def __init__(self, actions: int) -> None:
        self.actions = actions

    def logits(self, observations: Observations) -> np.ndarray:
        return np.zeros((len(observations), self.actions), np.float32)


@dataclass
class Script:
    """A session that moves by a function of the observations and the number of the call, or raises what that returns."""

    move: Callable[[Observations, int], np.ndarray | CandidateFault]
    calls: int = 0

    def act(self, observations: Observations, logits: np.ndarray) -> np.ndarray:
        self.calls += 1
        found = self.move(observations, self.calls)
        if isinstance(found, CandidateFault):
            raise found
        return found.astype(np.int8)

    def close(self) -> None:
        pass


def player(move: Callable, actions: int = 4, perceive: Perceive | None = None) -> Player:
    session = Script(move)
    return Player(Flat(actions), session, perceive, lambda: session)


class Taught:
    """Moves of Snake by the oracle: the first move with the least regret, or with the most."""

    def __init__(self, worst: bool = False) -> None:
        self.engines, self.worst = SnakeTask(5).engine(SEEDS), worst

    def __call__(self, observations: Observations, call: int) -> np.ndarray:
        """The probe asks about all running games, so a twin of its engine can be kept up with it."""
        task, rows = SnakeTask(5), np.flatnonzero(~self.engines.done)
        regret = task.oracle.regret(self.engines.clone(rows))
        moves = regret.argmax(axis=1) if self.worst else regret.argmin(axis=1)
        actions = np.zeros(len(SEEDS), np.int8)
        actions[rows] = moves
        self.engines.step(actions)
        return moves


def test_a_player_without_faults_has_none():
    found = play(SnakeTask(5), player(Taught()), SEEDS)
    assert found.decisions > 100
    assert (found.read_errors, found.reason_errors, found.reason_regret, found.acted_wrongly) == (0, 0, None, 0)
    assert found.seconds > 0


def test_moves_that_lose_at_once_are_bad_moves_and_no_plans():
    found = play(SnakeTask(5), player(Taught(worst=True)), SEEDS)
    assert found.acted_wrongly == len(SEEDS), "each game ends by its one deadly move"
    assert found.reason_errors == pytest.approx(sum(map(len, found.regrets)) / found.decisions)


def test_detours_are_wrong_plans_with_their_regret():
    task = SnakeTask(5)
    found = play(task, player(lambda seen, call: np.full(len(seen), (0, 1, 2, 3)[call % 4])), SEEDS)
    regrets = np.concatenate(found.regrets)
    assert len(regrets)
    assert ((regrets > 0) & (regrets < 1)).all()
    assert found.reason_regret == pytest.approx(regrets.mean())
    assert found.reason_errors == len(regrets) / found.decisions


def blurred(share: int) -> Perceive:
    """Eyes that see the food of every `share`-th game elsewhere, and keep the scene."""

    def perceive(truth: Observations) -> Observations:
        food = truth.columns["food"].copy()
        food[::share] = (food[::share] + 1) % 25
        return replace(truth, columns={**truth.columns, "food": food}, scene=truth)

    return perceive


def test_misread_positions_are_no_wrong_plans():
    found = play(SnakeTask(5), player(Taught(worst=True), perceive=blurred(1)), SEEDS)
    assert (found.read_errors, found.reason_errors) == (1, None), "no plan was made of a position as it is"
    found = play(SnakeTask(5), player(lambda seen, call: np.full(len(seen), call % 4), perceive=blurred(2)), SEEDS)
    assert 0.4 < found.read_errors < 0.8
    assert found.reason_errors == sum(map(len, found.regrets)) / (found.decisions - found.misread)


def test_what_lies_beyond_a_list_is_not_read_and_its_length_is():
    truth = SnakeTask(5).positions(1, 4).observations()
    padded = {**truth.columns, "snake": truth.columns["snake"].copy()}
    padded["snake"][:, -1] = 7
    eyes = player(Taught(), perceive=lambda seen: seen)
    same, longer = replace(truth, columns=padded), truth.lengths["snake"] + np.array([0, 1, 0, 1], np.int16)
    task = SnakeTask(5)
    assert misread(task, same, truth, eyes).tolist() == [False] * 4
    assert misread(task, replace(same, lengths={"snake": longer}), truth, eyes).tolist() == [False, True, False, True]


@dataclass
class Looks:
    """A language policy with eyes of its own, which sees the first cell of every other position as another class."""

    knows: bool
    prompt_tokens: int = 27

    def encode(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError("prompts of latents are not written to be counted")

    def told(self, observations: Observations) -> np.ndarray | None:
        cells = SnakeTask(5).sight.label(observations)
        cells[::2, 0] = (cells[::2, 0] + 1) % 8
        return cells if self.knows else None


@pytest.mark.parametrize("knows", [True, False])
def test_a_policy_with_eyes_is_asked_what_it_saw(knows):
    truth = SnakeTask(5).positions(1, 4).observations()
    seeing = player(Taught(), perceive=lambda seen: seen)
    seeing.policy.policy = Looks(knows)
    found = misread(SnakeTask(5), truth, truth, seeing)
    assert (found is not None) == knows
    assert not knows or found.tolist() == [True, False, True, False]


def test_prompts_are_counted():
    eyes = player(Taught())
    assert play(SnakeTask(5), eyes, SEEDS).tokens_per_decision is None
    eyes = player(Taught())
    eyes.policy.policy = Looks(knows=False)
    assert play(SnakeTask(5), eyes, SEEDS).tokens_per_decision == 27


def test_a_move_that_follows_from_a_misread_position_is_no_bad_move():
    found = play(SnakeTask(5), player(Taught(worst=True), perceive=blurred(1)), SEEDS)
    assert found.acted_wrongly == 0


def test_eyes_that_replace_nothing_cannot_be_judged():
    found = play(SnakeTask(5), player(Taught(), perceive=lambda truth: replace(truth, scene=truth)), SEEDS)
    assert (found.read_errors, found.reason_errors) == (None, 0)


def test_failures_of_the_controller_end_its_game():
    def move(seen: Observations, call: int) -> np.ndarray | CandidateFault:
        if call == 3:
            return CandidateFault("contract", "no action", row=1)
        return CandidateFault("sandbox", "the worker died") if call > 6 else np.zeros(len(seen))

    found = play(BalanceTask(), player(move, actions=2), SEEDS)
    assert found.acted_wrongly == len(SEEDS), "one failed in the third step, all others when the worker died"
    assert found.decisions == 3 * len(SEEDS) + 2 * (len(SEEDS) - 1) + len(SEEDS) - 1


def test_a_game_without_an_oracle_or_sight_shows_its_blunders():
    found = play(BalanceTask(), player(lambda seen, call: np.zeros(len(seen)), actions=2), SEEDS)
    assert (found.read_errors, found.reason_errors, found.reason_regret) == (0, None, None)
    assert found.acted_wrongly == len(SEEDS), "the pole falls once in every game"
    steady = play(BalanceTask(limit=5), player(lambda seen, call: np.full(len(seen), call % 2), actions=2), SEEDS)
    assert steady.acted_wrongly == 0, "an end by the clock is no blunder"


def test_single_decisions_are_timed_alone_and_a_slow_player_on_fewer(monkeypatch):
    seen = []

    def move(observations: Observations, call: int) -> np.ndarray:
        seen.append(len(observations))
        return np.zeros(len(observations))

    times = single_decisions(BalanceTask(), player(move, actions=2), 3)
    assert len(times) == instruments.SINGLE
    assert seen == [1] * (instruments.SINGLE + instruments.WARM)
    assert (times > 0).all()
    monkeypatch.setattr(instruments, "PATIENCE_S", 0.0)
    assert len(single_decisions(BalanceTask(), player(move, actions=2), 3)) == 1


MEMORY = """
import numpy
from ouroloop.inspect.ablation.instruments import peak_memory_mb
before = peak_memory_mb()
numpy.ones(64 << 17)
print(before, peak_memory_mb())
"""


def test_the_memory_is_the_process_own_peak():
    held = np.ones(200 << 17)  # MiB that a child must not inherit
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert 60 < after - before < 80, "what was freed again counts"
    assert before < 200 <= peak_memory_mb()
    assert held.all()
