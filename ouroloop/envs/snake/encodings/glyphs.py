"""Boards as one of eight glyphs per cell. Each part of the snake points to the part before it, which keeps their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from ouroloop.envs.snake.encodings.board import STEPS, free_of
from ouroloop.envs.snake.encodings.port import BoardState
from ouroloop.envs.snake.encodings.write import BODY_GLYPH, FOOD_GLYPH, HEAD_GLYPH, WALL_GLYPH

GLYPHS: Final = 8
"""Numbers of the glyphs: `write.WALL_GLYPH` and so on, 0 for an empty cell."""


def glyphs(state: BoardState) -> list[int]:
    """Return the glyph of each cell of a state, as `write.write_glyphs` writes them for a batch."""
    n = state.size
    out = [0] * n * n
    for wall in state.walls:
        out[wall] = WALL_GLYPH
    if state.food >= 0:
        out[state.food] = FOOD_GLYPH
    for newer, older in pairwise(state.snake):
        step = (newer // n - older // n, newer % n - older % n)
        if step in STEPS:
            out[older] = BODY_GLYPH + STEPS.index(step)
    out[state.snake[0]] = HEAD_GLYPH
    return out


def state_of(board: Sequence[int], idle: int) -> BoardState:
    """Return the state that a board of glyphs shows. Raises ValueError if it shows none."""
    size = round(len(board) ** 0.5)
    snake = [board.index(HEAD_GLYPH)]
    while (part := _behind(board, snake[-1], size)) is not None:
        snake.append(part)
    if len(snake) != 1 + sum(glyph >= BODY_GLYPH for glyph in board):
        raise ValueError("some parts of the snake do not lead to its head")
    walls = tuple(cell for cell, glyph in enumerate(board) if glyph == WALL_GLYPH)
    food = board.index(FOOD_GLYPH) if FOOD_GLYPH in board else -1
    return BoardState(size, tuple(snake), food, walls, free_of(size, snake, walls), idle)


def _behind(board: Sequence[int], cell: int, size: int) -> int | None:
    """Return the cell whose glyph points to this one."""
    row, column = divmod(cell, size)
    for move, (down, right) in enumerate(STEPS):
        r, c = row - down, column - right
        if 0 <= r < size and 0 <= c < size and board[r * size + c] == BODY_GLYPH + move:
            return r * size + c
    return None
