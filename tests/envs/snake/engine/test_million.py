"""A million random steps against the slow twin: any size, walls, lengths, food and idle limit, full boards among them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import checked_settings
from ouroloop.envs.snake.teachers.teach import teach
from tests.envs.snake.twin import Twin

GAMES, STEPS = 64, 170
EXAMPLES = 150


@some.composite
def boards(draw):
    """Return a size and settings that can be played on it; small boards more often, since they fill."""
    size = draw(some.one_of(some.integers(4, 6), some.integers(4, 20)))
    kind = draw(some.sampled_from(["plain", "walls", "map"]))
    walls = draw(some.floats(0, 0.25)) if kind == "walls" else 0.0
    wall_map = None
    if kind == "map":
        column = draw(some.integers(1, size - 2))
        wall_map = ["." * column + ("#" if 0 < row < size - 2 else ".") + "." * (size - column - 1) for row in range(size)]
    return size, checked_settings(
        size,
        walls=walls,
        wall_map=wall_map,
        food=draw(some.sampled_from(["uniform", "clustered"])),
        start_length=draw(some.integers(1, min(size, 5))),
        idle_limit=draw(some.one_of(some.none(), some.integers(1, 400))),
    )


def moves_of(engine, mover, rng):
    if mover == "uniform":
        return rng.integers(0, 4, engine.games)
    if mover == "legal":
        return teach("random", engine)
    return np.where(rng.random(engine.games) < 0.02, rng.integers(0, 4, engine.games), teach(mover, engine))


@pytest.mark.slow
def test_a_million_steps_and_none_differs():
    seen = Counter()

    @settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(boards(), some.sampled_from(["uniform", "legal", "legal", "cycle", "best", "best"]), some.integers(0, 2**63))
    def no_step_differs(board, mover, seed):
        play(board, mover, seed, seen)

    no_step_differs()
    assert seen["steps"] >= 1_000_000
    assert min(seen[cause] for cause in range(4)) > 100
    assert seen["last free cell"] > 100


def play(board, mover, seed, seen):
    """Play games on a board beside their twins, and count what was seen."""
    size, setting = board
    rng = np.random.default_rng(seed)
    engine = SnakeEngine(rng.integers(0, 2**64, GAMES, dtype=np.uint64), size, setting)
    first = engine.observations()
    twins = [Twin(first.row(row), setting.idle_limit) for row in range(GAMES)]
    for _ in range(STEPS):
        if engine.done.mean() > 0.4:  # go on with new games
            engine = SnakeEngine(rng.integers(0, 2**64, GAMES, dtype=np.uint64), size, setting)
            twins = [Twin(engine.observations().row(row), setting.idle_limit) for row in range(GAMES)]
        moves = moves_of(engine, mover, rng)
        running = ~engine.done
        engine.step(moves)
        look(engine, twins, moves, running, seen)


def look(engine, twins, moves, running, seen):
    """Hold every game that has just moved against its twin, and count it."""
    now, out = engine.observations(), engine.outcomes()
    columns = {key: column.tolist() for key, column in now.columns.items()}
    lengths, causes, scores = now.lengths["snake"].tolist(), out.cause.tolist(), out.score.tolist()
    steps, optimality = out.steps.tolist(), out.path_optimality.tolist()
    for row, twin in enumerate(twins):
        if not running[row]:
            continue
        twin.step(int(moves[row]), columns["food"][row])
        assert (causes[row], scores[row], steps[row]) == (twin.cause, twin.score, twin.steps)
        assert columns["snake"][row][: lengths[row]] == twin.snake
        assert (columns["food"][row], columns["idle"][row]) == (twin.food, twin.idle)
        assert columns["board"][row] == twin.observation()["board"]
        assert optimality[row] == min(1.0, twin.travel / twin.steps)
        seen["steps"] += 1
        seen[twin.cause] += 1
        seen["last free cell"] += twin.cause < 0 and len(twin.free()) == 1
