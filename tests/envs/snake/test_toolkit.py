"""The controllers' toolkit against the oracle, and that it never raises."""

import subprocess
import sys

import numpy as np
import pytest

from ouroloop.envs.snake import toolkit
from ouroloop.envs.snake.oracle.astar import shortest_paths
from ouroloop.envs.snake.oracle.regret import ASTRAY, RISKY, TRAPPED, regret
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.envs.snake.teachers.cycle import positions_on_cycle

BOARDS = [(4, 0.0), (5, 0.0), (6, 0.0), (8, 0.15)]


def seen(size, walls, count=200):
    positions = SnakeTask(size, walls).positions(seed=9, count=count)
    observations = positions.observations()
    return positions, [observations.row(row) for row in range(count)]


def ask(name, observation, move):
    function = getattr(toolkit, name)
    kind = next(tool.kind for tool in SnakeTask().toolkit if tool.name == name)
    return function(observation) if kind in ("moves", "move") else function(observation, move)


@pytest.mark.parametrize(("size", "walls"), BOARDS)
def test_answers_have_the_form_that_their_kind_says(size, walls):
    _, rows = seen(size, walls, 60)
    engine = SnakeTask(4).engine(np.arange(20, dtype=np.uint64))
    while not engine.done.all():
        engine.step(SnakeTask(4).teach("cycle", engine))
    rows += [engine.observations().row(row) for row in range(20)]  # full boards without food too
    for observation in rows:
        before = {key: value[:] if isinstance(value, list) else value for key, value in observation.items()}
        for tool in SnakeTask().toolkit:
            for move in (-1, 0, 1, 2, 3, 4):
                answer = ask(tool.name, observation, move)
                if tool.kind == "moves":
                    assert all(type(one) is int and 0 <= one < 4 for one in answer)
                elif tool.kind == "move":
                    assert answer is None or (type(answer) is int and 0 <= answer < 4)
                else:
                    assert type(answer) is (bool if tool.kind == "test" else int)
        assert observation == before


@pytest.mark.parametrize(("size", "walls"), BOARDS)
def test_moves_are_judged_as_the_oracle_judges_them(size, walls):
    positions, rows = seen(size, walls)
    lengths, _ = shortest_paths(positions)
    for observation, rating, length in zip(rows, regret(positions), lengths, strict=True):
        legal = toolkit.legal_moves(observation)
        if legal:
            assert legal == [move for move in range(4) if rating[move] < 1]
        safe = [move for move in range(4) if toolkit.path_safe(observation, move)]
        if safe:
            assert safe == [move for move in range(4) if rating[move] < ASTRAY]
            assert rating[toolkit.safe_food_move(observation)] == 0
        for move in legal:
            tail, room = toolkit.tail_reachable(observation, move), toolkit.leaves_space(observation, move)
            if safe and not tail and move not in safe:
                assert rating[move] == np.float32(RISKY if room else TRAPPED)
        # The oracle's path keeps the whole body in place, the toolkit's lets the tail move on once.
        if length >= 0:
            first = toolkit.food_move(observation)
            assert toolkit.nears_food(observation, first)
            assert toolkit.food_distance(observation, first) + 1 <= length


def test_the_cycle_is_the_teachers():
    for size in (4, 6, 10):
        _, rows = seen(size, 0.0, 100)
        order = positions_on_cycle(size)
        for observation in rows:
            here = order[observation["snake"][0]]
            move = toolkit.cycle_move(observation)
            for option in toolkit.legal_moves(observation):
                target = observation["snake"][0] + (-size, size, -1, 1)[option]
                assert (option == move) == (order[target] == (here + 1) % (size * size))
                assert toolkit.cycle_gap(observation, option) == (order[observation["food"]] - order[target]) % (size * size)


def test_no_cycle_on_odd_boards_and_among_walls():
    for size, walls in ((5, 0.0), (8, 0.15)):
        _, rows = seen(size, walls, 20)
        assert all(toolkit.cycle_move(row) is None for row in rows)
        assert not any(toolkit.can_shortcut(row, move) for row in rows for move in range(4))
        assert all(toolkit.cycle_gap(row, move) == toolkit.FAR for row in rows for move in range(4))


def play(act, size=6, games=20):
    task = SnakeTask(size)
    engine = task.engine(np.arange(games, dtype=np.uint64))
    while not engine.done.all():
        observations = engine.observations()
        engine.step(np.array([0 if over else act(observations.row(row)) for row, over in enumerate(engine.done)]))
    return engine.outcomes()


def test_controllers_made_of_it_play():
    def along_the_cycle(observation):
        moves = toolkit.legal_moves(observation) or [0]
        moves = [move for move in moves if toolkit.can_shortcut(observation, move)] or moves
        return min(moves, key=lambda move: toolkit.cycle_gap(observation, move))

    def to_the_food(observation):
        move = toolkit.food_move(observation)
        return (toolkit.legal_moves(observation) or [0])[0] if move is None else move

    assert play(along_the_cycle).score.mean() > 31
    assert 8 < play(to_the_food).score.mean() < 25


def test_answers_depend_on_the_arguments_alone():
    _, rows = seen(6, 0.0, 40)
    names = [tool.name for tool in SnakeTask().toolkit]
    forward = [[ask(name, row, 1) for name in names] for row in rows]
    backward = [[ask(name, row, 1) for name in reversed(names)][::-1] for row in reversed(rows)][::-1]
    assert forward == backward


def test_it_needs_no_other_module():
    code = "import sys; before = set(sys.modules); exec(sys.stdin.read(), {'__name__': 't'}); print(set(sys.modules) - before)"
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, input=SnakeTask().toolkit_source, capture_output=True, text=True)
    assert done.stdout.strip() in ("set()", "{'__future__'}"), done.stderr
