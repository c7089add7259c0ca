"""Stamps and clock: games that outlast them, places that are used again, engines built from observations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ouroloop.envs.snake.engine.features import FEATURES
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import PLAIN, Settings
from ouroloop.envs.snake.engine.state import CLOCK, END, spot
from ouroloop.envs.snake.rollout import rollout, rollout_rows, wander
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.envs.snake.teachers.teach import TEACHERS, teach
from tests.envs.snake.twin import Twin, place


def test_a_game_outlasts_the_clock():
    engine = place(4, [5, 4, 0, 1], food=15)
    engine = SnakeEngine.of(engine.observations(), Settings(idle_limit=200_000))
    twin = Twin(engine.observations().row(0), 200_000)
    clocks = []
    for step in range(3 * END // 2):
        move = (0, 2, 1, 3)[step % 4]  # round and round on four cells
        engine.step(np.array([move]))
        twin.step(move, 15)
        clocks.append(int(engine.state.table[0, CLOCK]))
        if step % 997 == 0 or clocks[-1] < max(clocks[-2:]):
            assert engine.observations().row(0) == twin.observation()
    assert not engine.done[0]
    assert max(clocks) < 0xFFFF
    assert np.diff(clocks).min() < 0, "the clock was set back"
    assert engine.outcomes().steps[0] == len(clocks)
    assert engine.step_features(np.array([0]))[0, list(FEATURES).index("revisit")] == 1


@settings(deadline=None, max_examples=25)
@given(some.integers(0, 2**63), some.sampled_from([4, 5, 8]), some.sampled_from([0.0, 0.2]), some.sampled_from([1, 3]))
def test_a_place_that_is_used_again_plays_the_same_games(seed, size, walls, start):
    setting = Settings(walls, start_length=start)
    seeds = np.random.default_rng(seed).integers(0, 2**64, 40, dtype=np.uint64)
    for teacher in ("random", "greedy"):
        engine = SnakeEngine(seeds, size, setting)
        while not engine.done.all():
            engine.step(teach(teacher, engine))
        alone, again = engine.outcomes(), rollout(teacher, seeds, size, setting)
        for name in ("score", "steps", "utility", "cause"):
            assert np.array_equal(getattr(alone, name), getattr(again, name)), name


@pytest.mark.parametrize("teacher", TEACHERS)
def test_rollouts_do_not_depend_on_threads(teacher):
    seeds = np.arange(150, dtype=np.uint64)
    one, many = (rollout(teacher, seeds, 6, workers=workers) for workers in (1, 4))
    assert np.array_equal(one.steps, many.steps)
    assert np.array_equal(one.utility, many.utility)
    assert np.array_equal(one.steps, SnakeTask(6).rollout(teacher, seeds).steps)


def test_wandering_is_playing_at_random():
    engine = SnakeEngine(np.arange(9, dtype=np.uint64), 6)
    begun = wander(engine.state, 6, 3000)
    assert not engine.done.any()
    assert 9 * 3000 / begun == pytest.approx(
        rollout_rows("random", np.arange(400, dtype=np.uint64), 6, PLAIN)[:, 1].mean(), rel=0.1
    )


def played(task, seed):
    """Return a few games after a few hundred moves."""
    engine = task.engine(np.arange(3, dtype=np.uint64) + seed)
    for _ in range(300):
        engine.step(task.teach("astar", engine))
    return engine


@settings(deadline=None, max_examples=25)
@given(some.integers(0, 2**31), some.sampled_from([4, 7, 10, 65]), some.sampled_from([0.0, 0.15]))
def test_an_engine_of_observations_stands_as_they_say(seed, size, walls):
    task = SnakeTask(size, walls)
    bank = task.positions(seed, 20) if size < 20 else played(task, seed)
    seen = bank.observations()
    built = SnakeEngine.of(seen, bank.settings)
    again = built.observations()
    for key, column in seen.columns.items():
        assert np.array_equal(column, again.columns[key]), key
    assert np.array_equal(bank.room, built.room)
    moves = teach("greedy", bank)
    assert np.array_equal(moves, teach("greedy", built))
    bank.step(moves)
    built.step(moves)
    ate = built.outcomes().score > seen.lengths["snake"] - 3
    assert np.array_equal(bank.observations().columns["snake"], built.observations().columns["snake"])
    assert np.array_equal(bank.done[~ate], built.done[~ate])


def test_a_snake_that_has_gone_hungry_for_long_is_taken_up():
    hungry = SnakeEngine.of(place(4, [5, 4, 0, 1], food=15, idle=90_000).observations(), Settings(idle_limit=200_000))
    assert hungry.idle[0] == 90_000
    hungry.step(np.array([0]))
    assert (hungry.idle[0], bool(hungry.done[0])) == (90_001, False)


def test_snapshots_travel_through_files(tmp_path):
    setting = Settings(0.1, food="clustered", start_length=2)
    engine = SnakeEngine(np.arange(30, dtype=np.uint64), 7, setting)
    for _ in range(15):
        engine.step(teach("best", engine))
    np.savez(tmp_path / "games.npz", **engine.snapshot())
    with np.load(tmp_path / "games.npz") as saved:
        twin = SnakeEngine.restore({name: saved[name] for name in saved.files}, 7, setting)
    for _ in range(60):
        moves = teach("best", engine)
        engine.step(moves)
        twin.step(moves)
        assert np.array_equal(engine.boards(), twin.boards())
    assert np.array_equal(engine.outcomes().utility, twin.outcomes().utility)


def test_cells_lie_one_after_the_other():
    assert int(spot(4, 2, 5)) == 2 * 17 + 5


def test_a_teacher_that_goes_astray_plays_worse_the_more_it_does_and_otherwise_with_another_salt():
    seeds = np.arange(300, dtype=np.uint64)
    played = [rollout("greedy", seeds, 6, noise=noise, salt=1).utility for noise in (0.0, 0.05, 0.3, 1.0)]
    assert np.array_equal(played[0], rollout("greedy", seeds, 6).utility)
    means = [u.mean() for u in played]
    assert means == sorted(means, reverse=True)
    assert means[3] < 0.1
    assert np.array_equal(played[1], rollout("greedy", seeds, 6, noise=0.05, salt=1, workers=3).utility)
    other = rollout("greedy", seeds, 6, noise=0.05, salt=2).utility
    assert (other != played[1]).mean() > 0.5
    assert abs(other.mean() - means[1]) < 0.08
