"""What a board may be, and what is refused with a reason."""

import numpy as np
import pytest

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import Settings, checked_settings
from ouroloop.envs.snake.rollout import rollout
from ouroloop.envs.snake.task import SnakeTask

SPLIT = ["....", "####", "....", "...."]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"size": 3}, "4 to 128"),
        ({"walls": float("nan")}, "0 to 0.25"),
        ({"walls": 0.9}, "0 to 0.25"),
        ({"wall_map": ["####"] * 4, "size": 4}, "leave none"),
        ({"wall_map": SPLIT, "size": 4}, "cut the free cells in two"),
        ({"wall_map": ["...."] * 3, "size": 4}, "4 lines of 4 characters"),
        ({"wall_map": ["..x."] * 4, "size": 4}, "'x'"),
        ({"wall_map": ["...."] * 4, "size": 4, "walls": 0.1}, "one of them"),
        ({"food": "sweet"}, "uniform or clustered"),
        ({"start_length": 0}, "1 to 6"),
        ({"start_length": 7}, "1 to 6"),
        ({"start_length": 2.0}, "1 to 6"),
        ({"idle_limit": 0}, "choose 1 to"),
        ({"idle_limit": True}, "choose 1 to"),
    ],
)
def test_what_cannot_be_played_is_a_value_error_that_says_why(setting, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        SnakeTask(**{"size": 6, **setting})
    assert "\n" not in str(caught.value)


def test_a_map_that_leaves_the_snake_no_room_is_refused():
    pillars = checked_settings(5, wall_map=[".....", ".#.#.", ".....", ".#.#.", "....."], start_length=5)
    assert len(SnakeEngine(np.arange(50, dtype=np.uint64), 5, pillars).observations()) == 50
    maze = ["....", ".##.", ".#..", "...."]
    with pytest.raises(ValueError, match="finds no room"):
        SnakeEngine(np.zeros(1, np.uint64), 4, checked_settings(4, wall_map=["#.##", "#.##", "####", "####"], start_length=2))
    assert SnakeTask(4, wall_map=maze).engine(np.zeros(1, np.uint64)).room[0] == 13


def test_a_map_is_every_games_walls():
    rows = ["......", ".#..#.", "......", "......", ".#..#.", "......"]
    for given in (rows, "\n".join(rows)):
        engine = SnakeTask(6, wall_map=given).engine(np.arange(20, dtype=np.uint64))
        walls = engine.boards() == 4
        assert walls.sum() == 80
        assert (walls == (np.array([list(row) for row in rows]) == "#")).all()
    wins = rollout("best", np.arange(60, dtype=np.uint64), 6, engine.settings)
    assert wins.score.mean() > 20


def test_clustered_food_lies_nearer_the_last_meal():
    def apart(food):
        engine = SnakeEngine(np.arange(400, dtype=np.uint64), 12, Settings(food=food))
        seen = engine.observations()
        head, meal = seen.columns["snake"][:, 0].astype(int), seen.columns["food"].astype(int)
        return (abs(head // 12 - meal // 12) + abs(head % 12 - meal % 12)).mean()

    assert apart("clustered") < 0.7 * apart("uniform")


@pytest.mark.parametrize("length", [1, 2, 6])
def test_snakes_start_as_long_as_asked(length):
    engine = SnakeTask(6, start_length=length).engine(np.arange(200, dtype=np.uint64))
    snakes = engine.observations().columns["snake"].astype(int)[:, :length]
    assert (engine.lengths == length).all()
    assert (engine.outcomes().score == 0).all()
    if length > 2:
        assert (np.diff(snakes, n=2, axis=1) == 0).all(), "straight"
    wins = rollout("best", np.arange(40, dtype=np.uint64), 6, engine.settings)
    assert wins.won.all()
    assert (wins.score == 36 - length).all()


def test_a_snake_of_two_does_not_turn_on_the_spot():
    engine = SnakeTask(6, start_length=2).engine(np.arange(50, dtype=np.uint64))
    snakes = engine.observations().columns["snake"].astype(int)
    back = {-6: 0, 6: 1, -1: 2, 1: 3}
    engine.step(np.array([back[tail - head] for head, tail in snakes[:, :2]]))
    assert (engine.outcomes().cause == 1).all()


def test_an_idle_limit_of_ones_own_starves():
    end = rollout("random", np.arange(100, dtype=np.uint64), 16, Settings(idle_limit=5))
    assert (end.cause == 2).mean() > 0.9
