"""Heat over a board: its cells are warm and no others, in a terminal, in a GIF and in a PNG; the move is an arrow."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ouroloop.envs.snake.drawing.colours import INK, PALE, WARM, warmth
from ouroloop.envs.snake.drawing.dots import points
from ouroloop.envs.snake.drawing.gif import encoded
from ouroloop.envs.snake.drawing.heat import board_with_heat, glow
from ouroloop.envs.snake.drawing.paint import HEADER, MARGIN, board_of, paint
from ouroloop.envs.snake.drawing.scene import Scene
from ouroloop.envs.snake.drawing.sheet import sheet
from ouroloop.envs.snake.drawing.text import draw

CELL = 40
ACTIONS = ("up", "down", "left", "right")
HOT = 33
"""A free cell."""


def scene(**changes):
    heat = [0.0] * 36
    heat[HOT], heat[14], heat[0] = 1.0, 0.5, 0.1
    made = Scene(6, (14, 13, 12), 28, (), 3, (0.0, 0.0, 0.1, 0.9), 2, 7, None, 0, tuple(heat), "a method")
    return replace(made, **changes)


def cell_of(picture, at):
    row, column = divmod(at, 6)
    return np.asarray(picture, int)[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]


def test_warm_cells_and_no_others_change():
    plain = board_of(scene(), CELL).convert("RGB").crop((MARGIN, HEADER, MARGIN + 6 * CELL, HEADER + 6 * CELL))
    warm = board_with_heat(scene(), CELL)
    assert warm.size == (6 * CELL, 6 * CELL)
    changed = {at for at in range(36) if (cell_of(warm, at) != cell_of(plain, at)).any()}
    assert changed == {HOT, 14, 0, 15}  # the arrow leads into the last
    assert np.abs(cell_of(warm, HOT)[CELL // 2, CELL // 2] - WARM[-1]).max() < 15
    cold = [np.abs(cell_of(warm, at) - cell_of(plain, at)).mean() for at in (HOT, 0)]
    assert cold[0] > 3 * cold[1] > 0


def test_a_thing_keeps_its_colours_better_than_the_ground():
    plain = board_of(scene(), CELL).convert("RGB").crop((MARGIN, HEADER, MARGIN + 6 * CELL, HEADER + 6 * CELL))
    heat = tuple(float(at == 12) for at in range(36))
    warm = board_with_heat(scene(heat=heat), CELL)
    moved = np.abs(cell_of(warm, 12) - cell_of(plain, 12)).sum(axis=2)
    ground = cell_of(plain, 12)[2, CELL // 2]
    bare = (cell_of(plain, 12) == ground).all(axis=2)[4:-4, 4:-4]
    thing = (cell_of(plain, 12) - ground).sum(axis=2)[4:-4, 4:-4] > 200
    assert moved[4:-4, 4:-4][bare].mean() > 1.5 * moved[4:-4, 4:-4][thing].mean() > 0


@pytest.mark.parametrize(("action", "into"), [(0, 8), (1, 20), (3, 15)])
def test_the_move_is_an_arrow_into_the_next_cell(action, into):
    with_arrow, without = (board_with_heat(scene(action=move, heat=()), CELL) for move in (action, None))
    changed = {at for at in range(36) if (cell_of(with_arrow, at) != cell_of(without, at)).any()}
    assert changed - {14} == {into}
    colours = {tuple(colour) for colour in cell_of(with_arrow, into).reshape(-1, 3).tolist()}
    assert {PALE, INK} <= colours


def test_a_gif_with_heat_shows_it_in_every_frame():
    scenes = [scene(), scene(action=0, heat=tuple(np.eye(36)[5])), scene(action=None, cause="won", heat=(), lens="")]
    image = Image.open(io.BytesIO(encoded(scenes, [100, 100, 900])))
    assert image.n_frames == 3
    for index, one in enumerate(scenes):
        image.seek(index)
        shown, wanted = (np.asarray(picture.convert("RGB"), int) for picture in (image, glow(one)))
        assert shown.shape == wanted.shape
        assert np.abs(shown - wanted).mean() < 3  # another palette
    plain = Image.open(io.BytesIO(encoded([replace(one, heat=()) for one in scenes], [100, 100, 900])))
    assert plain.size == paint(scenes[0]).size


def test_a_sheet_has_a_board_for_each_moment_side_by_side():
    one, three = (Image.open(io.BytesIO(sheet([scene()] * count, ACTIONS))) for count in (1, 3))
    assert one.format == three.format == "PNG"
    assert 2.5 * one.width < three.width < 3 * one.width
    assert len(sheet([scene()] * 3, ACTIONS)) < 150_000
    plain = Image.open(io.BytesIO(sheet([scene(heat=(), lens="")], ACTIONS)))
    assert plain.height < one.height  # no scale of heat


def test_a_terminal_tints_cells_and_says_what_found_them():
    plain, warm = points(replace(scene(), heat=()), 4).astype(int), points(scene(), 4).astype(int)
    changed = np.argwhere((plain != warm).any(axis=2)) // 4
    assert {row * 6 + column for row, column in changed.tolist()} == {HOT, 14, 0}
    assert np.abs(warm[21, 13] - warmth(1.0)).max() < 50
    console = Console(force_terminal=True, width=100, height=40, color_system="truecolor", file=io.StringIO())
    console.print(draw(scene(), console, ACTIONS, "title"))
    assert "what speaks for it: a method" in console.file.getvalue()
    bare = Console(width=100, file=io.StringIO(), color_system=None)
    bare.print(draw(replace(scene(), heat=()), bare, ACTIONS, "title"))
    assert "speaks for" not in bare.file.getvalue()
