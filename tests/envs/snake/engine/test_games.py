"""The engine against its slow twin, and what holds for batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import Settings
from ouroloop.envs.snake.teachers.teach import teach
from ouroloop.protocols.ports import Engine
from tests.envs.snake.twin import Twin, place

SEEDS = some.integers(0, 2**64 - 1)


def fresh(seeds, size=6, walls=0.0):
    return SnakeEngine(np.array(seeds, np.uint64), size, Settings(walls))


def same(a: SnakeEngine, b: SnakeEngine):
    left, right = a.snapshot(), b.snapshot()
    return all(np.array_equal(left[name], right[name]) for name in left)


def follow_twin(engine, moves):
    twin = Twin(engine.observations().row(0))
    for move in moves:
        engine.step(np.array([move]))
        seen = engine.observations().row(0)
        twin.step(move, seen["food"])
        assert seen == twin.observation()
        out = engine.outcomes()
        assert (out.score[0], out.steps[0], out.cause[0]) == (twin.score, twin.steps, twin.cause)
        assert out.won[0] == (twin.cause == 3)
        optimality = min(1.0, twin.travel / max(1, twin.steps))
        most = twin.size**2 - len(twin.walls) - 3
        assert out.path_optimality[0] == pytest.approx(optimality)
        assert out.utility[0] == pytest.approx(twin.score / most * (0.9 + 0.1 * optimality))
    return twin


@settings(deadline=None, max_examples=40)
@given(SEEDS, some.integers(4, 9), some.sampled_from([0.0, 0.1, 0.2]), some.lists(some.integers(0, 3), max_size=40))
def test_any_moves_go_as_the_twin_says(seed, size, walls, moves):
    follow_twin(fresh([seed], size, walls), moves)


@settings(deadline=None, max_examples=8)
@given(SEEDS, some.sampled_from([4, 5, 6]), some.sampled_from(["astar", "greedy", "cycle"]), some.sampled_from([0.0, 0.15]))
def test_whole_games_go_as_the_twin_says(seed, size, teacher, walls):
    plan = fresh([seed], size, walls)
    moves = []
    while not plan.done[0]:
        moves.append(int(teach(teacher, plan)[0]))
        plan.step(np.array(moves[-1:]))
    follow_twin(fresh([seed], size, walls), moves)


def test_full_board_is_won_and_the_last_food_takes_the_last_free_cell():
    engine = fresh(range(40), 4)
    while not engine.done.all():
        for row in np.flatnonzero(~engine.done & (engine.lengths == 15)):
            seen = engine.observations(np.array([row])).row(0)
            assert {seen["food"]} == set(range(16)) - set(seen["snake"])
        engine.step(teach("cycle", engine))
    out = engine.outcomes()
    assert out.won.all()
    assert (out.score == 13).all()
    assert (engine.observations().columns["food"] == -1).all()
    assert (out.utility > 0.9).all()
    assert (out.utility <= 1).all()


def test_the_cell_that_the_tail_leaves_may_be_entered():
    engine = place(4, [5, 4, 0, 1], food=15)  # a ring of four: up from 5 is the tail on 1
    engine.step(np.array([0]))
    assert not engine.done[0]
    assert engine.observations().row(0)["snake"] == [1, 5, 4, 0]


def test_reversal_is_a_death_by_the_body():
    engine = place(4, [5, 4, 0], food=15)
    engine.step(np.array([2]))
    assert engine.outcomes().cause[0] == 1
    assert engine.observations().row(0)["snake"] == [5, 4, 0]


@pytest.mark.parametrize(("idle", "cause"), [(16 + 4 - 2, -1), (16 + 4 - 1, 2)])
def test_starvation_comes_after_cells_plus_length_steps(idle, cause):
    engine = place(4, [5, 4, 0, 1], food=15, idle=idle)
    engine.step(np.array([0]))
    assert engine.outcomes().cause[0] == cause


def test_food_is_uniform_over_free_cells_by_rejection_and_by_scan():
    for snake in ([1, 2, 3], [1, 2, 3, 7, 6, 5, 9, 10, 11, 15, 14, 13]):  # 12 free cells of 16, then 3
        base = place(4, snake, food=0).clone(np.zeros(6000, np.int64))
        base.state.keys[:] = np.arange(6000)
        base.step(np.full(6000, 2))
        foods, counts = np.unique(base.observations().columns["food"], return_counts=True)
        free = set(range(16)) - {0, *snake}
        assert set(foods) == free
        expected = 6000 / len(free)
        assert ((counts - expected) ** 2 / expected).sum() < 35  # chi-square, 11 degrees of freedom: p < 0.0003


def test_a_game_depends_on_its_own_seed_and_moves_alone():
    seeds = np.random.default_rng(0).integers(0, 2**64, 50, dtype=np.uint64)
    batch = SnakeEngine(seeds, 7, Settings(0.1))
    alone = [fresh([seed], 7, 0.1) for seed in seeds]
    reverse = SnakeEngine(seeds[::-1], 7, Settings(0.1))
    for _ in range(60):
        moves = teach("greedy", batch)
        batch.step(moves)
        reverse.step(moves[::-1])
        for one, move in zip(alone, moves, strict=True):
            one.step(np.array([move]))
    assert same(batch, reverse.clone(np.arange(49, -1, -1)))
    for row, one in enumerate(alone):
        assert same(one, batch.clone(np.array([row])))


def test_clones_share_the_future_and_nothing_else():
    engine = fresh(range(5))
    copy = engine.clone(np.array([3, 3, 0]))
    before = engine.snapshot()
    for _ in range(30):
        copy.step(teach("cycle", copy))
    assert all(np.array_equal(before[name], value) for name, value in engine.snapshot().items())
    assert same(copy.clone(np.array([0])), copy.clone(np.array([1])))
    for _ in range(30):
        engine.step(teach("cycle", engine))
    assert same(engine.clone(np.array([3, 3, 0])), copy)


def test_a_snapshot_brings_the_batch_back():
    engine = fresh(range(8), 5, 0.1)
    saved = engine.snapshot()
    twin = SnakeEngine.restore({name: array.copy() for name, array in saved.items()}, 5, engine.settings)
    for _ in range(20):
        moves = teach("best", engine)
        engine.step(moves)
        twin.step(moves)
    assert same(engine, twin)
    assert not same(engine, SnakeEngine.restore(saved, 5, engine.settings))


def test_finished_games_stay_and_ignore_their_actions():
    engine = fresh(range(64))
    rng = np.random.default_rng(1)
    for _ in range(50):
        engine.step(rng.integers(0, 4, 64))
    done = np.flatnonzero(engine.done)
    assert len(done) > 32
    before = engine.clone(done)
    moves = np.where(engine.done, 99, 0)
    features = engine.step_features(moves)
    assert same(before, engine.clone(done))
    assert not features[done].any()


def test_invalid_actions_move_nothing():
    engine = fresh(range(3))
    before = engine.clone(np.arange(3))
    for bad in ([0, 4, 0], [0, 0, -1], [0, 0]):
        with pytest.raises(ValueError, match=r"action"):
            engine.step(np.array(bad))
    assert same(before, engine)


def test_starts_vary_over_places_and_directions():
    snakes = fresh(range(4000), 5).observations().columns["snake"]
    starts = {(int(head), int(head - neck)) for head, neck in snakes[:, :2]}
    assert len(starts) == 4 * 3 * 5  # three rows or columns fit a straight snake in each direction


@settings(deadline=None, max_examples=40)
@given(SEEDS, some.integers(4, 16), some.floats(0, 0.25))
def test_walls_keep_the_free_region_connected(seed, size, density):
    engine = fresh([seed], size, density)
    seen = engine.observations().row(0)
    walls = {cell for cell, code in enumerate(seen["board"]) if code == 4}
    assert len(walls) <= density * size * size
    assert engine.room[0] == size * size - len(walls)
    twin = Twin(seen)
    reached, todo = {seen["snake"][0]}, [seen["snake"][0]]
    while todo:
        cell = todo.pop()
        for move in range(4):
            other = twin.beside(cell, move)
            if other is not None and other not in walls and other not in reached:
                reached.add(other)
                todo.append(other)
    assert len(reached) == size * size - len(walls)
    assert any(twin.beside(seen["snake"][0], move) in twin.free() for move in range(4))


def test_wanted_walls_are_mostly_laid():
    engine = fresh(range(200), 10, 0.25)
    assert engine.room.mean() < 80


@pytest.mark.parametrize("size", [4, 128])
def test_extreme_sizes_play(size):
    engine = fresh(range(3), size)
    for _ in range(200):
        engine.step(teach("best", engine))
    assert (engine.outcomes().score > 0).all()
    assert not np.isin(engine.outcomes().cause, [0, 1]).any()


def test_the_engine_fills_its_port():
    engine: Engine = fresh(range(2))
    assert engine.games == 2
    assert len(engine.observations(np.array([1]))) == 1
