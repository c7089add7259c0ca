"""A game with a feature more: it is the same game, and the feature says how far a move led to what is salient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ouroloop.envs.conformance import CHECKS
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.salience import FEATURE, SalientTask, nearer
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import RewardSpec, RewardTerm
from ouroloop.rewards.language import compile_spec
from tests.games.balance.task import BalanceTask


def apple(task):
    return lambda observations: task.sight.marked("the apple", observations).astype(float)


@pytest.fixture(scope="module")
def salient(task):
    return SalientTask(task, apple(task))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_is_a_game_like_any_other(salient, check):
    check(salient)


def test_the_feature_says_what_the_games_own_distance_says_on_an_open_board(task, salient):
    seeds = np.arange(32, dtype=np.uint64)
    plain, engine = task.engine(seeds), salient.engine(seeds)
    names = list(salient.features)
    rng = np.random.default_rng(0)
    alike = []
    for _ in range(12):
        actions, running = rng.integers(0, 4, 32), ~engine.done
        own, found = plain.step_features(actions), engine.step_features(actions)
        assert np.array_equal(found[:, :-1], own)
        assert np.array_equal(task.reward(own), salient.reward(found))
        died, toward = found[:, names.index("died")] > 0, found[:, names.index(FEATURE)]
        assert (toward[died | ~running] == 0).all()
        moved = running & ~died
        assert (np.abs(toward[moved]) == 1).all()  # one salient cell: a step leads to it or away from it
        short = found[:, names.index("length")] <= 4 / 36  # so short a snake hardly stands in the way
        alike += (toward == own[:, names.index("approach")])[moved & short].tolist()
    assert len(alike) > 40
    assert np.mean(alike) > 0.9


def test_a_reward_can_speak_of_it(salient):
    spec = RewardSpec(terms=(RewardTerm(name="follow", expr=f"2 * {FEATURE}", weight=0.5, clip=2),))
    found = salient.engine(np.arange(8, dtype=np.uint64)).step_features(np.zeros(8, np.int64))
    assert np.array_equal(compile_spec(spec, salient.features)(found), found[:, -1])


def test_oracle_and_teachers_are_the_games_own(task, salient):
    plain, engine = task.positions(1, 16), salient.positions(1, 16)
    assert np.array_equal(task.oracle.regret(plain), salient.oracle.regret(engine))
    assert np.array_equal(task.teach("best", plain), salient.teachers.teach("best", engine))
    assert np.array_equal(
        task.rollout("greedy", np.arange(3, dtype=np.uint64)).score,
        salient.teachers.rollout("greedy", np.arange(3, dtype=np.uint64)).score,
    )


@given(some.integers(2, 9), some.integers(0, 2**32))
def test_the_feature_stays_in_its_range_wherever_the_focus_jumps(side, seed):
    rng = np.random.default_rng(seed)
    salience, (before, after) = rng.dirichlet(np.ones(side * side), 20), rng.integers(0, side * side, (2, 20))
    found = nearer(salience, before, after, side)
    assert (np.abs(found) <= 1).all()
    assert (found[before == after] == 0).all()
    at_goal = np.eye(side * side)[after]
    assert (nearer(at_goal, before, after, side)[before != after] == 1).all()


def test_nothing_salient_is_nothing_gained():
    assert nearer(np.zeros((1, 9)), np.array([0]), np.array([1]), 3).tolist() == [0]


@pytest.mark.parametrize(
    ("found", "words"), [(np.zeros((1, 9)), r"shape \(1, 9\), expected \(1, 36\)"), (np.full((1, 36), -1.0), "below 0")]
)
def test_a_wrong_map_is_refused(task, found, words):
    engine = SalientTask(task, lambda observations: found).engine(np.zeros(1, np.uint64))
    with pytest.raises(UsageError, match=words):
        engine.step_features(np.zeros(1, np.int64))


def test_a_game_that_cannot_have_it_is_refused(salient, task):
    with pytest.raises(UsageError, match="cannot be read out of its pictures"):
        SalientTask(BalanceTask(), lambda observations: np.zeros((1, 1)))
    with pytest.raises(UsageError, match="already has a feature toward_salient"):
        SalientTask(salient, apple(SnakeTask(6)))
