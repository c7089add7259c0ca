"""The benchmark of maps: cells that decide, areas under ROC curves, and the table."""

import io

import numpy as np
import pytest
from rich.console import Console

from ouroloop.bench.perception import saliency
from ouroloop.bench.perception.decisive import changes, decisive
from ouroloop.bench.perception.saliency import agreement, measure, roc_area, table
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.protocols.records import Observations


def position(size, snake, food):
    board = np.zeros((1, size * size), np.uint8)
    board[0, snake], board[0, snake[0]], board[0, food] = 1, 2, 3
    columns = {
        "board": board,
        "snake": np.array([snake + [0] * (size * size - len(snake))], np.int16),
        "food": np.array([food], np.int16),
        "idle": np.zeros(1, np.int32),
    }
    return Observations({"size": size}, columns, {"snake": np.array([len(snake)], np.int32)})


def test_every_change_is_a_legal_position(task):
    seen = task.positions(1, 12).observations()
    for row in range(12):
        own = seen.take([row]).row(0)
        for change in changes(seen.take([row]), np.random.default_rng(0)):
            places = [*change.snake, *change.walls, change.food]
            assert len(set(places)) == len(places)
            assert all(
                abs(a // 6 - b // 6) + abs(a % 6 - b % 6) == 1 for a, b in zip(change.snake, change.snake[1:], strict=False)
            )
            assert change.snake[0] == own["snake"][0] != change.cell
            assert change.cell in {own["food"], *own["snake"], *(c for c in change.walls)}


def test_the_food_ahead_decides_and_a_far_corner_does_not():
    found = decisive(SnakeEngine.of(position(6, [14, 13, 12], 16)), 0)[0]
    assert found[16] == 1  # the food
    assert found[15] == 1  # a wall between head and food
    assert found[35] == found[0] == 0
    assert np.isnan(found[[14, 13]]).all()  # head and straight part


def test_areas_under_roc_curves():
    assert roc_area(np.array([0.1, 0.9, 0.5]), np.array([False, True, False])) == 1
    assert roc_area(np.array([0.5, 0.5, 0.5]), np.array([False, True, False])) == 0.5
    assert roc_area(np.array([0.5, 0.1]), np.array([True, True])) is None
    label = np.array([[1, 0, np.nan], [1, 0, 0.0]])
    assert agreement(np.array([[0.9, 0.1, 1.0], [0.0, 0.5, 0.5]]), label)["mean"] == 0.5
    assert agreement(np.zeros((2, 3)), np.zeros((2, 3))) is None


def test_it_measures_and_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency, "SIZES", (6,))
    found = measure(lambda what, share: None, 0, positions=4)
    row = found["snake-gpt-6x6"]["ig"]
    assert (
        row["deletion_gain"]["low"]
        <= row["deletion_gain"]["mean"]
        == pytest.approx(row["random_deletion"] - row["deletion"], abs=1e-3)
    )
    console = Console(file=io.StringIO(), width=200)
    console.print(table(found))
    text = console.file.getvalue()
    for words in ("integrated gradients", "Grad-CAM", "attention rollout", "all cells named", "ms a map"):
        assert words in text
