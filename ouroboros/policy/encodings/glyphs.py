"""Boards as one of eight glyphs a cell: a part of the snake points to the part before it, which keeps the order of all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroboros.policy.encodings.board import FOOD, JUMP, STEPS, WALL, directions, free_of, heads
from ouroboros.policy.encodings.port import BoardState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.records import Observations

EMPTY_GLYPH, WALL_GLYPH, FOOD_GLYPH, HEAD_GLYPH, BODY_GLYPH = 0, 1, 2, 3, 4
"""Numbers of the glyphs; the body has four, by the direction of the part before it."""
GLYPHS: Final = 8


def glyphs_of(observations: Observations) -> NDArray[np.int64]:
    """Return the glyph of each cell: (B, N) int64. Parts of a perceived snake that point nowhere look empty."""
    count = len(observations)
    board = np.asarray(observations.columns["board"]).reshape(count, -1)
    out = np.select([board == WALL, board == FOOD], [WALL_GLYPH, FOOD_GLYPH], EMPTY_GLYPH).astype(np.int64)
    moves, _ = directions(observations)
    rows, parts = np.nonzero(moves != JUMP)
    out[rows, observations.columns["snake"][rows, parts + 1].astype(np.int64)] = BODY_GLYPH + moves[rows, parts]
    out[np.arange(count), heads(observations)] = HEAD_GLYPH
    return out


def glyphs(state: BoardState) -> list[int]:
    """Return what `glyphs_of` does, for one state."""
    n = state.size
    out = [EMPTY_GLYPH] * n * n
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
    """Return the state that a board of glyphs shows. Raises ValueError where it shows none."""
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
