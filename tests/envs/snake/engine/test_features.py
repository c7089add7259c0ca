"""Reward features: their ranges, and that measuring changes nothing."""

import numpy as np

from ouroloop.envs.snake.engine.features import FEATURES
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.settings import Settings
from ouroloop.envs.snake.teachers.teach import teach
from tests.envs.snake.twin import place

NAMES = list(FEATURES)


def measured(engine, move):
    return dict(zip(NAMES, engine.step_features(np.array([move]))[0].tolist(), strict=True))


def test_features_are_bounded_and_agree_with_plain_steps():
    rng = np.random.default_rng(2)
    low = np.array([-1.0 if name == "approach" else 0.0 for name in NAMES])
    for size, walls in ((4, 0.0), (6, 0.0), (9, 0.2)):
        a = SnakeEngine(np.arange(300, dtype=np.uint64), size, Settings(walls))
        b = a.clone(np.arange(300))
        for _ in range(150):
            moves = np.where(rng.random(300) < 0.05, rng.integers(0, 4, 300), teach("best", a))
            running, before = ~a.done, a.outcomes()
            values = a.step_features(moves)
            b.step(moves)
            after = a.outcomes()
            assert np.isfinite(values).all()
            assert (values >= low).all()
            assert (values <= 1).all()
            assert not values[~running].any()
            assert (values[running, 0] == 1).all()
            assert np.array_equal(values[:, NAMES.index("ate")], after.score - before.score)
            ended = running & a.done
            for cause, name in ((2, "starved"), (3, "won")):
                assert np.array_equal(values[:, NAMES.index(name)] == 1, ended & (after.cause == cause))
            assert np.array_equal(values[:, NAMES.index("died")] == 1, ended & (after.cause <= 1) & (after.cause >= 0))
        assert all(np.array_equal(x, y) for x, y in zip(a.snapshot().values(), b.snapshot().values(), strict=True))


def test_a_known_transition():
    got = measured(place(5, [12, 11, 10], food=14), 3)
    assert (got["distance_before"], got["distance_after"], got["approach"]) == (2 / 8, 1 / 8, 1)
    assert (got["free_neighbours"], got["body_contact"], got["wall_contact"]) == (0.75, 0.25, 0)
    assert (got["turned"], got["space"], got["tail_reachable"], got["trapped"], got["revisit"]) == (0, 1, 1, 0, 0)
    assert np.isclose(got["length"], 3 / 25)
    assert np.isclose(got["idle"], 1 / 28)


def test_turning_away_is_seen():
    got = measured(place(5, [12, 11, 10], food=14), 0)
    assert (got["turned"], got["approach"]) == (1, -1)


def test_a_pocket_is_a_trap():
    # The head enters the corner pocket 0; its own body closes it off from the rest.
    engine = place(4, [1, 5, 4, 8, 9, 10, 6, 2, 3, 7], food=15)
    got = measured(engine, 2)
    assert (got["trapped"], got["tail_reachable"], got["space"], got["free_neighbours"]) == (1, 0, 0, 0)


def test_circling_is_a_revisit():
    engine = place(6, [14, 13, 12], food=35)
    seen = [measured(engine, move)["revisit"] for move in (0, 2, 1, 3, 0, 2)]
    assert seen[0] == 0
    assert seen[-1] == 1
