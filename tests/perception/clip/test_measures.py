"""Measures on vectors and scores whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from ouroloop.bench.perception import clip as bench
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.clip.loading import load_clip
from ouroloop.perception.clip.measures import _localised, localisations, matches, retrieve
from ouroloop.perception.clip.states import gallery
from ouroloop.perception.config import perfect
from tests.perception.clip.conftest import TASK


def test_each_is_nearest_to_its_own_or_not_and_a_tie_is_a_miss():
    own = np.eye(3, dtype=np.float32)
    assert matches(own, own).by_image.all()
    swapped = matches(own, own[[1, 0, 2]])
    assert swapped.by_image.tolist() == swapped.by_text.tolist() == [False, False, True]
    tied = matches(own[[0, 0, 2]], own[[0, 0, 2]])
    assert tied.by_image.tolist() == tied.by_text.tolist() == [False, False, True]


def test_precision_is_that_of_the_order_of_scores():
    scores = np.array([[0.9, 0.8, 0.7, 0.6], [0.9, 0.8, 0.7, 0.6]], np.float32)
    marked = np.array([[True, False, True, False], [False, False, False, True]])
    found = _localised(scores, marked)
    assert found.hits.tolist() == [True, False]
    assert found.precision.tolist() == pytest.approx([(1 + 2 / 3) / 2, 1 / 4])
    assert found.chance == pytest.approx(3 / 8)


def test_a_trained_clip_is_far_better_than_chance(trained):
    clip, camera = load_clip(trained[0]), Camera(TASK, perfect())
    boards = gallery(TASK.sight, TASK.positions(77, 32).observations(), 256, np.random.default_rng(1))
    found = retrieve(clip, camera, boards)
    assert found.by_image.mean() > 5 / 256
    places = localisations(clip, camera, boards)
    assert set(places) == set(TASK.sight.phrases)
    for phrase in ("the apple", "the head", "the border"):
        assert places[phrase].hits.mean() > places[phrase].chance + 0.2


def test_the_benchmark_has_boards_of_many_positions_and_boards_of_one(trained, monkeypatch):
    for name, count in (("BOARDS", 96), ("POSITIONS", 8), ("ALONE", 2)):
        monkeypatch.setattr(bench, name, count)
    task = SnakeTask(4)
    many, alike = bench.sets(task, 3)
    assert len(alike) == 2
    for boards, least, most in ((many, 4, 16), (alike[0], 1, 3), (alike[1], 1, 3)):
        cells = task.sight.label(boards)
        assert len({line.tobytes() for line in cells}) == len(boards) == 96
        assert least <= (cells != cells[0]).sum(1)[1:].max() <= most
    found = bench.worth(load_clip(trained[0]), task, many, 3, {"clean": perfect()}, alike)
    row = found["cameras"]["clean"]
    assert row["by_image"]["n"] == 96
    assert len(row["by_image_alike"]) == len(row["by_text_alike"]) == 2
    console = Console(width=400)
    with console.capture() as shown:
        console.print(bench.table({"boards": 96, "side": 4, "models": {"ours": found}}))
    for name in ("text of image, many positions", "text of image, one position", "image of text, one position"):
        assert name in shown.get()
    low, high = sorted(row["by_image_alike"])
    assert f"({low:.1%} to {high:.1%})" in shown.get()
