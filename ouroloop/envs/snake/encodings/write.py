"""Kernels that write prompts as ids. Each row is written from its end to its front, since rows are flush right.

All kernels are in this module, because numba recompiles a kernel only when its own file changes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.encodings.board import BODY, FOOD, JUMP, STEPS, WALL, idle_steps
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

CHUNK: Final = 5
"""Moves per token of a path."""
WALL_GLYPH, FOOD_GLYPH, HEAD_GLYPH, BODY_GLYPH = 1, 2, 3, 4
"""Numbers of the glyphs, 0 for empty cells; the body has four, one per direction of the part before it."""


class Batch(NamedTuple):
    """B observations of boards of N = size * size cells, in the types that the kernels are compiled for.

    Args:
        size: cells along an edge.
        board: (B, N) uint8, the observation's codes.
        snake: (B, W) int16, cells, head first.
        lengths: (B,) int32, how many cells of each row of `snake` count.
        food: (B,) int16, the food's cell; the head's if there is no food.
        idle: (B,) int32, idle steps in units of the board's size.
        walls: (B,) int32, the number of walls.
        spread: (N,) int32, row * (2 size - 1) + column. The difference of two of these determines where one cell lies
            relative to the other; the difference of two cell indices does not.
    """

    size: int
    board: Array
    snake: Array
    lengths: Array
    food: Array
    idle: Array
    walls: Array
    spread: Array


def batch_of(observations: Observations) -> Batch:
    """Return the observations in the form that the kernels take.

    Raises:
        UsageError: a cell lies outside the board; the kernels would read and write out of bounds.
    """
    size, columns = int(observations.constants["size"]), observations.columns
    board = np.ascontiguousarray(columns["board"], np.uint8).reshape(-1, size * size)
    snake, food = (np.ascontiguousarray(columns[key], np.int16) for key in ("snake", "food"))
    lengths, walls = np.ascontiguousarray(observations.lengths["snake"], np.int32), np.empty(len(board), np.int32)
    if not measure(board, snake, lengths, food, walls):
        raise UsageError(f"a snake or food that is not on its board: expected cells 0..{size * size - 1} and a length >= 1")
    food, idle = np.where(food < 0, snake[:, 0], food), idle_steps(observations).astype(np.int32)
    return Batch(size, board, snake, lengths, food, idle, walls, spread_of(size))


@lru_cache(maxsize=32)
def spread_of(size: int) -> NDArray[np.int32]:
    """Return `Batch.spread`."""
    cells = np.arange(size * size, dtype=np.int32)
    return cells // size * np.int32(2 * size - 1) + cells % size


def empty_rows(counts: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return space for `counts` tokens per row: ids (B, L) int32, all `PAD`, and mask (B, L) bool, true for token places."""
    longest = int(counts.max(initial=0))
    return np.zeros((len(counts), longest), np.int32), np.arange(longest) >= (longest - counts)[:, None]


@kernel
def measure(board: Array, snake: Array, lengths: Array, food: Array, walls: Array) -> bool:
    """Fill `walls`: (B,) with the number of walls of each board; return whether all snakes and foods lie on their board."""
    cells, fits = board.shape[1], True
    for row in range(board.shape[0]):
        count, outside = 0, 0
        for cell in range(cells):
            count += board[row, cell] == WALL
        for part in range(min(lengths[row], snake.shape[1])):
            outside += snake[row, part] < 0 or snake[row, part] >= cells
        walls[row] = count
        fits = fits and outside == 0 and 1 <= lengths[row] <= snake.shape[1] and food[row] < cells
    return fits


@inlined
def step_between(batch: Batch, older: int, newer: int) -> int:
    """Return the move that leads from one cell to another, `JUMP` if no move does."""
    step, down = batch.spread[newer] - batch.spread[older], 2 * batch.size - 1
    if step == -down:
        return 0
    if step == down:
        return 1
    if step == -1:
        return 2
    return 3 if step == 1 else JUMP


@inlined
def free_bits(batch: Batch, row: int) -> int:
    """Return which moves do not end the game: 8 for up, 4 for down, 2 for left, 1 for right; see `board.free_moves`."""
    head, tail, bits = batch.snake[row, 0], batch.snake[row, batch.lengths[row] - 1], 0
    for down, right in STEPS:
        r, c = head // batch.size + down, head % batch.size + right
        bits *= 2
        if 0 <= r < batch.size and 0 <= c < batch.size:
            cell = r * batch.size + c
            bits += cell == tail or (batch.board[row, cell] != BODY and batch.board[row, cell] != WALL)
    return bits


@inlined
def write_walls(batch: Batch, row: int, names: Array, shift: int, out: Array, at: int) -> int:
    """Write the walls, ascending, before the place `at`; return the place of the first.

    Args:
        batch: the observations.
        row: which of them.
        names: (N,) int32, the token of each cell, less `shift`.
        shift: see `names`.
        out: (B, L) int32.
        at: where the next token already stands.
    """
    left, cell = batch.walls[row], batch.board.shape[1] - 1
    while left > 0:
        if batch.board[row, cell] == WALL:
            at, left = at - 1, left - 1
            out[row, at] = names[cell] + shift
        cell -= 1
    return at


@inlined
def write_moves(batch: Batch, row: int, lookup: Array, out: Array, at: int) -> int:
    """Write the snake's moves before the place `at`, `CHUNK` per token; return the place of the first.

    A path with a gap has no moves: each of its chunks gets the token that `lookup` has for no path.
    """
    end, broken, number, weight = at, False, 0, 5 ** (CHUNK - 1)
    for part in range(1, batch.lengths[row]):
        move = step_between(batch, batch.snake[row, part], batch.snake[row, part - 1])
        broken = broken or move == JUMP
        number, weight = number + (move + 1) * weight, weight // 5
        if weight == 0 or part == batch.lengths[row] - 1:
            at -= 1
            out[row, at] = lookup[number]
            number, weight = 0, 5 ** (CHUNK - 1)
    if broken:
        out[row, at:end] = lookup[0]
    return at


@kernel
def write_path(batch: Batch, lookup: Array, bases: tuple[int, ...], out: Array) -> None:
    """Fill `out`: (B, L) int32 with the prompts of `PathEncoding`.

    Args:
        batch: the observations.
        lookup: (5 ** CHUNK,) int32, the tokens of chunks.
        bases: ids of the head's own cell relative to itself, as wall, tail and food; first ids of free, idle and head; the
            id of the token that ends the walls; the openings.
        out: zeros.
    """
    wall, tail, food, free, idle, head_base, after, opening = bases
    for row in range(out.shape[0]):
        head, at = batch.snake[row, 0], out.shape[1] - 5
        here = batch.spread[head]
        out[row, at] = tail + batch.spread[batch.snake[row, batch.lengths[row] - 1]] - here
        out[row, at + 1] = food + batch.spread[batch.food[row]] - here
        out[row, at + 2] = free + free_bits(batch, row)
        out[row, at + 3] = idle + batch.idle[row]
        out[row, at + 4] = head_base + head
        at = write_moves(batch, row, lookup, out, at)
        if batch.walls[row] > 0:
            out[row, at - 1] = after
            at = write_walls(batch, row, batch.spread, wall - here, out, at - 1)
        out[row, at - 1] = opening + (batch.walls[row] > 0)


@kernel
def write_cells(batch: Batch, bases: tuple[int, ...], out: Array) -> None:
    """Fill `out`: (B, L) int32 with the prompts of `CellsEncoding`.

    Args:
        batch: the observations.
        bases: ids of the head's own cell relative to itself, as body and food; first ids of heads, free, idle; the openings.
        out: zeros.
    """
    body, food_base, head_base, free, idle, opening = bases
    for row in range(out.shape[0]):
        head, at = batch.snake[row, 0], out.shape[1] - 5
        here = batch.spread[head]
        out[row, at] = head_base + head
        out[row, at + 1] = food_base + batch.spread[batch.food[row]] - here
        out[row, at + 2] = free + free_bits(batch, row)
        out[row, at + 3] = idle + batch.idle[row]
        out[row, at + 4] = opening + 3
        for part in range(batch.lengths[row] - 1, 0, -1):
            at -= 1
            out[row, at] = body + batch.spread[batch.snake[row, part]] - here
        if batch.walls[row] > 0:
            out[row, at - 1] = opening + 2
            at = write_walls(batch, row, batch.spread, body - here, out, at - 1)
        out[row, at - 1] = opening + (batch.walls[row] > 0)


@kernel
def write_coordinates(batch: Batch, names: Array, opening: int, out: Array) -> None:
    """Fill `out`: (B, L) int32 with the prompts of `JsonEncoding`.

    Args:
        batch: the observations.
        names: (N,) int32, the tokens of cells; those of food and then of idle follow them.
        opening: id of the opening; the next id begins the walls.
        out: zeros.
    """
    cells = names.size
    for row in range(out.shape[0]):
        at = out.shape[1] - 2
        out[row, at] = names[batch.food[row]] + cells
        out[row, at + 1] = names[0] + 2 * cells + batch.idle[row]
        if batch.walls[row] > 0:
            at = write_walls(batch, row, names, 0, out, at) - 1
            out[row, at] = opening + 1
        for part in range(batch.lengths[row] - 1, -1, -1):
            at -= 1
            out[row, at] = names[batch.snake[row, part]]
        out[row, at - 1] = opening


@kernel
def write_glyphs(batch: Batch, places: Array, first: int, out: Array) -> None:
    """Write the boards into `out`: (B, L) int32 as glyphs; a perceived part that does not lead to a neighbour looks empty.

    Args:
        batch: the observations; without food, `food` is the head's cell.
        places: (N,) int32, the place in a row of each cell's token.
        first: id of the first glyph.
        out: the rest of the prompts.
    """
    for row in range(out.shape[0]):
        for cell in range(places.size):
            code = batch.board[row, cell]
            out[row, places[cell]] = first + (code == WALL) * WALL_GLYPH + (code == FOOD) * FOOD_GLYPH
        for part in range(1, batch.lengths[row]):
            older = batch.snake[row, part]
            move = step_between(batch, older, batch.snake[row, part - 1])
            if move != JUMP:
                out[row, places[older]] = first + BODY_GLYPH + move
        out[row, places[batch.snake[row, 0]]] = first + HEAD_GLYPH
