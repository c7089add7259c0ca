"""A picture determines the state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ouroloop.envs.snake.drawing.looks import HELD_OUT, LOOKS, sheet
from ouroloop.envs.snake.drawing.render import PLAIN, ansi, render
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.errors import UsageError


def read(picture, size, cell_px):
    """Return board and snake as the picture shows them, cell by nearest sprite."""
    cells = picture.reshape(size, cell_px, size, cell_px, 3).transpose(0, 2, 1, 3, 4).reshape(size * size, 1, -1)
    drawn = sheet(PLAIN, cell_px).reshape(1, 8, -1)
    codes = (np.abs(cells.astype(int) - drawn).sum(axis=2) == 0).argmax(axis=1)
    ahead = {cell: cell + (-size, size, -1, 1)[code - 1] for cell, code in enumerate(codes) if 1 <= code <= 4}
    behind = {front: cell for cell, front in ahead.items()}
    snake = [int(np.flatnonzero(codes == 5)[0])]
    while snake[-1] in behind:
        snake.append(behind[snake[-1]])
    return np.array([0, 1, 1, 1, 1, 2, 3, 4])[codes].tolist(), snake


@pytest.mark.parametrize("cell_px", [4, 5, 8, 13, 32])
@pytest.mark.parametrize("look", [*LOOKS, *HELD_OUT])
def test_sprites_differ(look, cell_px):
    drawn = sheet(look, cell_px).reshape(8, -1).astype(int)
    apart = np.abs(drawn[:, None] - drawn).sum(axis=2) / drawn.shape[1]
    assert apart[~np.eye(8, dtype=bool)].min() > 1


@settings(deadline=None, max_examples=12)
@given(some.integers(0, 1000), some.integers(4, 9), some.sampled_from([0.0, 0.2]), some.sampled_from([4, 8]))
def test_the_picture_gives_the_state_back(seed, size, walls, cell_px):
    task = SnakeTask(size, walls)
    observations = task.positions(seed, 20).observations()
    pictures = task.render(observations, cell_px)
    assert pictures.shape == (20, size * cell_px, size * cell_px, 3)
    assert pictures.dtype == np.uint8
    for row, picture in enumerate(pictures):
        seen = observations.row(row)
        assert read(picture, size, cell_px) == (seen["board"], seen["snake"])


def test_unreadably_small_cells_are_refused():
    observations = SnakeTask(4).engine(np.zeros(1, np.uint64)).observations()
    with pytest.raises(UsageError, match="3 pixels"):
        render(observations, 3)


def test_text():
    observations = SnakeTask(4, 0.1).engine(np.zeros(1, np.uint64)).observations()
    lines = ansi(observations, 0).splitlines()
    assert [len(line) for line in lines] == [4] * 4
    assert sorted("".join(lines)) == sorted("@oo*#" + "." * 11)
